"""How several learners share a choice: exponential weights over their doubly robust values, see `corral`."""

import numpy as np
from numpy.typing import NDArray

from .elementary import exponential
from .kernel import kernel

Array = NDArray[np.float64]

#: A learner's value falls at most so far behind the best one's, divided by the rate: e^-12 of its weight.
_FARTHEST = 12.0


@kernel()
def weigh(behind: Array, rate: float, least: float, weights: Array) -> None:
    """Write weights (B,) in proportion to exp(rate * behind), mixed with equal ones by the share `least`.

    behind: (B,) the sum of each learner's values less the highest, at most 0.
    """
    B = behind.shape[0]
    total = 0.0
    for b in range(B):
        weights[b] = exponential(rate * behind[b])
        total += weights[b]
    for b in range(B):
        weights[b] = (1.0 - least) * weights[b] / total + least / B


@kernel()
def _mix(weights: Array, each: NDArray[np.float64], row: int, out: Array) -> None:
    """Write the weighted mean of each[:, row], (K,)."""
    for a in range(out.shape[0]):
        out[a] = 0.0
        for b in range(weights.shape[0]):
            out[a] += weights[b] * each[b, row, a]


@kernel("void(f8[:,:,::1], f8[:,:,::1], f8[::1], f8, f8, f8[:,::1], f8[:,::1])")
def blend(
    each: NDArray[np.float64],
    each_estimate: NDArray[np.float64],
    behind: Array,
    rate: float,
    least: float,
    probabilities: Array,
    estimates: Array,
) -> None:
    """Write the mixtures (n, K) of what each learner says, (B, n, K)."""
    weights = np.empty(behind.shape[0])
    weigh(behind, rate, least, weights)
    for i in range(probabilities.shape[0]):
        _mix(weights, each, i, probabilities[i])
        _mix(weights, each_estimate, i, estimates[i])


@kernel(
    "void(f8[:,:,::1], f8[:,:,::1], i8[::1], f8[::1], f8[::1], f8[:,::1], f8[::1], f8[::1], f8, f8, f8, f8, "
    "f8[:,::1], f8[:,::1])"
)
def learn_values(
    each: NDArray[np.float64],
    each_estimate: NDArray[np.float64],
    chosen: NDArray[np.int64],
    propensity: Array,
    reward: Array,
    costs: Array,
    lambdas: Array,
    behind: Array,
    rate: float,
    least: float,
    clip: float,
    forgetting: float,
    probabilities: Array,
    estimates: Array,
) -> None:
    """Add n outcomes to the learners' values, one after another; write the mixtures of before each, (n, K)."""
    B = behind.shape[0]
    weights = np.empty(B)
    for i in range(reward.shape[0]):
        weigh(behind, rate, least, weights)
        _mix(weights, each, i, probabilities[i])
        _mix(weights, each_estimate, i, estimates[i])
        c = chosen[i]
        residual = reward[i] - min(max(estimates[i, c], 0.0), 1.0)
        highest = -np.inf
        for b in range(B):
            value = min(each[b, i, c] / propensity[i], clip) * residual
            for a in range(probabilities.shape[1]):
                expected = min(max(estimates[i, a], 0.0), 1.0) - lambdas[i] * costs[i, a]
                value += each[b, i, a] * expected
            behind[b] = forgetting * behind[b] + value
            highest = max(highest, behind[b])
        for b in range(B):
            behind[b] -= highest
            if rate > 0.0:
                behind[b] = max(behind[b], -_FARTHEST / rate)
