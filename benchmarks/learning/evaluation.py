"""Do intervals of off-policy values hold, and which estimator errs least: over simulated logs whose truth is known.

    python -m benchmarks.learning.evaluation [--quick]

Every interval is looked at after every single outcome; one that ever left the truth out counts as violated.
"""

import json
import math
import sys
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stream_workers.evaluation.clusters import numbered
from stream_workers.evaluation.confidence import ALPHA, LEAST, TIGHTEST_AT
from stream_workers.evaluation.empirical_bernstein import log_mixture, predictable_mixture
from stream_workers.evaluation.estimators import dm, dr, ips, snips
from stream_workers.evaluation.groups import GROUPS, ROWS, add, design_effect
from stream_workers.evaluation.pseudo_outcomes import (
    AHEAD,
    BOUNDS,
    DIFFERENCE_SCALES,
    HIGHEST_VALUE,
    RHOS,
    VALUE_SCALES,
    terms_below,
)
from stream_workers.evaluation.reward_model import cross_fitted, folds_of

from .simulated_logs import ARMS, REGIMES, Log, Setting, log_of, log_of_users, setting

Array = NDArray[np.float64]

LENGTH: Final = 2000
#: Worlds of each regime, and logs of each.
WORLDS: Final = 20
LOGS: Final = 50


@njit(cache=True)
def _ever_outside(
    low: Array, high: Array, truth: Array, scales: Array, rhos: Array, highest: float, lowest: float, alpha: float
) -> bool:
    """Whether the joint empirical Bernstein interval ever leaves out the truth.

    low, high: (J, n) terms bounded from below, and negated ones from above; truth: (n,) what holds after each.  By the
    definition of the limits: the average mixture at the truth is at least 2 / alpha.
    """
    J, n = low.shape
    sums, spreads = np.zeros((2, J)), np.zeros((2, J))
    for t in range(n):
        for side in range(2):
            sign = 1.0 - 2.0 * side
            top = highest if side == 0 else -lowest
            average = 0.0
            for j in range(J):
                x = low[j, t] if side == 0 else high[j, t]
                guess = min(sums[side, j] / t, top) if t else min(0.0, top)
                spreads[side, j] += (x - guess) ** 2
                sums[side, j] += x
                s = (sums[side, j] - (t + 1) * sign * truth[t]) / scales[j]
                v = spreads[side, j] / scales[j] ** 2
                average += math.exp(min(log_mixture(s, v, rhos[j]), 500.0)) / J
            if average >= 2.0 / alpha:
                return True
    return False


@njit(cache=True)
def _half_width(t: int, variance: float, alpha: float, tightest_at: float) -> float:
    """As `confidence.half_width`."""
    x = -2.0 * math.log(alpha)
    rho2 = (x + math.log(x + 1.0)) / tightest_at
    grown = t * rho2 + 1.0
    return math.sqrt(variance * 2.0 * grown / (t * t * rho2) * math.log(math.sqrt(grown) / alpha))


@njit(cache=True)
def _ever_outside_asymptotic(terms: Array, truth: Array, begin: int, alpha: float, tightest_at: float) -> bool:
    mean = m2 = 0.0
    for t in range(terms.shape[0]):
        delta = terms[t] - mean
        mean += delta / (t + 1)
        m2 += delta * (terms[t] - mean)
        if t + 1 >= begin and abs(mean - truth[t]) > _half_width(t + 1, m2 / (t + 1), alpha, tightest_at):
            return True
    return False


def _joint(log: Log, signed: Array, truth: Array, *, difference: bool) -> bool:
    given = (log.propensities, log.predicted, log.chosen, log.reward)
    low = np.stack([terms_below(signed, *given, bound=k) for k in BOUNDS])
    high = np.stack([terms_below(-signed, *given, bound=k) for k in BOUNDS])
    scales = DIFFERENCE_SCALES if difference else VALUE_SCALES
    highest, lowest = (AHEAD, -AHEAD) if difference else (HIGHEST_VALUE, 1.0 - HIGHEST_VALUE)
    return bool(_ever_outside(low, high, truth, scales, RHOS, highest, lowest, ALPHA))


