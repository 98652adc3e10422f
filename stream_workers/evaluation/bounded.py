"""Intervals of logged terms at any of their moments: what `progressive` keeps as moments, over arrays, for reports.

signed is a measure over the arms for every outcome: a policy's probabilities, or the difference of two policies'.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .confidence import ALPHA
from .empirical_bernstein import joint_limit
from .pseudo_outcomes import AHEAD, BOUNDS, DIFFERENCE_SCALES, FURTHEST, HIGHEST_VALUE, RHOS, VALUE_SCALES, terms_below

Array = NDArray[np.float64]


class Bounded(NamedTuple):
    """Running moments of the terms bounded from below, and of the negated ones from above; (n, J) for J of BOUNDS."""

    low: Array
    low_spread: Array
    high: Array  # negated
    high_spread: Array
    difference: bool


def bounded(
    signed: Array,
    propensities: Array,
    model: Array,
    chosen: NDArray[np.int64],
    reward: Array,
    *,
    difference: bool = False,
    clip: float = FURTHEST,
) -> Bounded:
    """Of n outcomes in log order.

    signed, propensities, model: (n, K), the model predicted before each outcome; chosen, reward: (n,).  difference:
    signed may be negative and sums to 0; else it is a policy, or a part of one.
    """
    above, below = (AHEAD, AHEAD) if difference else (HIGHEST_VALUE, HIGHEST_VALUE - 1.0)
    given = (propensities, model, chosen, reward, clip)
    low = [_moments(terms_below(signed, *given, k), above) for k in BOUNDS]
    high = [_moments(terms_below(-signed, *given, k), below) for k in BOUNDS]
    return Bounded(
        np.stack([mean for mean, _ in low], axis=1),
        np.stack([spread for _, spread in low], axis=1),
        np.stack([mean for mean, _ in high], axis=1),
        np.stack([spread for _, spread in high], axis=1),
        difference,
    )


def _moments(terms: Array, highest: float) -> tuple[Array, Array]:
    """Running means, and running sums of squared errors of their predictions: the mean so far, at most `highest`."""
    means = np.cumsum(terms) / np.arange(1, len(terms) + 1)
    before = np.concatenate([[0.0], means[:-1]])
    return means, np.cumsum((terms - np.minimum(before, highest)) ** 2)


def limits_at(terms: Bounded, n: int, alpha: float = ALPHA) -> tuple[float, float]:
    """The interval after n outcomes, n at least 1, within what rewards in [0, 1] allow."""
    scales = DIFFERENCE_SCALES if terms.difference else VALUE_SCALES
    row = n - 1
    lower = joint_limit(float(n), terms.low[row], terms.low_spread[row], scales, RHOS, alpha / 2.0)
    upper = -joint_limit(float(n), terms.high[row], terms.high_spread[row], scales, RHOS, alpha / 2.0)
    return max(float(lower), -1.0 if terms.difference else 0.0), min(float(upper), 1.0)
