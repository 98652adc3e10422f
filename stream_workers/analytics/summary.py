"""Buckets added up for readers: rates, means, quantiles, regret, over any set of times, arms, domains or tenants.

Whoever shows a number takes it from here, so that it is the same everywhere; docs/kpis.md has the definitions.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import NormalDist
from typing import Any, Final, NamedTuple

from msgspec import Struct, field
from msgspec.structs import astuple

from schemas.events import Kpi

from . import sketch
from .bucket import BucketId
from .sums import SUMS, Sums

#: Decisions' worth of importance weights below which nothing is said of what an arm would have cost.
FEWEST: Final = 10.0


class Interval(NamedTuple):
    """An estimate with its 95% interval."""

    estimate: float
    lower: float
    upper: float


class ArmName(NamedTuple):
    """Whose arm."""

    tenant: str
    domain: str
    arm: str


class ArmSummary(Struct, frozen=True):
    """What some buckets say of one arm."""

    name: ArmName
    sums: Sums
    price: float  # USD, as the newest of the buckets has it
    baseline: bool

    @property
    def value(self) -> Interval | None:
        """What always taking this arm would have earned, over the decisions in which it was eligible; doubly robust."""
        return _mean_interval(self.sums.value_sum, self.sums.value_squares, self.sums.eligible, 1)

    def regret(self, among: int = 1) -> Interval | None:
        """The same less what was earned.  among: so many arms that this one was picked from (Bonferroni)."""
        return _mean_interval(self.sums.regret_sum, self.sums.regret_squares, self.sums.eligible, among)

    @property
    def effective(self) -> float:
        """So many decisions, all of this arm, would say as much of its cost: (sum w)^2 / sum w^2."""
        s = self.sums
        return s.weight_sum * s.weight_sum / s.weight_squares if s.weight_squares else 0.0

    @property
    def cost_if_always(self) -> float | None:
        """USD that an interaction would have cost with this arm alone: costs weighted by 1 / propensity."""
        return self.sums.weighted_cost_sum / self.sums.weight_sum if self.effective >= FEWEST else None


class Regret(Struct, frozen=True):
    """Against the best fixed arm of each domain, per interaction; below 0: more is earned than by any fixed arm."""

    estimate: float
    lower: float
    upper: float
    interactions: int  # of the domains for which it is known
    best: dict[str, str]  # "tenant/domain" to arm


class CostCut(Struct, frozen=True):
    """What is saved against always taking the baseline arm, as a share of that arm's cost."""

    estimate: float
    cost_per_interaction: float  # USD
    baseline_cost: float  # USD, an interaction
    baseline: str  # "tenant/domain: arm"; of many domains: how many
    interactions: int  # whose cost is known, in domains whose baseline's cost is
    effective: float  # of the baseline's cost: so many decisions of it would say as much