def _predictable(log: Log, truth: float) -> bool:
    """Whether the interval for a mean that stays the same ever leaves it out."""
    given = (log.propensities, log.predicted, log.chosen, log.reward)
    k = BOUNDS[0]
    low = predictable_mixture(terms_below(log.target, *given), -k, HIGHEST_VALUE, ALPHA / 2.0)
    high = -predictable_mixture(terms_below(-log.target, *given), -1.0 - k, HIGHEST_VALUE - 1.0, ALPHA / 2.0)
    return bool((low > truth).any() or (high < truth).any())


def _asymptotic(log: Log, truth: Array) -> bool:
    rows = np.arange(len(log.reward))
    terms = dr(log.reward, log.propensities[rows, log.chosen], log.chosen, log.target, log.predicted)
    return bool(_ever_outside_asymptotic(terms, truth, LEAST, ALPHA, float(TIGHTEST_AT)))


def _violated(world: Setting, log: Log) -> dict[str, bool]:
    """Of one log, which intervals were ever wrong."""
    n = len(log.reward)
    arm = np.tile(np.eye(ARMS)[-1], (n, 1))
    so_far = np.arange(1, n + 1)

    def running(signed: Array) -> Array:
        return np.cumsum((signed * log.means).sum(axis=1)) / so_far

    found = {
        # Of the contexts that came: what also holds when they drift, and for the policy that learns.
        "running": _joint(log, log.target, running(log.target), difference=False),
        "logging": _joint(log, log.propensities, running(log.propensities), difference=False),
        "difference": _joint(log, log.target - arm, running(log.target - arm), difference=True),
        "ahead": _joint(log, log.propensities - arm, running(log.propensities - arm), difference=True),
    }
    if world.regime == "adaptive":
        return {**found, "asymptotic": _asymptotic(log, running(log.target))}
    fixed = np.full(n, world.value)
    return {
        **found,
        "value": _joint(log, log.target, fixed, difference=False),
        "value_difference": _joint(log, log.target - arm, fixed - world.arm_value, difference=True),
        "predictable": _predictable(log, world.value),
        "asymptotic": _asymptotic(log, fixed),
    }


@njit(cache=True)
def _ever_outside_users(
    unit: NDArray[np.int64], group: NDArray[np.int64], reward: Array, scales: Array, rhos: Array, truth: float,
    alpha: float, tightest_at: float, least: int, out: NDArray[np.bool_],
) -> None:  # fmt: skip
    """Of the value of users to come: written is whether each interval ever left it out.

    0: the learner's, wider by the root of the random groups' design effect, from where it speaks of them; 1: the same,
    not widened; 2: the asymptotic one over users' sums; 3: over outcomes.
    """
    n, J = reward.shape[0], scales.shape[0]
    sums = np.zeros((ROWS, 2))
    totals, sizes = np.zeros(n), np.zeros(n)
    users = 0
    mean = m2 = 0.0
    spreads = np.zeros(2)
    for t in range(n):
        x = reward[t]
        spreads[0] += (x - (mean if t else 0.0)) ** 2
        spreads[1] += (-x - min(-mean, 0.0)) ** 2
        delta = x - mean
        mean += delta / (t + 1)
        m2 += delta * (x - mean)
        add(sums, group[t], x)
        totals[unit[t]] += x
        sizes[unit[t]] += 1.0
        users = max(users, unit[t] + 1)
        effect = design_effect(sums, t + 1.0, mean, m2 / (t + 1))
        for wide in range(2):
            if wide == 0 and np.isnan(effect):
                continue  # it does not speak of users to come yet
            at = mean + (truth - mean) / (math.sqrt(effect) if wide == 0 else 1.0)
            for side in range(2):
                average = 0.0
                for j in range(J):
                    s = (t + 1) * (mean - at) * (1.0 - 2.0 * side) / scales[j]
                    average += math.exp(min(log_mixture(s, spreads[side] / scales[j] ** 2, rhos[j]), 500.0)) / J
                if average >= 2.0 / alpha:
                    out[wide] = True
        if users >= least:
            scatter = 0.0
            for u in range(users):
                error = totals[u] - mean * sizes[u]
                scatter += error * error
            variance = scatter * (users / (t + 1.0)) ** 2 / (users - 1)
            if abs(mean - truth) > _half_width(users, variance, alpha, tightest_at):
                out[2] = True
        if t + 1 >= least and abs(mean - truth) > _half_width(t + 1, m2 / (t + 1), alpha, tightest_at):
            out[3] = True


