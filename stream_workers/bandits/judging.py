"""What a doubly robust learner thinks of the arms for a block of requests.  Reading only; nothing here is learned.

Sums here are not in the order of `ridge`'s: what is learned does not depend on them, and a decision logs the very
probabilities that its arm was drawn from.  They are the same to the bit for a request alone and in any block.
"""

import math

import numpy as np
from numpy.typing import NDArray

from .feature_map import CLIP
from .kernel import kernel
from .quadratic import forms
from .ridge import LEAST_WEIGHT, WIND_UP

Array = NDArray[np.float64]


@kernel()
def expand_block(
    features: NDArray[np.float32],
    order: NDArray[np.int64],
    rows: int,
    mean: Array,
    scale: Array,
    slots: NDArray[np.int64],
    signs: Array,
    factor: float,
    columns: Array,
    norms: Array,
) -> None:
    """Write phi of each row, features[order[r], :d], as columns (m, BLOCK), and its squared length."""
    m, d = columns.shape[0], mean.shape[0]
    plain = d == m - 1  # every feature has a slot of its own
    for r in range(rows):
        row = order[r]
        columns[0, r] = 1.0
        if plain:
            for j in range(d):
                z = (np.float64(features[row, j]) - mean[j]) * scale[j]
                columns[1 + j, r] = factor * min(max(z, -CLIP), CLIP)
        else:
            for j in range(1, m):
                columns[j, r] = 0.0
            for j in range(d):
                z = (np.float64(features[row, j]) - mean[j]) * scale[j]
                columns[1 + slots[j], r] += signs[j] * factor * min(max(z, -CLIP), CLIP)
        norm = 0.0
        for j in range(m):
            norm += columns[j, r] * columns[j, r]
        norms[r] = norm


@kernel()
def judge_arm(
    P: Array,
    theta: Array,
    correction: Array,
    age: int,
    forgetting: float,
    ridge: float,
    bonus: float,
    columns: Array,
    norms: Array,
    rows: int,
    weights: Array,
    variances: Array,
    estimate: Array,
    index: Array,
) -> None:
    """Write one arm's estimate (BLOCK,) and index (BLOCK,): plus bonus times the deviation.

    An arm that has slept has the deviation it would have, had forgetting been done (see `ridge.forget`).
    """
    for j in range(theta.shape[0]):
        weights[j] = theta[j] + correction[j]
    forms(P, weights, columns, rows, variances, estimate)
    slept = 1.0 if forgetting == 1.0 else 1.0 / max(forgetting**age, LEAST_WEIGHT)
    wind_up = WIND_UP / ridge
    for r in range(rows):
        variance = max(variances[r], 0.0)
        if slept > 1.0:
            variance = min(variance * slept, max(variance, wind_up * norms[r]))
        index[r] = estimate[r] + bonus * math.sqrt(variance)