class Summary(Struct, frozen=True):
    """The sums of some buckets and what follows from them.  Means and rates are None where nothing was observed."""

    sums: Sums = field(default_factory=Sums)
    latency_ms: sketch.Bins = field(default_factory=dict)
    feedback_ms: sketch.Bins = field(default_factory=dict)
    arms: tuple[ArmSummary, ...] = ()

    @property
    def interactions(self) -> int:
        """Decisions whose outcome is known."""
        return self.sums.interactions

    @property
    def reward(self) -> float | None:
        """Mean reward of an interaction, 0 to 1."""
        return _mean(self.sums.reward_sum, self.sums.interactions)

    @property
    def cost_per_interaction(self) -> float | None:
        """USD, over the interactions whose cost was observed: a lost cost is not taken for a free request."""
        return _mean(self.sums.cost_sum, self.sums.cost_count)

    @property
    def cost_per_resolved(self) -> float | None:
        """USD, of all interactions whose cost was observed, per one of them that was resolved."""
        return _mean(self.sums.cost_sum, self.sums.paid_resolved_sum)

    @property
    def success_rate(self) -> float | None:
        """Share of successes among the interactions for which success was observed."""
        return _mean(self.sums.success_sum, self.sums.success_count)

    @property
    def error_rate(self) -> float | None:
        """Share of errors among the interactions for which error was observed."""
        return _mean(self.sums.error_sum, self.sums.error_count)

    @property
    def fallback_rate(self) -> float | None:
        """Share of interactions in which another arm answered, as the chosen one failed, of those observed."""
        return _mean(self.sums.fallback_sum, self.sums.observed)

    @property
    def unfollowed_rate(self) -> float | None:
        """Share of decisions that came too late to be followed."""
        return _mean(self.sums.unfollowed, self.sums.interactions)

    @property
    def resolved_rate(self) -> float | None:
        """Share resolved (`measures.resolved`) of those for which it is known."""
        return _mean(self.sums.resolved_sum, self.sums.resolved_count)

    @property
    def availability(self) -> float | None:
        """Share answered (`measures.answered`) of the interactions of which anything was observed."""
        return _mean(self.sums.answered_sum, self.sums.observed)

    @property
    def feedback_rate(self) -> float | None:
        """Share of interactions of which every required component was observed."""
        return _mean(self.sums.with_feedback, self.sums.interactions)

    @property
    def satisfaction(self) -> Interval | None:
        """Share of thumbs up of those given, with Wilson's interval."""
        share = _mean(self.sums.thumbs_sum, self.sums.thumbs_count)
        bounds = wilson_interval(self.sums.thumbs_sum, self.sums.thumbs_count)
        return None if share is None or bounds is None else Interval(share, *bounds)

    @property
    def response_rate(self) -> float | None:
        """Share of interactions for which somebody gave thumbs up or down."""
        return _mean(self.sums.thumbs_count, self.sums.interactions)

    @property
    def exploration(self) -> float | None:
        """Mean probability with which another arm than the likeliest was drawn."""
        return _mean(self.sums.explored_sum, self.sums.interactions - self.sums.unfollowed)

    @property
    def budget_use(self) -> float | None:
        """Cost by target cost (`Budget.cost_per_request`), of interactions whose cost was observed; 1: on target."""
        return _mean(self.sums.budgeted_cost_sum, self.sums.budget_sum)

    @property
    def regret(self) -> Regret | None:
        """Per interaction, against the best fixed arm of each domain in hindsight, with its 95% interval.

        The interval is for this one look (normal, corrected for picking the best of K arms);
        `croupier evaluate` has intervals that hold at every moment.
        """
        return _regret(self.arms)

    @property
    def cost_cut(self) -> CostCut | None:
        """Against the baseline arms; None: none is declared, or too little is known of what it costs."""
        return _cost_cut(self.arms)

    def success_interval(self, confidence: float = 0.95) -> tuple[float, float] | None:
        """Wilson interval of the success rate; None when success was never observed."""
        return wilson_interval(self.sums.success_sum, self.sums.success_count, confidence)

    def latency(self, q: float) -> float | None:
        """Response time in milliseconds at a quantile, within 1%."""
        return sketch.quantile(self.latency_ms, q)

    def feedback_delay(self, q: float) -> float | None:
        """Milliseconds from decision to last observation, of outcomes that were complete, at a quantile."""
        return sketch.quantile(self.feedback_ms, q)

    def share_within(self, latency_ms: float) -> float | None:
        """Share of response times that are below a limit, each known to 1%."""
        total = sum(self.latency_ms.values())
        limit = sketch.bin_of(latency_ms)
        return sum(n for number, n in self.latency_ms.items() if number < limit) / total if total else None

    def figures(self) -> dict[str, Any]:
        """Plain data: every KPI by name, and the counts that they are made of; what no float holds is None."""
        satisfaction, regret, cut = self.satisfaction, self.regret, self.cost_cut
        found = {
            "interactions": self.interactions,
            "observed": self.sums.observed,
            "reward": self.reward,
            "success_rate": self.success_rate,
            "success_interval": self.success_interval(),
            "error_rate": self.error_rate,
            "fallback_rate": self.fallback_rate,
            "unfollowed_rate": self.unfollowed_rate,
            "resolved_rate": self.resolved_rate,
            "availability": self.availability,
            "latency_ms_p50": self.latency(0.50),
            "latency_ms_p95": self.latency(0.95),
            "latency_ms_p99": self.latency(0.99),
            "cost": self.sums.cost_sum,
            "cost_per_interaction": self.cost_per_interaction,
            "cost_per_resolved": self.cost_per_resolved,
            "satisfaction": None if satisfaction is None else satisfaction._asdict(),
            "response_rate": self.response_rate,
            "feedback_rate": self.feedback_rate,
            "feedback_delay_ms_p50": self.feedback_delay(0.50),
            "feedback_delay_ms_p95": self.feedback_delay(0.95),
            "exploration": self.exploration,
            "budget_use": self.budget_use,
            "regret": None if regret is None else _plain(regret),
            "cost_cut": None if cut is None else _plain(cut),
        }
        return {name: _finite(value) for name, value in found.items()}


def merge(parts: Iterable[Kpi | Summary]) -> Summary:
    """The sum of buckets, or of sums of them.

    The order of the parts does not matter; grouping them changes the sums of floats by rounding at most, and nothing
    else.  Give each bucket once, of one granularity for a time: `latest` picks its value from the records of "kpis".
    """
    rows: list[Sums] = []
    latencies: list[Mapping[int, int]] = []
    delays: list[Mapping[int, int]] = []
    arms: dict[ArmName, list[Kpi | ArmSummary]] = {}
    for part in parts:
        latencies.append(dict(part.latency_ms))
        delays.append(dict(part.feedback_ms))
        if isinstance(part, Kpi):
            rows.append(sums_of(part))
            arms.setdefault(ArmName(part.tenant, part.domain, part.arm), []).append(part)
        else:
            rows.append(part.sums)
            for each in part.arms:
                arms.setdefault(each.name, []).append(each)
    return Summary(
        added(rows), sketch.merged(latencies), sketch.merged(delays),
        tuple(_arm(name, found) for name, found in sorted(arms.items())),
    )  # fmt: skip


