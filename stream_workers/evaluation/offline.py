"""What a policy would have earned on a log: every estimator, with intervals, overlap, and differences.

Two kinds of intervals.  Those that hold at every moment (`Valued.lower`, `upper`) are there for the estimators that are
unbiased, IPS and DR; they use a model that predicted each outcome before it was seen.  The estimates of DM and DR use
a cross-fitted model, which saw what came after; the bootstrap's intervals are about them, for one look at the end.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import bootstrap, clusters, tuning
from .bounded import Bounded, bounded, limits_at
from .confidence import ALPHA
from .estimators import dm, dr, dros, ips, snips, switch_dr
from .overlap import Overlap, overlap_of

Array = NDArray[np.float64]


class Logged(NamedTuple):
    """Outcomes of one domain in log order."""

    chosen: NDArray[np.int64]  # (n,)
    eligible: NDArray[np.bool_]  # (n, K)
    propensities: Array  # (n, K) as logged; 0 where not eligible
    reward: Array  # (n,) in [0, 1]
    fitted: Array  # (n, K) rewards predicted by models of other folds
    predicted: Array  # (n, K) rewards predicted before each outcome
    cluster: NDArray[np.int64]  # (n,) numbered from 0 by appearance; each its own where nothing is known

    def where(self, rows: NDArray[np.bool_]) -> "Logged":
        """Only these rows."""
        return Logged(
            self.chosen[rows],
            self.eligible[rows],
            self.propensities[rows],
            self.reward[rows],
            self.fitted[rows],
            self.predicted[rows],
            clusters.numbered(self.cluster[rows].tolist()),
        )


class Valued(NamedTuple):
    """One estimator's answer.  Limits are NaN where the estimator has no such interval."""

    name: str
    estimate: float
    lower: float  # at every moment at once
    upper: float
    bootstrap_lower: float  # at the end
    bootstrap_upper: float
    parameter: float | None  # the clip, threshold or shrinkage that was chosen


class Difference(NamedTuple):
    """A policy's value less another's, by DR, with an interval that holds at every moment at once."""

    against: str
    n: int
    estimate: float
    lower: float
    upper: float
    bootstrap_lower: float
    bootstrap_upper: float


class Evaluation(NamedTuple):
    """What a log says about a policy."""

    n: int
    clusters: int
    design_effect: float  # see `clusters.design_effect`
    overlap: Overlap
    values: list[Valued]
    terms: Bounded  # of DR, for plots


def evaluate(logged: Logged, target: Array, rng: np.random.Generator) -> Evaluation:
    """By every estimator.  target: (n, K), the policy's probabilities, 0 where not eligible; rng: of the bootstrap."""
    n = len(logged.reward)
    rows = np.arange(n)
    acting = logged.propensities[rows, logged.chosen]
    weight = target[rows, logged.chosen] / acting
    given = (logged.reward, acting, logged.chosen, target, logged.fitted)
    doubly = dr(*given)
    plain = ips(logged.reward, acting, target[rows, logged.chosen])

    # Which method is best for which was tried (docs/evaluation.md): without a model to fall back on, clipping moves the
    # estimate so steadily that SLOPE finds nothing wrong with any clip.
    values = tuning.candidates(weight)
    clip = tuning.least_error(
        values, lambda m: np.minimum(weight, m) * logged.reward, weight, lambda m: np.minimum(weight, m), logged.reward,
        bound=False,
    )  # fmt: skip
    threshold = tuning.slope(values, lambda m: switch_dr(*given, m))
    shrinkage = tuning.slope(tuning.shrinkages(weight), lambda m: dros(*given, m))
    effect = clusters.design_effect(doubly, logged.cluster)
    by_weight = bounded(target, logged.propensities, np.zeros_like(target), logged.chosen, logged.reward)
    by_both = bounded(target, logged.propensities, logged.predicted, logged.chosen, logged.reward)
    means = {
        "dm": (dm(target, logged.fitted), _NONE, None),
        "ips": (plain, _wide(by_weight, n, float(plain.mean()), effect), None),
        "ips clipped": (np.minimum(weight, clip) * logged.reward, _NONE, clip),
        "switch-dr": (switch_dr(*given, threshold), _NONE, threshold),
        "dros": (dros(*given, shrinkage), _NONE, shrinkage),
        "dr": (doubly, _wide(by_both, n, float(doubly.mean()), effect), None),
    }
    ratios = [clusters.sums(terms, logged.cluster) for terms, _, _ in means.values()]
    ratios.append((clusters.sums(weight * logged.reward, logged.cluster)[0], clusters.sums(weight, logged.cluster)[0]))
    *of_means, of_snips = bootstrap.intervals(ratios, rng)
    found = [
        Valued(name, float(terms.mean()), *interval, *resampled, None if at is None or math.isinf(at) else at)
        for (name, (terms, interval, at)), resampled in zip(means.items(), of_means, strict=True)
    ]
    ratio = snips(logged.reward, acting, target[rows, logged.chosen])
    found.insert(3, Valued("snips", ratio, *_NONE, *of_snips, None))
    return Evaluation(n, int(logged.cluster.max()) + 1, effect, overlap_of(weight), found, by_both)


