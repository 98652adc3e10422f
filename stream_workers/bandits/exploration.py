"""From estimates to probabilities, and from probabilities to an arm."""

import numpy as np
from numpy.typing import NDArray

from .kernel import kernel


@kernel()
def inverse_gap(
    index: NDArray[np.float64], eligible: NDArray[np.bool_], gamma: float, minimum: float, out: NDArray[np.float64]
) -> None:
    """SquareCB (Foster, Rakhlin 2020) over eligible arms, then mixed with uniform: each keeps minimum / K_eligible.

    p_a = 1 / (K + gamma (y_best - y_a)), the rest to the best (the first of equals).  No eligible arm: all zero.
    """
    K = index.shape[0]
    best = -1
    count = 0
    for a in range(K):
        out[a] = 0.0
        if eligible[a]:
            count += 1
            if best < 0 or index[a] > index[best]:
                best = a
    if count == 0:
        return
    others = 0.0
    keep = 1.0 - minimum
    floor = minimum / count
    for a in range(K):
        if eligible[a] and a != best:
            p = 1.0 / (count + gamma * (index[best] - index[a]))
            others += p
            out[a] = keep * p + floor
    out[best] = keep * (1.0 - others) + floor


@kernel()
def draw_arm(propensities: NDArray[np.float32], draw: float) -> int:
    """Inverse CDF over the probabilities as they are logged: the first arm with cumulated p > draw * total, else -1."""
    total = 0.0
    for a in range(propensities.shape[0]):
        total += np.float64(propensities[a])
    point = draw * total
    cumulated = 0.0
    arm = -1
    for a in range(propensities.shape[0]):
        p = np.float64(propensities[a])
        if p > 0.0:
            cumulated += p
            arm = a
            if cumulated > point:
                break
    return arm


@kernel("void(f4[:,::1], f8[::1], i8[::1])")
def sample(propensities: NDArray[np.float32], draws: NDArray[np.float64], out: NDArray[np.int64]) -> None:
    """`draw_arm` for n requests."""
    for i in range(draws.shape[0]):
        out[i] = draw_arm(propensities[i], draws[i])