def _users(logs: int) -> dict[str, float]:
    wrong = np.zeros(4)
    for seed in range(logs):
        unit, reward = log_of_users(LENGTH, seed)
        dealt = np.random.default_rng(seed).integers(0, GROUPS, int(unit.max()) + 1)[unit]  # as a hash deals them
        out = np.zeros(4, np.bool_)
        _ever_outside_users(unit, dealt, reward, VALUE_SCALES, RHOS, 0.5, ALPHA, float(TIGHTEST_AT), LEAST, out)
        wrong += out
    names = ("units", "units_ignored", "units_asymptotic", "units_asymptotic_ignored")
    return {f"cs_violations_{name}": float(share) for name, share in zip(names, wrong / logs, strict=True)}


def _errors(world: Setting, log: Log) -> dict[str, float]:
    """What each estimator is off by on one log, whose truth is the value for the contexts that came."""
    rows = np.arange(len(log.reward))
    p, w = log.propensities[rows, log.chosen], log.target[rows, log.chosen]
    fold = folds_of(numbered(rows.tolist()))
    fitted = cross_fitted(log.features.astype(np.float32), log.chosen, log.reward, 1.0 / p, ARMS, fold)
    truth = float((log.target * log.means).sum(axis=1).mean()) if world.regime == "adaptive" else world.value
    return {
        "ips": float(ips(log.reward, p, w).mean()) - truth,
        "snips": snips(log.reward, p, w) - truth,
        "dm": float(dm(log.target, fitted).mean()) - truth,
        "dr": float(dr(log.reward, p, log.chosen, log.target, fitted).mean()) - truth,
    }


def run(quick: bool) -> dict[str, Any]:
    """Violations by regime and interval, and how DR's error compares; quick: a fifth of the logs."""
    worlds = WORLDS // 5 if quick else WORLDS
    found: dict[str, Any] = {"evaluation_logs": worlds * LOGS * (len(REGIMES) + 1)}
    ratios: dict[str, list[float]] = {"ips": [], "snips": [], "dm": []}
    largest = 0.0
    for regime in REGIMES:
        wrong: dict[str, list[bool]] = {}
        for number in range(worlds):
            world = setting(regime, number)
            errors = []
            for seed in range(LOGS):
                log = log_of(world, LENGTH, 1_000 * number + seed)
                for name, violated in _violated(world, log).items():
                    wrong.setdefault(name, []).append(violated)
                errors.append(_errors(world, log))
            rmse = {name: math.sqrt(np.mean([each[name] ** 2 for each in errors])) for name in errors[0]}
            for name, values in ratios.items():
                values.append(rmse["dr"] / rmse[name])
        shares = {name: float(np.mean(each)) for name, each in wrong.items()}
        nominal = max(share for name, share in shares.items() if name != "asymptotic")
        found |= {f"cs_violations_{regime}_{name}": share for name, share in shares.items()}
        found[f"cs_violations_{regime}"] = nominal
        largest = max(largest, nominal)
    found |= _users(worlds * LOGS)
    found["cs_violations"] = max(largest, found["cs_violations_units"])
    return found | {f"dr_rmse_over_{name}": float(np.median(each)) for name, each in ratios.items()}


if __name__ == "__main__":
    print(json.dumps(run("--quick" in sys.argv[1:]), indent=1))