_NONE: Final = (math.nan, math.nan)


def difference(
    logged: Logged, target: Array, other: Array, against: str, rng: np.random.Generator, alpha: float = ALPHA
) -> Difference:
    """By DR, of two policies' probabilities (n, K)."""
    n = len(logged.reward)
    rows = np.arange(n)
    acting = logged.propensities[rows, logged.chosen]
    terms = dr(logged.reward, acting, logged.chosen, target, logged.fitted)
    terms = terms - dr(logged.reward, acting, logged.chosen, other, logged.fitted)
    sides = bounded(
        target - other, logged.propensities, logged.predicted, logged.chosen, logged.reward, difference=True
    )
    estimate = float(terms.mean())
    effect = clusters.design_effect(terms, logged.cluster)
    limits = _wide(sides, n, estimate, effect, alpha)
    (resampled,) = bootstrap.intervals([clusters.sums(terms, logged.cluster)], rng, alpha)
    return Difference(against, n, estimate, *limits, *resampled)


def interval(logged: Logged, target: Array, alpha: float = ALPHA) -> tuple[float, float]:
    """Of a policy's value: DR's, at every moment at once, for another alpha than `evaluate` has.  target: (n, K)."""
    n = len(logged.reward)
    rows = np.arange(n)
    given = (logged.reward, logged.propensities[rows, logged.chosen], logged.chosen, target, logged.fitted)
    terms = dr(*given)
    sides = bounded(target, logged.propensities, logged.predicted, logged.chosen, logged.reward)
    return _wide(sides, n, float(terms.mean()), clusters.design_effect(terms, logged.cluster), alpha)


def best_arm(logged: Logged) -> int:
    """The fixed arm of the highest DR value, over the outcomes in which it was eligible (the first of equals)."""
    K = logged.propensities.shape[1]
    rows = np.arange(len(logged.reward))
    acting = logged.propensities[rows, logged.chosen]
    values = np.full(K, -math.inf)
    for a in range(K):
        here = logged.eligible[:, a]
        if here.any():
            fixed = np.tile(np.eye(K)[a], (len(rows), 1))
            values[a] = dr(logged.reward, acting, logged.chosen, fixed, logged.fitted)[here].mean()
    return int(values.argmax())


def _wide(sides: Bounded, n: int, estimate: float, effect: float, alpha: float = ALPHA) -> tuple[float, float]:
    """The limits, away from the estimate by the root of the design effect."""
    lower, upper = limits_at(sides, n, alpha)
    if effect == 1.0 or math.isnan(effect):
        return lower, upper
    by = math.sqrt(effect)
    least = -1.0 if sides.difference else 0.0
    return max(estimate + by * (lower - estimate), least), min(estimate + by * (upper - estimate), 1.0)
