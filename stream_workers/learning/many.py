"""Learning of a whole batch, whatever the number of domains: the kernels of each learner, called over addresses.

The result is that of `DomainState.learn`, bit for bit: the same kernels see the same rows in the same order.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..bandits import layout as learner
from ..bandits import pacer, quality
from ..bandits.address import integers, matrix, prefetch, vector
from ..bandits.constant import constant
from ..bandits.cost_model import WIDTH, learn_costs
from ..bandits.deciding import AHEAD, group
from ..bandits.kernel import kernel
from ..bandits.steering import CONSTANTS, steer
from ..bandits.updating import learn
from ..evaluation.groups import ROWS
from ..evaluation.progressive import CLIP, MOMENTS, WEIGHTS, evaluate
from ..honesty.gathering import gather
from . import layout

_INTEGERS: Final = 8 * layout.INTEGERS
_FLOATS: Final = 8 * layout.FLOATS
_POLICY_INTEGERS: Final = 8 * learner.POLICY_INTEGERS
_POLICY_FLOATS: Final = 8 * learner.POLICY_FLOATS

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@kernel("void(i8[::1], i8[:,::1])")
def _announce(domain: Integers, policies: Integers) -> None:
    """Have a domain's buffers brought near: with many domains each is far away when its turn comes."""
    size = domain[layout.POLICIES]
    end = domain[layout.COSTS] + 8 * domain[layout.COSTS_SIZE]
    prefetch(domain[layout.LAMBDA], end - domain[layout.LAMBDA])  # one run, see `terms`
    for row in range(domain[layout.FIRST], domain[layout.FIRST] + size):
        policy = policies[row]
        if policy[learner.KIND] == learner.LINEAR:  # one run, see `bandits.model`
            prefetch(policy[learner.COUNTERS], policy[learner.PANELS] - policy[learner.COUNTERS])


@kernel("void(i8[::1], i8)")
def count_unfollowed(domain: Integers, outcomes: int) -> None:
    """Count so many outcomes of a domain that were not followed (`DomainState.pass_over`)."""
    counts = integers(domain[layout.COUNTS], layout.COUNTERS)
    counts[0] += outcomes
    counts[4] += outcomes


