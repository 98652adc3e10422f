"""How an offset tree decides and learns: kernels over its arrays, see `offset_tree`."""

import math

import numpy as np
from numpy.typing import NDArray

from .elementary import power
from .feature_map import expand, observe
from .kernel import kernel
from .panels import dot_lanes
from .ridge import panel_gain, panel_wait

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

#: A node's mean weight is at least this when costs are put into the units of its margin.
_LEAST_WEIGHT = 1e-3


@kernel()
def winners(
    phi: Array,
    theta: Array,
    weights: Array,
    left: Integers,
    right: Integers,
    eligible: Mask,
    costs: Array,
    lambda_: float,
    margin: Array,
    winner: Integers,
) -> None:
    """Write each node's margin, above 0 for its left side, and the arm that wins below it, from the leaves up.

    A node with one eligible side passes that side's winner on (margin 0); winner -1: no arm below is eligible.
    The margin is what the node has learned, less what the left winner is expected to cost more, put into the margin's
    units: the mean reward difference behind a margin of 1 is the mean weight learned with.
    """
    for node in range(left.shape[0] - 1, -1, -1):
        a = _winner_of(left[node], winner, eligible)
        b = _winner_of(right[node], winner, eligible)
        margin[node] = 0.0
        if a < 0 or b < 0:
            winner[node] = max(a, b)
            continue
        margin[node] = dot_lanes(phi, theta[node])
        dearer = lambda_ * (costs[a] - costs[b])
        if dearer != 0.0:
            mean = weights[node, 0] / weights[node, 1] if weights[node, 1] > 0.0 else 1.0
            margin[node] -= dearer / max(mean, _LEAST_WEIGHT)
        winner[node] = a if margin[node] >= 0.0 else b


@kernel()
def _winner_of(child: int, winner: Integers, eligible: Mask) -> int:
    if child >= 0:
        return int(winner[child])
    arm = -child - 1
    return arm if eligible[arm] else -1


@kernel()
def spread_mass(
    margin: Array,
    winner: Integers,
    left: Integers,
    right: Integers,
    eligible: Mask,
    gamma: float,
    minimum: float,
    mass: Array,
    out: Array,
) -> None:
    """Write probabilities (K,): each node gives the side that loses 1 / (2 + gamma |margin|) of what comes to it.

    That is SquareCB for two arms.  A node with one eligible side gives it all.  Then mixed with uniform, so that each
    keeps minimum / K_eligible; no eligible arm: all 0.
    """
    K = out.shape[0]
    count = 0
    for a in range(K):
        out[a] = 0.0
        count += eligible[a]
    if count == 0:
        return
    if left.shape[0] == 0:
        out[0] = 1.0
        return
    mass[0] = 1.0
    for node in range(left.shape[0]):
        a, b = _winner_of(left[node], winner, eligible), _winner_of(right[node], winner, eligible)
        share = 1.0 if b < 0 else 0.0
        if a >= 0 and b >= 0:
            loser = 1.0 / (2.0 + gamma * abs(margin[node]))
            share = 1.0 - loser if margin[node] >= 0.0 else loser
        for side in range(2):
            child = left[node] if side == 0 else right[node]
            part = mass[node] * (share if side == 0 else 1.0 - share)
            if child >= 0:
                mass[child] = part
            else:
                out[-child - 1] = part
    keep, floor = 1.0 - minimum, minimum / count
    for a in range(K):
        out[a] = keep * out[a] + floor if eligible[a] else 0.0


_MAP = "f8[::1], f8[::1], i8[::1], f8[::1], f8, i8, i8[::1], f8[::1], f8[::1]"
_MODEL = "i8[::1], i8[::1], f8[:,::1], f8[:,::1], f8[:,::1], f8[::1]"
_OWN = "f8[:,::1], f8[:,::1], i8[::1], f8[:,::1], f8[:,::1], i8[::1], f8[::1], i8[::1], i8[::1]"


@kernel(f"void(f4[:,::1], b1[:,::1], f8[:,::1], f8, {_MAP}, {_MODEL}, f8, f8, f8[:,::1], f8[:,::1])")
def distribute(
    features: NDArray[np.float32],
    eligible: Mask,
    costs: Array,
    lambda_: float,
    mean: Array,
    scale: Array,
    slots: Integers,
    signs: Array,
    factor: float,
    raw: int,
    picks: Integers,
    waves: Array,
    phases: Array,
    left: Integers,
    right: Integers,
    theta: Array,
    weights: Array,
    base: Array,
    counters: Array,
    gamma: float,
    minimum: float,
    probabilities: Array,
    estimates: Array,
) -> None:
    """Write probabilities and estimates (n, K); changes nothing else.  The arrays: see `offset_tree`."""
    n, K = eligible.shape
    N, m = theta.shape
    phi, x, z = np.zeros(m), np.zeros(base.shape[1]), np.empty(mean.shape[0])
    margin, mass, winner = np.empty(N), np.empty(N), np.empty(N, np.int64)
    sharpness = gamma * math.sqrt(counters[1])
    for i in range(n):
        expand(features[i], mean, scale, slots, signs, factor, raw, picks, waves, phases, z, phi)
        for j in range(raw):
            x[j] = phi[j]
        for a in range(K):
            estimates[i, a] = dot_lanes(x, base[a])
        winners(phi, theta, weights, left, right, eligible[i], costs[i], lambda_, margin, winner)
        spread_mass(margin, winner, left, right, eligible[i], sharpness, minimum, mass, probabilities[i])


