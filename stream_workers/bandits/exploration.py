"""From estimates to probabilities by one of the rules of exploration, and from probabilities to an arm."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .elementary import exponential, normal_cdf
from .kernel import kernel

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Rules.
INVERSE_GAP: Final = 0
GREEDY: Final = 1
EPSILON: Final = 2
SOFTMAX: Final = 3
FAST: Final = 4
THOMPSON: Final = 5

#: Thompson: cells of the integral, and how many deviations of each arm it reaches.
_CELLS: Final = 32
_REACH: Final = 4.5


@kernel()
def best_of(values: Array, eligible: Mask) -> int:
    """Index of the eligible arm with the highest value, the first of equals; -1 without one."""
    best = -1
    for a in range(values.shape[0]):
        if eligible[a] and (best < 0 or values[a] > values[best]):
            best = a
    return best


@kernel()
def inverse_gap(values: Array, eligible: Mask, count: int, best: int, gamma: float, out: Array) -> None:
    """SquareCB (Foster, Rakhlin 2020): p_a = 1 / (K + gamma (y_best - y_a)), the rest to the best."""
    others = 0.0
    for a in range(values.shape[0]):
        if eligible[a] and a != best:
            out[a] = 1.0 / (count + gamma * (values[best] - values[a]))
            others += out[a]
    out[best] = 1.0 - others


@kernel()
def inverse_relative_gap(values: Array, eligible: Mask, count: int, best: int, gamma: float, out: Array) -> None:
    """FastCB (Foster, Krishnamurthy 2021, eq. 6): p_a = l_b / (K l_b + gamma (l_a - l_b)), the rest to the best.

    l = 1 - y in [0, 1] are losses: where the best arm hardly ever loses there is nothing left to explore.
    """
    least = 1.0 - min(max(values[best], 0.0), 1.0)
    others = 0.0
    for a in range(values.shape[0]):
        if eligible[a] and a != best:
            gap = max((1.0 - min(max(values[a], 0.0), 1.0)) - least, 0.0)
            divisor = count * least + gamma * gap
            out[a] = least / divisor if divisor > 0.0 else 1.0 / count
            others += out[a]
    out[best] = 1.0 - others


@kernel()
def softmax(values: Array, eligible: Mask, best: int, sharpness: float, out: Array) -> None:
    """p_a in proportion to exp(sharpness (y_a - y_best))."""
    total = 0.0
    for a in range(values.shape[0]):
        if eligible[a]:
            out[a] = exponential(sharpness * (values[a] - values[best]))
            total += out[a]
    for a in range(values.shape[0]):
        out[a] /= total


@kernel()
def thompson(mean: Array, deviation: Array, eligible: Mask, best: int, out: Array, below: Array) -> None:
    """The probability of each arm to be the best when arms are independent and normal: Thompson sampling's own.

    p_a = integral of prod_{b != a} Phi_b(x) dPhi_a(x), over cells of equal width where the maximum can be; within a
    cell the product is the mean of its values at both ends.  Whatever the cells make of it is what is logged and drawn
    from; it is within .02 of the integral, .1 where one arm is known and another is not at all.

    below: (2, K, 2) scratch.
    """
    K = mean.shape[0]
    low, high = -np.inf, -np.inf
    for a in range(K):
        if eligible[a]:
            low = max(low, mean[a] - _REACH * deviation[a])
            high = max(high, mean[a] + _REACH * deviation[a])
    if not high > low:  # no doubt at all
        out[best] = 1.0
        return
    width = (high - low) / _CELLS
    for cell in range(_CELLS + 1):
        now, before = below[cell % 2], below[1 - cell % 2]
        x = low + cell * width
        left = 1.0
        for a in range(K):  # Phi_a, and the product over the arms before
            if eligible[a]:
                spread = max(deviation[a], 1e-12)
                now[a, 0] = normal_cdf((x - mean[a]) / spread)
                now[a, 1] = left
                left *= now[a, 0]
        right = 1.0
        for a in range(K - 1, -1, -1):
            if eligible[a]:
                now[a, 1] *= right
                right *= now[a, 0]
                if cell > 0:
                    out[a] += (now[a, 0] - before[a, 0]) * 0.5 * (now[a, 1] + before[a, 1])
    total = 0.0
    for a in range(K):
        out[a] = max(out[a], 0.0)
        total += out[a]
    if not total > 0.0:
        out[best] = 1.0
        return
    for a in range(K):
        out[a] /= total


@kernel()
def explore(
    rule: int,
    net: Array,
    deviation: Array,
    eligible: Mask,
    bonus: float,
    sharpness: float,
    cooling: float,
    t: float,
    minimum: float,
    values: Array,
    below: Array,
    out: Array,
) -> None:
    """Write probabilities (K,), 0 where not eligible; mixed with uniform, so that each keeps minimum / K_eligible.

    net: estimate less lambda * cost; deviation: of the estimate; t: (forgotten) number of outcomes learned.
    y = net + bonus * deviation, but for Thompson, which draws from Normal(net, (bonus * deviation)^2).
    GREEDY: all to the best y.  EPSILON: min(1, sharpness / sqrt(1 + cooling t)) is shared by all.
    INVERSE_GAP, FAST: gamma = sharpness sqrt(t).  SOFTMAX: sharpness sqrt(1 + cooling t).
    values: (K,), below: (2, K, 2): scratch.
    """
    K = net.shape[0]
    count = 0
    for a in range(K):
        out[a] = 0.0
        if eligible[a]:
            count += 1
        values[a] = net[a] + bonus * deviation[a]
    if count == 0:
        return
    best = best_of(values, eligible)
    shared = minimum
    if rule == INVERSE_GAP:
        inverse_gap(values, eligible, count, best, sharpness * math.sqrt(t), out)
    elif rule == FAST:
        inverse_relative_gap(values, eligible, count, best, sharpness * math.sqrt(t), out)
    elif rule == SOFTMAX:
        softmax(values, eligible, best, sharpness * math.sqrt(1.0 + cooling * t), out)
    elif rule == THOMPSON:
        for a in range(K):
            values[a] = bonus * deviation[a]
        thompson(net, values, eligible, best_of(net, eligible), out, below)
    else:
        out[best] = 1.0
        if rule == EPSILON:
            shared = max(minimum, min(1.0, sharpness / math.sqrt(1.0 + cooling * t)))
    keep, floor = 1.0 - shared, shared / count
    for a in range(K):
        if eligible[a]:
            out[a] = keep * out[a] + floor


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
def sample(propensities: NDArray[np.float32], draws: Array, out: NDArray[np.int64]) -> None:
    """`draw_arm` for n requests."""
    for i in range(draws.shape[0]):
        out[i] = draw_arm(propensities[i], draws[i])