@kernel(
    "i8(i8[:,::1], f8[:,::1], i8[:,::1], f8[:,::1], i8[::1], i8[::1], f4[:,::1], b1[:,::1], i8[::1], f8[::1], "
    "f4[:,::1], f8[::1], f8[::1], b1[::1], f8[::1], f8[::1], b1[::1], i8[::1], i8[::1], i8[::1])"
)
def learn_many(
    domains: Integers,
    domain_floats: Array,
    policies: Integers,
    policy_floats: Array,
    count: Integers,
    slots: Integers,
    features: NDArray[np.float32],
    eligible: NDArray[np.bool_],
    chosen: Integers,
    propensity: Array,
    propensities: NDArray[np.float32],
    reward: Array,
    costs: Array,
    complete: NDArray[np.bool_],
    decided: Array,
    ended: Array,
    lapsed: NDArray[np.bool_],
    unit_group: Integers,
    touched: Integers,
    alarms: Integers,
) -> int:
    """Learn n outcomes in log order within each domain; returns how many domains there were.

    The tables are by slot (`layout`); count: see `deciding.group`.  Of row i features (n, width), eligible and
    propensities (n, Kmax) the first d and K are its domain's; chosen: an arm that is there; costs: USD, NaN: not
    observed; unit_group: see `evaluation.groups`.  Written: touched and alarms (n,), of which as many as there are
    domains: their slots, and how many alarms the checks raised.
    """
    n = slots.shape[0]
    order, ends = np.empty(n, np.int64), np.empty(n, np.int64)
    groups = group(slots, count, touched, ends, order)
    most = cells = numbers = everyone = 0
    begin = 0
    for g in range(groups):
        rows, domain = ends[g] - begin, domains[touched[g]]
        most, cells = max(most, rows), max(cells, rows * domain[layout.ARMS])
        numbers = max(numbers, rows * domain[layout.FEATURES])
        everyone = max(everyone, rows * domain[layout.ARMS] * domain[layout.POLICIES])
        begin = ends[g]
    all_x, all_mask = np.empty(numbers, np.float32), np.empty(cells, np.bool_)
    all_p, all_q, champion_q, all_costs = np.empty(everyone), np.empty(cells), np.empty(cells), np.empty(cells)
    all_logged, all_predicted = np.empty(cells, np.float32), np.empty(everyone)
    cost_room = np.empty((2, 1 + WIDTH))
    ints, floats, flags = np.empty((2, most), np.int64), np.empty((6, most)), np.empty((2, most), np.bool_)
    domains_at, floats_at = domains.ctypes.data, domain_floats.ctypes.data
    policies_at, numbers_at = policies.ctypes.data, policy_floats.ctypes.data
    begin = 0
    for g in range(groups):
        slot, rows = touched[g], ends[g] - begin
        domain, real = domains[slot], domain_floats[slot]
        if g + 3 * AHEAD < groups:
            prefetch(domains_at + touched[g + 3 * AHEAD] * _INTEGERS, _INTEGERS)
            prefetch(floats_at + touched[g + 3 * AHEAD] * _FLOATS, _FLOATS)
        if g + 2 * AHEAD < groups:
            first, following = (
                domains[touched[g + 2 * AHEAD], layout.FIRST],
                domains[touched[g + 2 * AHEAD], layout.POLICIES],
            )
            prefetch(policies_at + first * _POLICY_INTEGERS, following * _POLICY_INTEGERS)
            prefetch(numbers_at + first * _POLICY_FLOATS, following * _POLICY_FLOATS)
        if g + AHEAD < groups:
            _announce(domains[touched[g + AHEAD]], policies)
        d, K, size = domain[layout.FEATURES], domain[layout.ARMS], domain[layout.POLICIES]
        x, mask = all_x[: rows * d].reshape(rows, d), all_mask[: rows * K].reshape(rows, K)
        acts, unit, p, r, c = ints[0, :rows], ints[1, :rows], floats[0, :rows], floats[1, :rows], floats[2, :rows]
        lambdas, begun, over = floats[3, :rows], floats[4, :rows], floats[5, :rows]
        whole, late = flags[0, :rows], flags[1, :rows]
        logged = all_logged[: rows * K].reshape(rows, K)
        counts = integers(domain[layout.COUNTS], layout.COUNTERS)
        counts[0] += rows
        for i in range(rows):
            row = order[begin + i]
            for j in range(d):
                x[i, j] = features[row, j]
            for a in range(K):
                mask[i, a], logged[i, a] = eligible[row, a], propensities[row, a]
            begun[i], over[i], whole[i], unit[i] = decided[row], ended[row], complete[row], unit_group[row]
            late[i] = lapsed[row]
            acts[i], p[i], r[i], c[i] = chosen[row], propensity[row], reward[row], costs[row]
            counts[1] += complete[row]
            counts[3] += not np.isnan(c[i])
        begin = ends[g]
        steer(
            vector(domain[layout.LAMBDA], 1), vector(domain[layout.PACED], pacer.SIZE),
            vector(domain[layout.HELD], quality.SIZE), c, r, acts, p, begun, over, real[:CONSTANTS], lambdas,
        )  # fmt: skip
        expected = all_costs[: rows * K].reshape(rows, K)
        if domain[layout.COSTS_SIZE] > 0:
            u = domain[layout.COSTS_PHI]
            learn_costs(
                vector(domain[layout.COSTS], domain[layout.COSTS_SIZE]), x, acts, c,
                integers(domain[layout.COSTS_SLOTS], d), vector(domain[layout.COSTS_SIGNS], d),
                2.0 / math.sqrt(max(1, u - 1)), vector(domain[layout.COSTS_UNITS], K),
                vector(domain[layout.COSTS_BASES], K), cost_room[0, :u], cost_room[1, :u], expected,
            )  # fmt: skip
        else:
            prices = vector(domain[layout.PRICES], K)
            for i in range(rows):
                for a in range(K):
                    expected[i, a] = prices[a]
        probabilities = all_p[: size * rows * K].reshape(size, rows, K)
        q, model = all_q[: rows * K].reshape(rows, K), champion_q[: rows * K].reshape(rows, K)
        predicted = all_predicted[: size * rows].reshape(size, rows)
        has_model = False
        for each in range(size):
            policy, number = policies[domain[layout.FIRST] + each], policy_floats[domain[layout.FIRST] + each]
            if policy[learner.KIND] != learner.LINEAR:
                constant(mask, policy[learner.LEADER], number[learner.MINIMUM], probabilities[each])
                predicted[each] = np.nan
                continue
            if each == 0:
                has_model = True
            learn(
                policy, number, x, mask, acts, p, r, expected, lambdas, probabilities[each], model if each == 0 else q
            )
            for i in range(rows):
                predicted[each, i] = model[i, acts[i]] if each == 0 else q[i, acts[i]]
        evaluate(
            probabilities, model, has_model, mask, acts, logged, r, unit, CLIP,
            matrix(domain[layout.VALUES], size, MOMENTS), matrix(domain[layout.WEIGHTS], size, WEIGHTS),
            matrix(domain[layout.FIXED], K, MOMENTS), matrix(domain[layout.AHEAD], K, MOMENTS),
            matrix(domain[layout.VERSUS], size - 1, MOMENTS), matrix(domain[layout.GROUPS], ROWS, 2),
            matrix(domain[layout.ACTED], K, 3),
        )  # fmt: skip
        alarms[g] = gather(
            domain[layout.CHECKS], domain[layout.LIMITS], has_model, predicted, x, mask, acts, logged, r, whole, begun,
            over, late,
        )  # fmt: skip
    return groups