def sums_of(kpi: Kpi) -> Sums:
    """What adds up of a bucket."""
    return Sums(*(getattr(kpi, name) for name in SUMS))


def added(rows: Sequence[Sums]) -> Sums:
    """The sum of sums, each exactly rounded."""
    if len(rows) == 1:
        return rows[0]
    return Sums.of([_total(column) for column in zip(*map(astuple, rows), strict=True)]) if rows else Sums()


def latest(kpis: Iterable[Kpi]) -> dict[BucketId, Kpi]:
    """Each bucket's value from any records of "kpis", in any order: the one that reflects most of the log.

    After a crash older values may be written again; the offset they reflect tells them apart.
    """
    values: dict[BucketId, Kpi] = {}
    for kpi in kpis:
        bucket_id = BucketId.of(kpi)
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


def _arm(name: ArmName, found: Sequence[Kpi | ArmSummary]) -> ArmSummary:
    newest = max(found, key=lambda each: (each.spec, each.start) if isinstance(each, Kpi) else (-1, 0))
    rows = [sums_of(each) if isinstance(each, Kpi) else each.sums for each in found]
    return ArmSummary(name, added(rows), newest.price, newest.baseline)


def _domains(arms: Iterable[ArmSummary]) -> dict[tuple[str, str], list[ArmSummary]]:
    found: dict[tuple[str, str], list[ArmSummary]] = {}
    for arm in arms:
        found.setdefault((arm.name.tenant, arm.name.domain), []).append(arm)
    return found


def _regret(arms: Iterable[ArmSummary]) -> Regret | None:
    """Weighted by the interactions of each domain; half widths add up as those of independent estimates."""
    total = interactions = 0.0
    below = above = 0.0
    best: dict[str, str] = {}
    for (tenant, domain), of_domain in _domains(arms).items():
        judged = [each for each in of_domain if each.sums.eligible > 1]
        if not judged:
            continue
        first = max(judged, key=lambda each: each.sums.regret_sum / each.sums.eligible)
        found = first.regret(len(judged))
        assert found is not None
        n = sum(each.sums.interactions for each in of_domain)
        total += n * found.estimate
        below += (n * (found.estimate - found.lower)) ** 2
        above += (n * (found.upper - found.estimate)) ** 2
        interactions += n
        best[f"{tenant}/{domain}"] = first.name.arm
    if not interactions:
        return None
    mean = total / interactions
    return Regret(
        mean, mean - math.sqrt(below) / interactions, mean + math.sqrt(above) / interactions, int(interactions), best
    )


def _cost_cut(arms: Iterable[ArmSummary]) -> CostCut | None:
    spent = would = effective = 0.0
    interactions = 0
    named: list[str] = []
    for (tenant, domain), of_domain in _domains(arms).items():
        base = next((each for each in of_domain if each.baseline and each.cost_if_always is not None), None)
        if base is None or base.cost_if_always is None:
            continue
        n = sum(each.sums.cost_count for each in of_domain)
        spent += sum(each.sums.cost_sum for each in of_domain)
        would += n * base.cost_if_always
        interactions += n
        effective += base.effective
        named.append(f"{tenant}/{domain}: {base.name.arm}")
    if not interactions or would <= 0.0:
        return None
    baseline = named[0] if len(named) == 1 else f"the baselines of {len(named)} domains"
    return CostCut(1.0 - spent / would, spent / interactions, would / interactions, baseline, interactions, effective)


def _mean_interval(total: float, squares: float, count: int, among: int) -> Interval | None:
    if count < 2:  # one says nothing of how much they vary
        return None
    mean = total / count
    variance = max(squares / count - mean * mean, 0.0) * count / (count - 1)
    half = NormalDist().inv_cdf(1.0 - 0.025 / among) * math.sqrt(variance / count)
    return Interval(mean, mean - half, mean + half)


def _mean(total: float, count: float) -> float | None:
    return total / count if count else None


def _total(values: Iterable[float]) -> float:
    """Exactly rounded."""
    numbers = list(values)
    if all(isinstance(each, int) for each in numbers):
        return sum(numbers)
    try:
        return math.fsum(numbers)
    except (OverflowError, ValueError):  # beyond what a float holds
        return sum(numbers)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Struct) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__struct_fields__}
