"""Logs of simulated decisions whose truth is known: what every policy is really worth, step by step.

Three regimes of logging, and rewards that no linear model fits:

- bounded: a fixed softmax policy that leaves 30% to chance, so that weights stay below 17;
- adaptive: the policy learns from the very log (inverse-gap weighting on ridge models), contexts drift, weights to 100;
- heavy: propensities as small as 1e-4, weights with a tail as heavy as their squares have no mean to speak of;

and one of units: users come and go, and the rewards of one user are alike.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

ARMS: Final = 5
FEATURES: Final = 3
REGIMES: Final = ("bounded", "adaptive", "heavy")
#: Contexts by which a setting's true values are computed.
_CONTEXTS: Final = 100_000


class Setting(NamedTuple):
    """A world and the policy that is asked about; logs of it differ by their seed."""

    regime: str
    graded: bool  # rewards are anything from 0 to 1, as of several components; or 0 or 1
    rewards: Array  # (K, d + 2) how each arm's mean reward follows from the context
    logging: Array  # (K, d)
    target: Array  # (K, d)
    value: float  # of the target
    arm_value: float  # of always the last arm


class Log(NamedTuple):
    """n outcomes in order."""

    features: Array  # (n, d)
    propensities: Array  # (n, K)
    chosen: NDArray[np.int64]
    reward: Array
    predicted: Array  # (n, K) by ridge models, before each outcome
    means: Array  # (n, K) the arms' true mean rewards
    target: Array  # (n, K) the target policy's probabilities


@njit(cache=True)
def _mean(rewards: Array, x: Array) -> float:
    """Of an arm: a logistic function of the context, a wave and a product, which linear models miss."""
    d = x.shape[0]
    score = rewards[d]
    for j in range(d):
        score += rewards[j] * x[j]
    score += rewards[d + 1] * math.sin(3.0 * x[0]) + 0.5 * rewards[0] * x[0] * x[1]
    return 1.0 / (1.0 + math.exp(-score))


@njit(cache=True)
def _softmax(weights: Array, x: Array, sharpness: float, floor: float, out: Array) -> None:
    K, d = weights.shape
    highest = -np.inf
    for a in range(K):
        score = 0.0
        for j in range(d):
            score += weights[a, j] * x[j]
        out[a] = sharpness * score
        highest = max(highest, out[a])
    total = 0.0
    for a in range(K):
        out[a] = math.exp(out[a] - highest)
        total += out[a]
    for a in range(K):
        out[a] = (1.0 - floor) * out[a] / total + floor / K


@njit(cache=True)
def _simulate(
    regime: int, seed: int, graded: bool, rewards: Array, logging: Array, target: Array,
    x: Array, p: Array, chosen: NDArray[np.int64], reward: Array, predicted: Array, means: Array, asked: Array,
) -> None:  # fmt: skip
    np.random.seed(seed)
    n, d = x.shape
    K = p.shape[1]
    m = d + 1
    P = np.zeros((K, m, m))
    theta = np.zeros((K, m))
    for a in range(K):
        for j in range(m):
            P[a, j, j] = 1.0
        theta[a, 0] = 0.5
    phi, y = np.empty(m), np.empty(m)
    for t in range(n):
        for j in range(d):
            x[t, j] = np.random.normal()
        if regime == 1:
            x[t, 1] += 1.5 * math.sin(2.0 * math.pi * t / n)  # contexts drift
        phi[0] = 1.0
        phi[1:] = x[t]
        for a in range(K):
            guess = 0.0
            for j in range(m):
                guess += theta[a, j] * phi[j]
            predicted[t, a] = min(max(guess, 0.0), 1.0)
            means[t, a] = _mean(rewards[a], x[t])
        _softmax(target, x[t], 1.0, 0.0, asked[t])
        if regime == 0:
            _softmax(logging, x[t], 1.0, 0.3, p[t])
        elif regime == 1:
            best = 0
            for a in range(K):
                if predicted[t, a] > predicted[t, best]:
                    best = a
            rest = 1.0
            for a in range(K):
                p[t, a] = 1.0 / (K + 5.0 * math.sqrt(t) * (predicted[t, best] - predicted[t, a]))
                if a != best:
                    rest -= p[t, a]
            p[t, best] = rest
            for a in range(K):
                p[t, a] = 0.95 * p[t, a] + 0.05 / K
        else:
            total = 0.0
            for a in range(K):
                p[t, a] = math.exp(2.5 * np.random.normal())
                total += p[t, a]
            for a in range(K):
                p[t, a] = (1.0 - K * 1e-4) * p[t, a] / total + 1e-4
        point, c = np.random.random(), 0
        cumulated = p[t, 0]
        while cumulated <= point and c < K - 1:
            c += 1
            cumulated += p[t, c]
        chosen[t] = c
        if graded:
            reward[t] = np.random.beta(10.0 * means[t, c] + 1e-9, 10.0 * (1.0 - means[t, c]) + 1e-9)
        else:
            reward[t] = 1.0 if np.random.random() < means[t, c] else 0.0
        v = 1.0
        for i in range(m):
            y[i] = 0.0
            for j in range(m):
                y[i] += P[c, i, j] * phi[j]
            v += phi[i] * y[i]
        error = reward[t]
        for j in range(m):
            error -= theta[c, j] * phi[j]
        for i in range(m):
            theta[c, i] += y[i] * error / v
            for j in range(m):
                P[c, i, j] -= y[i] * y[j] / v


def setting(regime: str, seed: int) -> Setting:
    """A world of a regime; those of odd seeds are graded."""
    rng = np.random.default_rng(seed)
    rewards = rng.normal(0.0, 1.0, (ARMS, FEATURES + 2))
    logging, target = rng.normal(0.0, 0.7, (ARMS, FEATURES)), rng.normal(0.0, 1.0, (ARMS, FEATURES))
    x = rng.normal(size=(_CONTEXTS, FEATURES))
    score = rewards[:, FEATURES] + x @ rewards[:, :FEATURES].T
    score += np.sin(3.0 * x[:, :1]) * rewards[:, FEATURES + 1] + 0.5 * rewards[:, 0] * (x[:, 0] * x[:, 1])[:, None]
    means = 1.0 / (1.0 + np.exp(-score))
    odds = np.exp(x @ target.T)
    policy = odds / odds.sum(axis=1, keepdims=True)
    return Setting(
        regime,
        seed % 2 == 1,
        rewards,
        logging,
        target,
        float((policy * means).sum(axis=1).mean()),
        float(means[:, -1].mean()),
    )


def log_of(world: Setting, n: int, seed: int) -> Log:
    """n outcomes."""
    K, d = ARMS, FEATURES
    found = Log(
        np.empty((n, d)), np.empty((n, K)), np.empty(n, np.int64), np.empty(n), np.empty((n, K)), np.empty((n, K)),
        np.empty((n, K)),
    )  # fmt: skip
    _simulate(
        REGIMES.index(world.regime), seed, world.graded, world.rewards, world.logging, world.target, found.features,
        found.propensities, found.chosen, found.reward, found.predicted, found.means, found.target,
    )  # fmt: skip
    return found


@njit(cache=True)
def _users(seed: int, n: int, spread: float, unit: NDArray[np.int64], mood: Array, reward: Array) -> None:
    """Users come (1 in 20 outcomes is the first of one), stay a while (100 outcomes), and are alike to themselves."""
    np.random.seed(seed)
    first = np.empty(n, np.int64)
    known = 0
    for t in range(n):
        oldest = 0
        while oldest < known and first[oldest] < t - 100:
            oldest += 1
        if oldest == known or np.random.random() < 0.05:
            first[known] = t
            mood[known] = spread * np.random.normal()
            unit[t] = known
            known += 1
        else:
            unit[t] = oldest + int(np.random.random() * (known - oldest))
        reward[t] = 1.0 if np.random.random() < min(max(0.5 + mood[unit[t]], 0.0), 1.0) else 0.0


def log_of_users(n: int, seed: int, spread: float = 0.25) -> tuple[NDArray[np.int64], Array]:
    """Units (n,) and rewards (n,) of a policy that was logged itself.  The mean reward of users to come is 0.5."""
    unit, mood, reward = np.empty(n, np.int64), np.empty(n), np.empty(n)
    _users(seed, n, spread, unit, mood, reward)
    return unit, reward
