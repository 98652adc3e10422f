"""Decisions of a whole batch, whatever the number of domains: one kernel call over the addresses of their arrays."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from . import layout
from .address import integers, matrices, matrix, prefetch, vector
from .constant import spread
from .exploration import draw_arm, inverse_gap
from .judging import expand_block, judge_arm
from .kernel import kernel
from .quadratic import BLOCK

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

#: The most that a request can have (schemas.events, bandits.doubly_robust).
_MOST_ARMS = 64
#: How many domains before its turn one is brought near.
AHEAD: Final = 4
_INTEGERS: Final = 8 * layout.INTEGERS
_FLOATS: Final = 8 * layout.FLOATS


@kernel("i8(i8[::1], i8[::1], i8[::1], i8[::1], i8[::1])")
def group(slots: Integers, count: Integers, touched: Integers, ends: Integers, order: Integers) -> int:
    """Order rows by slot, slots in the order they come in, rows of a slot in theirs; the number of slots.

    Written: touched (the slots), ends (where each one's rows end in order), order (n,).  count: all 0, one number for
    every slot there is; all 0 again afterwards.  Time is in the number of rows, not in that of slots.
    """
    groups = 0
    for i in range(slots.shape[0]):
        slot = slots[i]
        if count[slot] == 0:
            touched[groups] = slot
            groups += 1
        count[slot] += 1
    at = 0
    for g in range(groups):
        ends[g] = at
        at += count[touched[g]]
        count[touched[g]] = g
    for i in range(slots.shape[0]):
        g = count[slots[i]]
        order[ends[g]] = i
        ends[g] += 1
    for g in range(groups):
        count[touched[g]] = 0
    return groups


@kernel("void(i8[::1])")
def _announce(integer: Integers) -> None:
    """Have what a slot decides with brought near: with many domains each is far away when its turn comes."""
    K, d, m = integer[layout.ARMS], integer[layout.FEATURES], integer[layout.SIZE]
    prefetch(integer[layout.LAMBDA], 8)
    if integer[layout.KIND] == layout.DOUBLY_ROBUST:  # one run, see `model`
        prefetch(integer[layout.COUNTERS], 8 * (2 + 2 * d + K * (2 * m + 1 + m * m)))
    else:
        prefetch(integer[layout.ACTED], 24 * K)


@kernel(
    "void(i8[:,::1], f8[:,::1], i8[::1], i8[::1], f4[:,::1], f8[::1], i8[::1], f4[:,::1], f4[:,::1], i8)",
)
def decide_many(
    integers_of: NDArray[np.int64],
    floats_of: Array,
    count: Integers,
    slots: Integers,
    features: NDArray[np.float32],
    draws: Array,
    choice: Integers,
    propensities: NDArray[np.float32],
    scores: NDArray[np.float32],
    largest: int,
) -> None:
    """Choose for n requests of many domains, each among all its enabled arms.

    integers_of, floats_of: by slot (`layout`); count: see `group`; slots: (n,); features: (n, width), of which a
    domain with d features reads the first d; draws: (n,) in [0, 1).  Written: choice (n,), an index among the slot's
    enabled arms, -1 if there are none; propensities and scores (n, Kmax), the enabled arms in order, then zeros.
    largest: at least the largest m (length of phi) of these slots.
    """
    n = slots.shape[0]
    order, touched, ends = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    groups = group(slots, count, touched, ends, order)
    space = np.empty(BLOCK * largest)
    room = np.empty(largest)
    norms, variances, estimate, column = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    index_room, net_room = np.empty(BLOCK * _MOST_ARMS), np.empty(BLOCK * _MOST_ARMS)
    probabilities_room = np.empty(_MOST_ARMS)
    every = np.full((1, _MOST_ARMS), fill_value=True)
    integers_at, floats_at = integers_of.ctypes.data, floats_of.ctypes.data
    begin = 0
    for g in range(groups):
        integer, real = integers_of[touched[g]], floats_of[touched[g]]
        if g + 2 * AHEAD < groups:
            prefetch(integers_at + touched[g + 2 * AHEAD] * _INTEGERS, _INTEGERS)
            prefetch(floats_at + touched[g + 2 * AHEAD] * _FLOATS, _FLOATS)
        if g + AHEAD < groups:
            _announce(integers_of[touched[g + AHEAD]])
        enabled, K, m = integer[layout.ENABLED], integer[layout.ARMS], integer[layout.SIZE]
        places = integers(integer[layout.PLACES], enabled)
        prices, lambda_ = vector(integer[layout.PRICES], K), vector(integer[layout.LAMBDA], 1)[0]
        net = net_room[: BLOCK * enabled].reshape(BLOCK, enabled)
        index = index_room[: BLOCK * enabled].reshape(BLOCK, enabled)
        probabilities = probabilities_room[:enabled]
        learned = integer[layout.KIND] == layout.DOUBLY_ROBUST
        if learned:
            d = integer[layout.FEATURES]
            mean, scale = vector(integer[layout.MEAN], d), vector(integer[layout.SCALE], d)
            fold, signs = integers(integer[layout.SLOTS], d), vector(integer[layout.SIGNS], d)
            P = matrices(integer[layout.P], K, m)
            theta, correction = matrix(integer[layout.THETA], K, m), matrix(integer[layout.CORRECTION], K, m)
            age = integers(integer[layout.AGE], K)
            sharpness = real[layout.GAMMA] * math.sqrt(vector(integer[layout.COUNTERS], 2)[1])
            columns, weights = space[: BLOCK * m].reshape(m, BLOCK), room[:m]
        for start in range(begin, ends[g], BLOCK):
            rows = min(BLOCK, ends[g] - start)
            if learned:
                expand_block(
                    features, order[start:], rows, mean, scale, fold, signs, real[layout.FACTOR], columns, norms
                )
                for e in range(enabled):
                    a = places[e]
                    price = lambda_ * prices[a]
                    judge_arm(
                        P[a], theta[a], correction[a], age[a], real[layout.FORGETTING], real[layout.RIDGE],
                        real[layout.BONUS], columns, norms, rows, weights, variances, estimate, column,
                    )  # fmt: skip
                    for r in range(rows):
                        net[r, e] = estimate[r] - price
                        index[r, e] = column[r] - price
            else:
                acted = matrix(integer[layout.ACTED], K, 3)
                for e in range(enabled):
                    a = places[e]
                    worth = (acted[a, 1] if acted[a, 0] > 0.0 else real[layout.UNKNOWN_MEAN]) - lambda_ * prices[a]
                    for r in range(rows):
                        net[r, e] = worth
                spread(enabled, integer[layout.LEADER], real[layout.MINIMUM], probabilities)
            for r in range(rows):
                row = order[start + r]
                if learned:
                    inverse_gap(index[r], every[0, :enabled], sharpness, real[layout.MINIMUM], probabilities)
                for e in range(enabled):
                    propensities[row, e] = probabilities[e]
                    scores[row, e] = net[r, e]
                for e in range(enabled, propensities.shape[1]):
                    propensities[row, e] = 0.0
                    scores[row, e] = 0.0
                choice[row] = draw_arm(propensities[row, :enabled], draws[row])
        begin = ends[g]
