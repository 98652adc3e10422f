"""What a linear learner thinks of the arms for a block of requests.  Reading only; nothing here is learned.

Sums here are not in the order of `updating`'s: what is learned does not depend on them, and a decision logs the very
probabilities that its arm was drawn from.  They are the same to the bit for a request alone and in any block.
"""

import math

import numpy as np
from numpy.typing import NDArray

from . import layout
from .address import integers, matrices, matrix, vector
from .elementary import power
from .exploration import explore
from .feature_map import TOUCHED, expand
from .kernel import kernel
from .quadratic import BLOCK, forms
from .ridge import LEAST_WEIGHT, WIND_UP

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@kernel()
def _waves(weights: Array, phi: Array, begin: int, count: int, total: float) -> float:
    """Sum `total` + w'x over `count` numbers from `begin`, in the order in which `judge` sums those of a block."""
    w, x = weights[begin : begin + count], phi[begin : begin + count]
    for four in range(count // 4):
        j = 4 * four
        first = w[j] * x[j] + w[j + 1] * x[j + 1]
        second = w[j + 2] * x[j + 2] + w[j + 3] * x[j + 3]
        total += first + second
    return total


@kernel("void(i8[::1], f8[::1], f4[:,::1], i8[::1], i8, i8[::1], f8[:,::1], f8[:,::1], f8[::1])")
def judge(
    policy: Integers,
    real: Array,
    features: NDArray[np.float32],
    order: Integers,
    rows: int,
    places: Integers,
    estimates: Array,
    deviations: Array,
    room: Array,
) -> None:
    """Write estimates and deviations (at least rows, at least E) of E arms, for the requests features[order[:rows]].

    policy, real: see `layout`; rows: at most BLOCK; places: (E,) which arms; room: at least m (BLOCK + 2) + d +
    3 BLOCK numbers.  An arm that has slept has the deviation it would have, had forgetting been done (`ridge.forget`).
    """
    d, K, raw, m = policy[layout.FEATURES], policy[layout.ARMS], policy[layout.RAW], policy[layout.SIZE]
    D = policy[layout.FOURIER]
    mean, scale = vector(policy[layout.MEAN], d), vector(policy[layout.SCALE], d)
    slots, signs = integers(policy[layout.SLOTS], d), vector(policy[layout.SIGNS], d)
    picks, waves = integers(policy[layout.PICKS], TOUCHED * D), vector(policy[layout.WEIGHTS], TOUCHED * D)
    phases, factor = vector(policy[layout.PHASES], D), real[layout.FACTOR]
    columns = room[: m * BLOCK].reshape(m, BLOCK)
    at = m * BLOCK
    phi, both, z = room[at : at + m], room[at + m : at + 2 * m], room[at + 2 * m : at + 2 * m + d]
    at += 2 * m + d
    norms, variances, estimate = (
        room[at : at + BLOCK],
        room[at + BLOCK : at + 2 * BLOCK],
        room[at + 2 * BLOCK : at + 3 * BLOCK],
    )
    for r in range(rows):
        expand(features[order[r]], mean, scale, slots, signs, factor, raw, picks, waves, phases, z, phi)
        norm = 0.0
        for j in range(raw):
            norm += phi[j] * phi[j]
        norms[r] = norm
        for j in range(raw if rows == 1 else m):
            columns[j, r] = phi[j]
    theta, age = matrix(policy[layout.THETA], K, m), integers(policy[layout.AGE], K)
    covariance = matrices(policy[layout.COVARIANCE], K, raw)
    corrected = policy[layout.CORRECTED] == 1
    correction = matrix(policy[layout.CORRECTION], K if corrected else 0, m)
    forgetting, bonus, wind_up = real[layout.FORGETTING], real[layout.BONUS], WIND_UP / real[layout.RIDGE]
    for e in range(places.shape[0]):
        a = places[e]
        weights = theta[a]
        if corrected:
            weights = both
            for j in range(m):
                weights[j] = theta[a, j] + correction[a, j]
        forms(covariance[a], weights[:raw], columns[:raw], rows, variances, estimate)
        # By fours: a chain of sums a quarter as long.  One row alone is read where it is, and summed in the same order.
        if rows == 1:
            estimate[0] = _waves(weights, phi, raw, D, estimate[0])
        else:
            for j in range(raw, raw + D, 4):
                for r in range(rows):
                    first = weights[j] * columns[j, r] + weights[j + 1] * columns[j + 1, r]
                    second = weights[j + 2] * columns[j + 2, r] + weights[j + 3] * columns[j + 3, r]
                    estimate[r] += first + second
        slept = 1.0 if forgetting == 1.0 else 1.0 / max(power(forgetting, age[a]), LEAST_WEIGHT)
        for r in range(rows):
            variance = max(variances[r], 0.0)
            if slept > 1.0:
                variance = min(variance * slept, max(variance, wind_up * norms[r]))
            estimates[r, e] = estimate[r]
            deviations[r, e] = math.sqrt(variance) if bonus > 0.0 else 0.0


@kernel("i8(i8, i8)")
def room_for(m: int, d: int) -> int:
    """How many numbers `judge` needs at most."""
    return m * (BLOCK + 2) + d + 3 * BLOCK


@kernel("void(i8[::1], f8[::1], f4[:,::1], b1[:,::1], f8[:,::1], f8, f8[:,::1], f8[:,::1])")
def distribute(
    policy: Integers,
    real: Array,
    features: NDArray[np.float32],
    eligible: NDArray[np.bool_],
    costs: Array,
    lambda_: float,
    probabilities: Array,
    estimates: Array,
) -> None:
    """Write probabilities and estimates (n, K); changes nothing else."""
    n, K = eligible.shape
    order, places = np.arange(n), np.arange(K)
    room = np.empty(room_for(policy[layout.SIZE], policy[layout.FEATURES]) + BLOCK * K + 6 * K)
    deviations = room[: BLOCK * K].reshape(BLOCK, K)
    net, values = room[BLOCK * K : BLOCK * K + K], room[BLOCK * K + K : BLOCK * K + 2 * K]
    below = room[BLOCK * K + 2 * K : BLOCK * K + 6 * K].reshape(2, K, 2)
    rest = room[BLOCK * K + 6 * K :]
    t = vector(policy[layout.COUNTERS], 2)[1]
    for start in range(0, n, BLOCK):
        rows = min(BLOCK, n - start)
        judge(policy, real, features, order[start:], rows, places, estimates[start : start + rows], deviations, rest)
        for r in range(rows):
            for a in range(K):
                net[a] = estimates[start + r, a] - lambda_ * costs[start + r, a]
            explore(
                policy[layout.RULE], net, deviations[r], eligible[start + r], real[layout.BONUS],
                real[layout.SHARPNESS], real[layout.COOLING], t, real[layout.MINIMUM], values, below,
                probabilities[start + r],
            )  # fmt: skip
