"""What a policy would have earned on logged decisions: estimators over arrays, for offline use.

In all of them: propensity (n,) is the logged probability of the arm that acted, in (0, 1]; target (n,) the evaluated
policy's probability of that same arm; reward (n,).  Each returns the n terms whose mean is the estimate where it is
one, so that intervals can be made of them (`confidence`); `snips` is a ratio and returns a number.
"""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def ips(reward: Array, propensity: Array, target: Array, clip: float = math.inf) -> Array:
    """Terms of inverse propensity scoring: min(target / propensity, clip) * reward."""
    return np.minimum(target / propensity, clip) * reward


def snips(reward: Array, propensity: Array, target: Array) -> float:
    """Self-normalised (Swaminathan, Joachims 2015): sum w r / sum w, w = target / propensity; NaN if all w are 0."""
    weight = target / propensity
    total = float(weight.sum())
    return float((weight * reward).sum()) / total if total > 0.0 else math.nan


def dm(probabilities: Array, model: Array) -> Array:
    """Terms of the direct method: sum_a pi(a|x) q(x, a).  Both (n, K)."""
    terms: Array = (probabilities * model).sum(axis=1)
    return terms


def dr(
    reward: Array,
    propensity: Array,
    chosen: NDArray[np.int64],
    probabilities: Array,
    model: Array,
    clip: float = math.inf,
) -> Array:
    """Doubly robust terms (Dudik, Langford, Li 2011).

    sum_a pi(a|x) q(x, a) + min(pi(a_i|x) / p_i, clip) (r_i - q(x, a_i)).  probabilities, model: (n, K); chosen: (n,).
    """
    rows = np.arange(len(reward))
    weight = np.minimum(probabilities[rows, chosen] / propensity, clip)
    terms: Array = dm(probabilities, model) + weight * (reward - model[rows, chosen])
    return terms


def switch_dr(
    reward: Array,
    propensity: Array,
    chosen: NDArray[np.int64],
    probabilities: Array,
    model: Array,
    threshold: float = math.inf,
) -> Array:
    """Terms of Switch-DR (Wang, Agarwal, Dudik 2017): doubly robust where the weight is at most `threshold`, or DM."""
    rows = np.arange(len(reward))
    weight = probabilities[rows, chosen] / propensity
    weight = np.where(weight <= threshold, weight, 0.0)
    terms: Array = dm(probabilities, model) + weight * (reward - model[rows, chosen])
    return terms


def dros(
    reward: Array,
    propensity: Array,
    chosen: NDArray[np.int64],
    probabilities: Array,
    model: Array,
    shrinkage: float = math.inf,
) -> Array:
    """Terms of DR with optimistic shrinkage (Su, Dimakopoulou, Krishnamurthy, Dudik 2020, eq. 9).

    The weight w becomes lambda w / (w^2 + lambda): lambda = 0 is DM, infinity DR.
    """
    rows = np.arange(len(reward))
    weight = shrunk(probabilities[rows, chosen] / propensity, shrinkage)
    terms: Array = dm(probabilities, model) + weight * (reward - model[rows, chosen])
    return terms


def shrunk(weight: Array, shrinkage: float) -> Array:
    """Weights w (n,) as lambda w / (w^2 + lambda)."""
    if math.isinf(shrinkage):
        return weight
    if shrinkage == 0.0:
        return np.zeros_like(weight)
    # As w / (1 + w w / lambda), which does not overflow where lambda w would.
    return weight / (1.0 + weight * (weight / shrinkage))
