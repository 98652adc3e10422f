"""Cross-fitted reward models: what each arm would have earned, predicted by a model that did not see the outcome.

A model that has seen an outcome fits its noise, and the doubly robust residual r - q of that outcome is too small.
So outcomes are dealt into folds, whole clusters together, and each fold is predicted by the models of the others
(Chernozhukov et al. 2018, "Double/debiased machine learning", Definition 3.1).  The model is a ridge regression for
each arm on standardised features, around the arm's mean, which is itself shrunk towards the mean of all.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FOLDS: Final = 5
RIDGE: Final = 10.0
#: An outcome counts at most as that many.
HEAVIEST: Final = 20.0
#: Features further from the mean than this many deviations count as that far.
_FURTHEST: Final = 4.0


def folds_of(clusters: NDArray[np.int64], folds: int = FOLDS) -> NDArray[np.int64]:
    """The fold of each outcome (n,), of a cluster always the same.  clusters: (n,) numbers from 0, by appearance.

    Fixed, not drawn: a cluster's number mixed by a multiplier (Knuth's), so that neighbours part.
    """
    mixed = (clusters.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    return ((mixed >> np.uint64(33)) % np.uint64(folds)).astype(np.int64)


def cross_fitted(
    features: NDArray[np.float32],
    chosen: NDArray[np.int64],
    reward: Array,
    weight: Array,
    arms: int,
    fold: NDArray[np.int64],
    ridge: float = RIDGE,
) -> Array:
    """Predicted rewards in [0, 1] of every arm for every outcome, (n, K).

    features: (n, d), NaN: missing; weight: (n,) of the outcomes, 1 / propensity; fold: (n,).  An arm's outcomes are
    those that the logging policy thought good for it; weighted, up to HEAVIEST, they are as if it had been tried on any
    request.
    """
    x, w = features.astype(np.float64), np.minimum(weight, HEAVIEST)
    predicted = np.empty((len(x), arms))
    for each in np.unique(fold):
        held = fold == each
        predicted[held] = _predict(x[~held], chosen[~held], reward[~held], w[~held], x[held], arms, ridge)
    return np.clip(predicted, 0.0, 1.0)


def _predict(
    x: Array, chosen: NDArray[np.int64], reward: Array, weight: Array, new: Array, arms: int, ridge: float
) -> Array:
    if not len(x):
        return np.full((len(new), arms), 0.5)
    there = ~np.isnan(x)
    count = np.maximum(there.sum(axis=0), 1)
    mean = np.where(there, x, 0.0).sum(axis=0) / count
    scale = np.sqrt((np.where(there, x - mean, 0.0) ** 2).sum(axis=0) / count)
    scale = np.where(scale > 0.0, scale, np.inf)  # a feature that never changes says nothing
    # A missing one is at the mean.
    z, z_new = (np.clip(np.nan_to_num((each - mean) / scale, nan=0.0), -_FURTHEST, _FURTHEST) for each in (x, new))
    overall = float((weight * reward).sum() / weight.sum())
    out = np.empty((len(new), arms))
    for a in range(arms):
        rows, r = z[chosen == a], reward[chosen == a]
        # Of sum (sum w) / (sum w^2): so many equal ones say as much (Kish), which the ridge is meant for.
        w = weight[chosen == a]
        w = w * (w.sum() / (w**2).sum()) if len(w) else w
        # The arm's level as one pseudo-outcome of the overall mean would leave it.
        level = (float((w * r).sum()) + overall) / (float(w.sum()) + 1.0)
        gram = (rows * w[:, None]).T @ rows + ridge * np.eye(z.shape[1])
        out[:, a] = level + z_new @ np.linalg.solve(gram, (rows * w[:, None]).T @ (r - level))
    return out
