"""Decisions of a whole batch, whatever the number of domains: one kernel call over the addresses of their arrays."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from . import layout
from .address import integers, matrix, prefetch, vector
from .constant import spread
from .cost_model import WIDTH, expect
from .exploration import draw_arm, explore
from .judging import judge
from .kernel import kernel
from .quadratic import BLOCK

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

#: The most that a request can have (schemas.events.MAX_ARMS).
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
    prefetch(integer[layout.LAMBDA], 8)
    if integer[layout.KIND] == layout.LINEAR:  # one run, see `model`
        K, raw = integer[layout.ARMS], integer[layout.RAW]
        prefetch(integer[layout.COUNTERS], integer[layout.COVARIANCE] + 8 * K * raw * raw - integer[layout.COUNTERS])
    else:
        prefetch(integer[layout.ACTED], 24 * integer[layout.ARMS])


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
    largest: at least what `judging.room_for` says of any of these slots.
    """
    n = slots.shape[0]
    order, touched, ends = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    groups = group(slots, count, touched, ends, order)
    room = np.empty(largest)
    estimate_room, deviation_room = np.empty(BLOCK * _MOST_ARMS), np.empty(BLOCK * _MOST_ARMS)
    net_room, values_room, probabilities_room = np.empty(_MOST_ARMS), np.empty(_MOST_ARMS), np.empty(_MOST_ARMS)
    below_room = np.empty(4 * _MOST_ARMS)
    means, expected_room, phi_room = np.empty(_MOST_ARMS), np.empty(_MOST_ARMS), np.empty(1 + WIDTH)
    every = np.full(_MOST_ARMS, fill_value=True)
    integers_at, floats_at = integers_of.ctypes.data, floats_of.ctypes.data
    begin = 0
    for g in range(groups):
        integer, real = integers_of[touched[g]], floats_of[touched[g]]
        if g + 2 * AHEAD < groups:
            prefetch(integers_at + touched[g + 2 * AHEAD] * _INTEGERS, _INTEGERS)
            prefetch(floats_at + touched[g + 2 * AHEAD] * _FLOATS, _FLOATS)
        if g + AHEAD < groups:
            _announce(integers_of[touched[g + AHEAD]])
        enabled, K = integer[layout.ENABLED], integer[layout.ARMS]
        places = integers(integer[layout.PLACES], enabled)
        prices, lambda_ = vector(integer[layout.PRICES], K), vector(integer[layout.LAMBDA], 1)[0]
        net, values, probabilities = net_room[:enabled], values_room[:enabled], probabilities_room[:enabled]
        estimates = estimate_room[: BLOCK * enabled].reshape(BLOCK, enabled)
        deviations = deviation_room[: BLOCK * enabled].reshape(BLOCK, enabled)
        below = below_room[: 4 * enabled].reshape(2, enabled, 2)
        regressed = integer[layout.COSTS_SIZE] > 0
        expected = expected_room[:K]
        if regressed:
            d, u = integer[layout.FEATURES], integer[layout.COSTS_PHI]
            model = vector(integer[layout.COSTS], integer[layout.COSTS_SIZE])
            fold, signs = integers(integer[layout.COSTS_SLOTS], d), vector(integer[layout.COSTS_SIGNS], d)
            units, bases = vector(integer[layout.COSTS_UNITS], K), vector(integer[layout.COSTS_BASES], K)
            phi, factor = phi_room[:u], 2.0 / math.sqrt(max(1, u - 1))
        else:
            for a in range(K):
                expected[a] = prices[a]
        learned, t = integer[layout.KIND] == layout.LINEAR, 0.0
        if learned:
            t = vector(integer[layout.COUNTERS], 2)[1]
        else:
            acted = matrix(integer[layout.ACTED], K, 3)
            leader = -1
            for e in range(enabled):
                a = places[e]
                if a == integer[layout.LEADER]:
                    leader = e
                means[e] = acted[a, 1] if acted[a, 0] > 0.0 else real[layout.UNKNOWN_MEAN]
            spread(enabled, leader, real[layout.MINIMUM], probabilities)
        for start in range(begin, ends[g], BLOCK):
            rows = min(BLOCK, ends[g] - start)
            if learned:
                judge(integer, real, features, order[start:], rows, places, estimates, deviations, room)
            for r in range(rows):
                row = order[start + r]
                if regressed:
                    expect(model, features[row], fold, signs, factor, units, bases, phi, expected)
                for e in range(enabled):
                    net[e] = (estimates[r, e] if learned else means[e]) - lambda_ * expected[places[e]]
                if learned:
                    explore(
                        integer[layout.RULE], net, deviations[r], every[:enabled], real[layout.BONUS],
                        real[layout.SHARPNESS], real[layout.COOLING], t, real[layout.MINIMUM], values, below,
                        probabilities,
                    )  # fmt: skip
                for e in range(enabled):
                    propensities[row, e] = probabilities[e]
                    scores[row, e] = net[e]
                for e in range(enabled, propensities.shape[1]):
                    propensities[row, e] = 0.0
                    scores[row, e] = 0.0
                choice[row] = draw_arm(propensities[row, :enabled], draws[row])
        begin = ends[g]
