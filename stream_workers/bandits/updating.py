"""How a linear learner learns, outcome after outcome.

q_a is a ridge regression of the reward on phi over the outcomes in which a was chosen.  A learner with a correction
(`layout.CORRECTED`) regresses on phi, too, what importance weighting says q gets wrong: the doubly robust target of an
outcome (Dudik, Langford, Li 2011) is q_a + 1{a = chosen} w (r - q_a) for every eligible arm, w = min(1 / p, clip); its
second term is learned by one more ridge regression, whose covariance all arms share (every outcome has a target for
every eligible arm).  It is shrunk heavily: unshrunk weights lose more by variance than they gain.
"""

import math

import numpy as np
from numpy.typing import NDArray

from . import layout
from .address import integers, matrices, matrix, vector
from .elementary import power
from .exploration import explore
from .feature_map import TOUCHED, expand, observe
from .kernel import kernel
from .panels import dot_lanes, size
from .ridge import LEAST_WEIGHT, WIND_UP, dot, forget, gain, panel_gain, panel_wait, product, shrink

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@kernel()
def _faded(variance: float, norm: float, age: int, forgetting: float, ridge: float) -> float:
    """An arm's variance as it would be had forgetting been done, which waits until the arm is next chosen."""
    variance = max(variance, 0.0)
    if forgetting < 1.0:
        weight = max(power(forgetting, age), LEAST_WEIGHT)
        variance = min(variance / weight, max(variance, WIND_UP * norm / ridge))
    return variance


@kernel()
def _inner(x: Array, y: Array, lanes: bool) -> float:
    return dot_lanes(x, y) if lanes else dot(x, y)


@kernel()
def _add(to: Array, factor: float, y: Array) -> None:
    for j in range(y.shape[0]):
        to[j] += factor * y[j]


@kernel(
    "void(i8[::1], f8[::1], f4[:,::1], b1[:,::1], i8[::1], f8[::1], f8[::1], f8[:,::1], f8[::1], f8[:,::1], f8[:,::1])"
)
def learn(
    policy: Integers,
    real: Array,
    features: NDArray[np.float32],
    eligible: NDArray[np.bool_],
    chosen: Integers,
    propensity: Array,
    reward: Array,
    costs: Array,
    lambdas: Array,
    probabilities: Array,
    estimates: Array,
) -> None:
    """Learn n outcomes one after another; write what was thought just before each, probabilities and estimates (n, K).

    policy, real: see `layout`; the others: `policy.Batch`.
    """
    d, K, raw, m = policy[layout.FEATURES], policy[layout.ARMS], policy[layout.RAW], policy[layout.SIZE]
    D, corrected = policy[layout.FOURIER], policy[layout.CORRECTED] == 1
    waving = D > 0
    mean, scale = vector(policy[layout.MEAN], d), vector(policy[layout.SCALE], d)
    m2, seen = vector(policy[layout.M2], d), integers(policy[layout.SEEN], d)
    slots, signs = integers(policy[layout.SLOTS], d), vector(policy[layout.SIGNS], d)
    picks, waves = integers(policy[layout.PICKS], TOUCHED * D), vector(policy[layout.WEIGHTS], TOUCHED * D)
    phases = vector(policy[layout.PHASES], D)
    counters, age = vector(policy[layout.COUNTERS], 2), integers(policy[layout.AGE], K)
    theta, covariance = matrix(policy[layout.THETA], K, m), matrices(policy[layout.COVARIANCE], K, raw)
    correction = matrix(policy[layout.CORRECTION], K if corrected else 0, m)
    cells = size(m) if waving else 0
    panels, waiting = matrix(policy[layout.PANELS], K, cells), matrix(policy[layout.WAITING], K if waving else 0, m)
    shared = matrices(policy[layout.SHARED], 1 if corrected and not waving else 0, m)
    shared_panels = matrix(policy[layout.SHARED], 1 if corrected and waving else 0, cells)
    shared_waiting = matrix(policy[layout.SHARED_WAITING], 1 if corrected and waving else 0, m)
    turns = integers(policy[layout.TURNS], K + 1 if waving else 0)  # the last is the shared one's
    forgetting, ridge, bonus = real[layout.FORGETTING], real[layout.RIDGE], real[layout.BONUS]
    correction_ridge, clip = real[layout.CORRECTION_RIDGE], real[layout.CLIP]

    room = np.empty(5 * m + d + raw + 7 * K)
    phi, y, spare = room[:m], room[m : 2 * m], room[2 * m : 5 * m].reshape(3, m)
    z, raw_y = room[5 * m : 5 * m + d], room[5 * m + d : 5 * m + d + raw]
    rest = room[5 * m + d + raw :]
    net, deviation, values, below = rest[:K], rest[K : 2 * K], rest[2 * K : 3 * K], rest[3 * K :].reshape(2, K, 2)
    for i in range(features.shape[0]):
        expand(features[i], mean, scale, slots, signs, real[layout.FACTOR], raw, picks, waves, phases, z, phi)
        x = phi[:raw]
        norm = dot(x, x)
        for a in range(K):
            estimate = _inner(phi, theta[a], waving)
            if corrected:
                estimate += _inner(phi, correction[a], waving)
            estimates[i, a] = estimate
            net[a] = estimate - lambdas[i] * costs[i, a]
            deviation[a] = 0.0
            if bonus > 0.0:
                deviation[a] = math.sqrt(_faded(product(covariance[a], x, raw_y), norm, age[a], forgetting, ridge))
        explore(
            policy[layout.RULE], net, deviation, eligible[i], bonus, real[layout.SHARPNESS], real[layout.COOLING],
            counters[1], real[layout.MINIMUM], values, below, probabilities[i],
        )  # fmt: skip

        c = chosen[i]
        weight = 1.0
        if forgetting < 1.0:
            for a in range(K):
                age[a] += 1
            weight = power(forgetting, age[c])
            age[c] = 0
            forget(covariance[c], theta[c : c + (0 if waving else 1)], weight, ridge, raw_y)
        if waving:
            step = gain(covariance[c], x, ridge, raw_y)
            shrink(covariance[c], raw_y, step)
            step = panel_gain(
                panels[c], theta[c : c + 1], waiting[c], weight, raw + D, ridge, turns[c : c + 1], phi, y, spare
            )
        else:
            step = gain(covariance[c], phi, ridge, y)
        residual = reward[i] - _inner(phi, theta[c], waving)
        _add(theta[c], step * residual, y)
        if waving:
            panel_wait(waiting[c], y, step)
        else:
            shrink(covariance[c], y, step)

        if corrected:
            if waving:
                step = panel_gain(
                    shared_panels[0], correction, shared_waiting[0], forgetting, raw + D, correction_ridge, turns[K:],
                    phi, y, spare,
                )  # fmt: skip
            else:
                if forgetting < 1.0:
                    forget(shared[0], correction, forgetting, correction_ridge, y)
                step = gain(shared[0], phi, correction_ridge, y)
            weighted = min(1.0 / propensity[i], clip) * residual
            for a in range(K):
                if eligible[i, a]:
                    target = weighted if a == c else 0.0
                    _add(correction[a], step * (target - _inner(phi, correction[a], waving)), y)
            if waving:
                panel_wait(shared_waiting[0], y, step)
            else:
                shrink(shared[0], y, step)

        observe(features[i], mean, m2, scale, seen)
        counters[0] += 1.0
        counters[1] = forgetting * counters[1] + 1.0