@kernel(
    f"void(f4[:,::1], b1[:,::1], i8[::1], f8[::1], f8[::1], f8[:,::1], f8[::1], f8[:,::1], {_MAP}, {_MODEL}, {_OWN}, "
    "f8, f8, f8, f8, f8, b1, i8, f8[:,::1], f8[:,::1])",
)
def learn(
    features: NDArray[np.float32],
    eligible: Mask,
    chosen: Integers,
    propensity: Array,
    reward: Array,
    costs: Array,
    lambdas: Array,
    propensities: Array,
    mean: Array,
    scale: Array,
    slots: Integers,
    signs: Array,
    factor: float,
    raw: int,
    picks: Integers,
    waves: Array,
    phases: Array,
    left: Integers,
    right: Integers,
    theta: Array,
    weights: Array,
    base: Array,
    counters: Array,
    panels: Array,
    waiting: Array,
    age: Integers,
    base_panels: Array,
    base_waiting: Array,
    base_age: Integers,
    m2: Array,
    seen: Integers,
    turns: Integers,
    gamma: float,
    minimum: float,
    forgetting: float,
    ridge: float,
    clip: float,
    learned: bool,
    size: int,
    probabilities: Array,
    estimates: Array,
) -> None:
    """Learn n outcomes one after another; write what was thought just before each, (n, K).

    propensities: (n, K) logged, or (0, K): not known, then the tree's own stand for them.  learned: whether the
    offset is; size: coordinates of phi that are no padding.
    """
    n, K = eligible.shape
    N, m = theta.shape
    wide = base.shape[1]
    phi, x, z = np.zeros(m), np.zeros(wide), np.empty(mean.shape[0])
    weighted, y, room = np.empty(m), np.empty(m), np.empty((3, m))
    small_y, small_room = np.empty(wide), np.empty((3, wide))
    margin, mass, winner = np.empty(N), np.empty(N), np.empty(N, np.int64)
    above, above_arm = np.full(N, -1), np.full(K, -1)
    for node in range(N):
        for child in (left[node], right[node]):
            if child >= 0:
                above[child] = node
            else:
                above_arm[-child - 1] = node
    for i in range(n):
        expand(features[i], mean, scale, slots, signs, factor, raw, picks, waves, phases, z, phi)
        for j in range(raw):
            x[j] = phi[j]
        for a in range(K):
            estimates[i, a] = dot_lanes(x, base[a])
        winners(phi, theta, weights, left, right, eligible[i], costs[i], lambdas[i], margin, winner)
        sharpness = gamma * math.sqrt(counters[1])
        spread_mass(margin, winner, left, right, eligible[i], sharpness, minimum, mass, probabilities[i])

        c = chosen[i]
        if forgetting < 1.0:
            for node in range(N):
                age[node] += 1
            for a in range(K):
                base_age[a] += 1
        child, node = -(c + 1), above_arm[c]
        while node >= 0:
            on_left = left[node] == child
            other = _winner_of(right[node] if on_left else left[node], winner, eligible[i])
            if other >= 0:
                theirs = propensities[i, other] if propensities.shape[0] else probabilities[i, other]
                weight = min(1.0 + theirs / propensity[i], clip)
                offset = 0.5
                if learned:
                    offset = min(max(0.5 * (estimates[i, c] + estimates[i, other]), 0.0), 1.0)
                weight *= abs(reward[i] - offset)
                label = 1.0 if on_left == (reward[i] >= offset) else -1.0
                past = 1.0
                if forgetting < 1.0:
                    past = power(forgetting, age[node])
                    age[node] = 0
                root = math.sqrt(weight)
                for j in range(m):
                    weighted[j] = root * phi[j]
                step = panel_gain(
                    panels[node], theta[node : node + 1], waiting[node], past, size, ridge, turns[node : node + 1],
                    weighted, y, room,
                )  # fmt: skip
                error = root * label - dot_lanes(weighted, theta[node])
                for j in range(m):
                    theta[node, j] += step * error * y[j]
                panel_wait(waiting[node], y, step)
                weights[node, 0] = past * weights[node, 0] + weight
                weights[node, 1] = past * weights[node, 1] + 1.0
                if winner[node] != c:
                    break
            child, node = node, above[node]

        past = 1.0
        if forgetting < 1.0:
            past = power(forgetting, base_age[c])
            base_age[c] = 0
        step = panel_gain(
            base_panels[c], base[c : c + 1], base_waiting[c], past, raw, 1.0, turns[N + c : N + c + 1], x, small_y,
            small_room,
        )  # fmt: skip
        error = reward[i] - dot_lanes(x, base[c])
        for j in range(wide):
            base[c, j] += step * error * small_y[j]
        panel_wait(base_waiting[c], small_y, step)
        observe(features[i], mean, m2, scale, seen)
        counters[0] += 1.0
        counters[1] = forgetting * counters[1] + 1.0
