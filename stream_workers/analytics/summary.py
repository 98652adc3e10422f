"""Buckets added up for readers: rates, means and quantiles over any set of hours, arms, domains or tenants."""

import math
from collections.abc import Callable, Iterable
from statistics import NormalDist

from msgspec import Struct

from schemas.events import Kpi

from .bucket import BucketId
from .latency import LatencySketch


class Summary(Struct, frozen=True):
    """The sums of some buckets and what follows from them.  Means and rates are None where nothing was observed."""

    interactions: int
    with_feedback: int
    reward_sum: float
    cost_sum: float  # USD
    cost_count: int
    success_sum: float
    success_count: int
    error_sum: float
    error_count: int
    latency_ms_p50: float | None
    latency_ms_p95: float | None
    latency_sketch: bytes
    unfollowed: int = 0  # of the interactions: a fallback answered

    @property
    def reward(self) -> float | None:
        """Mean reward of an interaction, 0 to 1."""
        return _mean(self.reward_sum, self.interactions)

    @property
    def cost_per_interaction(self) -> float | None:
        """USD, over the interactions whose cost was observed: a lost cost is not taken for a free request."""
        return _mean(self.cost_sum, self.cost_count)

    @property
    def success_rate(self) -> float | None:
        """Share of successes among the interactions for which success was observed."""
        return _mean(self.success_sum, self.success_count)

    @property
    def error_rate(self) -> float | None:
        """Share of errors among the interactions for which error was observed."""
        return _mean(self.error_sum, self.error_count)

    @property
    def feedback_rate(self) -> float | None:
        """Share of interactions of which every required component was observed."""
        return _mean(self.with_feedback, self.interactions)

    def success_interval(self, confidence: float = 0.95) -> tuple[float, float] | None:
        """Wilson interval of the success rate; None when success was never observed."""
        return wilson_interval(self.success_sum, self.success_count, confidence)


def merge(parts: Iterable[Kpi | Summary]) -> Summary:
    """The sum of buckets, or of sums of them.

    The order of the parts does not matter; grouping them changes the sums of floats by rounding at most, and nothing
    else.  Give each bucket once: `latest` picks its value from the records of "kpis".
    """
    items = list(parts)
    sketch = LatencySketch()
    sketch.merge(LatencySketch.from_bytes(item.latency_sketch) for item in items)

    def count(field: Callable[[Kpi | Summary], int]) -> int:
        return sum(map(field, items))

    def total(field: Callable[[Kpi | Summary], float]) -> float:
        try:
            return math.fsum(map(field, items))
        except OverflowError:  # nothing here is negative, so the sum is beyond what a float holds
            return math.inf

    return Summary(
        interactions=count(lambda item: item.interactions),
        with_feedback=count(lambda item: item.with_feedback),
        reward_sum=total(lambda item: item.reward_sum),
        cost_sum=total(lambda item: item.cost_sum),
        cost_count=count(lambda item: item.cost_count),
        success_sum=total(lambda item: item.success_sum),
        success_count=count(lambda item: item.success_count),
        error_sum=total(lambda item: item.error_sum),
        error_count=count(lambda item: item.error_count),
        latency_ms_p50=sketch.quantile(0.50),
        latency_ms_p95=sketch.quantile(0.95),
        latency_sketch=sketch.to_bytes(),
        unfollowed=count(lambda item: item.unfollowed),
    )


def latest(kpis: Iterable[Kpi]) -> dict[BucketId, Kpi]:
    """Each bucket's value from any records of "kpis", in any order: the one that reflects most of the log.

    After a crash older values may be written again; the offset they reflect tells them apart.
    """
    values: dict[BucketId, Kpi] = {}
    for kpi in kpis:
        bucket_id = BucketId(kpi.hour, kpi.tenant, kpi.domain, kpi.arm)
        known = values.get(bucket_id)
        if known is None or kpi.applied >= known.applied:
            values[bucket_id] = kpi
    return values


def wilson_interval(successes: float, trials: int, confidence: float = 0.95) -> tuple[float, float] | None:
    """Confidence interval of a probability (Wilson 1927); None without trials.

    successes: from 0 to trials; parts of a success (an observation of 0.5) widen no interval and make it conservative,
    as values within 0..1 vary at most as much as 0 and 1 do.  confidence: above 0 and below 1.
    """
    if trials == 0:
        return None
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / trials
    scale = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return max(0.0, centre - half), min(1.0, centre + half)


def _mean(total: float, count: int) -> float | None:
    return total / count if count else None
