"""What a tenant's outcomes add up to: costs, shares, satisfaction, and what the strongest model would have cost."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from schemas.domains import DomainSpec
from schemas.errors import BadRecordError
from schemas.events import Outcome
from schemas.observations import COST, ERROR, LATENCY_MS, REACTION, THUMBS, was_followed
from stream_workers.analytics.summary import wilson_interval
from stream_workers.evaluation import bootstrap, clusters
from stream_workers.evaluation.estimators import dr
from stream_workers.evaluation.reward_model import cross_fitted, folds_of
from stream_workers.learning.outcomes import Columns, check, columns

Array = NDArray[np.float64]

DAY_MS: Final = 24 * 3600 * 1000
#: Outcomes of the strongest arm below which nothing is said of what it would have cost.
FEWEST: Final = 10


class Interval(Struct, frozen=True):
    """An estimate with its 95% interval."""

    estimate: float
    lower: float
    upper: float


class ArmFigures(Struct, frozen=True):
    """One arm, by decisions that were acted on."""

    name: str
    chosen: int
    share: float
    cost: float  # USD


class Day(Struct, frozen=True):
    """One day (UTC)."""

    begin_ms: int
    outcomes: int
    cost: float  # USD


class DomainFigures(Struct, frozen=True):
    """Of one domain.  Times: milliseconds since 1970, of decisions."""

    domain: str
    outcomes: int
    first_ms: int | None
    last_ms: int | None
    unfollowed: int  # acted on the fallback, because no decision came in time
    errors: int  # the chosen arm failed
    cost: float  # USD, of all whose cost is known
    latency_ms: float | None  # median
    rated: int
    satisfaction: Interval | None  # of those who rated (Wilson)
    strongest: str | None  # the dearest arm
    compared: int  # outcomes of which it is known what both would have cost
    cost_cut: Interval | None  # share of the cost of always taking the strongest that was saved; None: not yet known
    value_share: Interval | None  # mean reward over what always taking the strongest would have earned; None: likewise
    arms: list[ArmFigures]  # the most chosen first
    days: list[Day]


def summed(domain: str, outcomes: Sequence[Outcome], spec: DomainSpec | None, seed: int = 0) -> DomainFigures:
    """The figures of these outcomes, of one domain.  spec: in force; None: not known.  seed: of the bootstrap."""
    followed = [each for each in outcomes if was_followed(each.observations)]
    costs = [each.observations[COST] for each in outcomes if COST in each.observations]
    latencies = [each.observations[LATENCY_MS] for each in outcomes if LATENCY_MS in each.observations]
    ratings = [rating for each in outcomes if (rating := _rating(each)) is not None]
    wilson = wilson_interval(math.fsum(ratings), len(ratings))
    strongest, compared, cut, value = _against_strongest(followed, spec, seed)
    times = [each.decided_at_ms for each in outcomes]
    return DomainFigures(
        domain=domain,
        outcomes=len(outcomes),
        first_ms=min(times, default=None),
        last_ms=max(times, default=None),
        unfollowed=len(outcomes) - len(followed),
        errors=sum(each.observations.get(ERROR, 0.0) > 0.0 for each in outcomes),
        cost=math.fsum(costs),
        latency_ms=float(np.median(latencies)) if latencies else None,
        rated=len(ratings),
        satisfaction=None if wilson is None else Interval(math.fsum(ratings) / len(ratings), *wilson),
        strongest=strongest,
        compared=compared,
        cost_cut=cut,
        value_share=value,
        arms=_arms(followed),
        days=_days(outcomes),
    )


def _rating(outcome: Outcome) -> float | None:
    """What the person who asked said of it: by button, else by emoji."""
    return outcome.observations.get(THUMBS, outcome.observations.get(REACTION))


def _arms(followed: Sequence[Outcome]) -> list[ArmFigures]:
    chosen = Counter(each.decision.arm for each in followed)
    cost: Counter[str] = Counter()
    for each in followed:
        cost[each.decision.arm] += each.observations.get(COST, 0.0)  # type: ignore[assignment]  # USD are no integers
    return [ArmFigures(arm, count, count / len(followed), float(cost[arm])) for arm, count in chosen.most_common()]


def _days(outcomes: Sequence[Outcome]) -> list[Day]:
    """Each day from the first to the last, also those on which nothing happened."""
    counts: Counter[int] = Counter()
    costs: dict[int, float] = {}
    for each in outcomes:
        day = each.decided_at_ms // DAY_MS
        counts[day] += 1
        costs[day] = costs.get(day, 0.0) + each.observations.get(COST, 0.0)
    if not counts:
        return []
    days = range(min(counts), max(counts) + 1)
    return [Day(day * DAY_MS, counts[day], costs.get(day, 0.0)) for day in days]


def _against_strongest(
    followed: Sequence[Outcome], spec: DomainSpec | None, seed: int
) -> tuple[str | None, int, Interval | None, Interval | None]:
    """The dearest arm, on how many outcomes it is compared, what was saved against always taking it, at what value.

    What the strongest arm would have cost and earned is estimated doubly robustly from the logged probabilities (Dudik
    et al. 2011), on the outcomes in which it was eligible; the intervals are a bootstrap over users, of a handful of
    users over outcomes.
    """
    if spec is None:
        return None, 0, None, None
    enabled = [arm for arm in spec.arms if arm.enabled]
    dearest = max(enabled, key=lambda arm: arm.price, default=None)
    if dearest is None or dearest.price <= min(arm.price for arm in enabled):
        return None, 0, None, None  # there is none, or all cost the same
    index = {arm.name: place for place, arm in enumerate(spec.arms)}
    data = columns([each for each in followed if _whole(each, spec)], spec, index)
    data = data.where((data.chosen >= 0) & ~np.isnan(data.costs) & data.eligible[:, index[dearest.name]])
    n, strongest = len(data.chosen), index[dearest.name]
    if np.count_nonzero(data.chosen == strongest) < FEWEST or not data.costs.max() > 0.0:
        return dearest.name, n, None, None
    cost = _over_always(data, data.costs / float(data.costs.max()), strongest, seed)
    cut = None if cost is None else Interval(1.0 - cost.estimate, 1.0 - cost.upper, 1.0 - cost.lower)
    return dearest.name, n, cut, _over_always(data, data.reward, strongest, seed)


def _over_always(data: Columns, observed: Array, arm: int, seed: int) -> Interval | None:
    """The mean of what was observed over what always taking an arm would have given.  observed: (n,) in [0, 1]."""
    n = len(observed)
    cluster = clusters.numbered(data.group.tolist())
    if int(cluster.max()) + 1 < clusters.FEWEST:  # of so few users a bootstrap over users says nothing
        cluster = np.arange(n)
    K = data.eligible.shape[1]
    model = cross_fitted(data.features, data.chosen, observed, 1.0 / data.propensity, K, folds_of(cluster))
    always = np.zeros_like(model)
    always[:, arm] = 1.0
    terms = dr(observed, data.propensity, data.chosen, always, model)
    if not terms.sum() > 0.0:
        return None
    ratio = (clusters.sums(observed, cluster)[0], clusters.sums(terms, cluster)[0])
    ((low, high),) = bootstrap.intervals([ratio], np.random.default_rng(seed))
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    return Interval(float(observed.sum() / terms.sum()), low, high)


def _whole(outcome: Outcome, spec: DomainSpec) -> bool:
    try:
        check(outcome, spec)
    except BadRecordError:  # of a specification with other features
        return False
    return True
