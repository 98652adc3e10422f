"""LLMRouter's nine models at sixty per cent of the top price, learned from one answer to each query.

The 6,108 queries (train, then test) are permuted by the seed.  On the first half the learner decides which model
answers, and sees only that answer's score.  On the second half nothing is learned: each query goes to the model with
the highest estimate less lambda times its list price, and lambda is the smallest at which the mean price is at most 60%
of always the most expensive model's.  `llmrouter_at_60` is the mean score there.

The list prices are per token and the answers' tokens were not recorded, so a query costs the list price of its model:
the mean price is what the "mean cost" of always the most expensive is compared with.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.learning.seeds import over_seeds
from benchmarks.learning.texts import recorded
from stream_workers.bandits import registry
from stream_workers.bandits.exploration import draw_arm
from stream_workers.bandits.policy import Batch, Setting

KIND: Final = "squarecb"
PARAMS: Final[dict[str, float | str]] = {"map": "standard", "ridge": 10.0, "bonus": 0.5, "gamma": 15.0}
EXPLORATION: Final = 0.02
SHARE: Final = 0.6
SEEDS: Final = 5

Array = NDArray[np.float64]


def run(quick: bool) -> dict[str, Any]:
    """The figures of this part."""
    found = recorded("llmrouter", "quality", wording=True)
    prices = np.array(found.raw["dollars_per_million_tokens"], np.float64)
    scores, strongest, online = [], [], []
    for seed in range(1 if quick else SEEDS):
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(found.features))
        half = len(order) // 2
        x, rewards = np.ascontiguousarray(found.features[order]), found.rewards[order]
        estimates, earned = _learned(x, rewards[:half], rng.random(half), found.arms)
        chosen = at_share(estimates, prices, SHARE)
        scores.append(float(rewards[half:][np.arange(len(chosen)), chosen].mean()))
        strongest.append(float(rewards[half:].mean(axis=0).max()))
        online.append(earned)
    return {
        **over_seeds(scores).figures("llmrouter_at_60"),
        **over_seeds(strongest).figures("llmrouter_best_model"),
        **over_seeds(online).figures("llmrouter_while_learning"),
        "configuration": {"llmrouter": {"kind": KIND, "exploration_minimum": EXPLORATION, **PARAMS}},
    }


def at_share(estimates: Array, prices: Array, share: float) -> NDArray[np.int64]:
    """The arm of each row (n,) under the smallest lambda at which they cost at most that share of the highest price."""
    low, high = 0.0, 1.0 / (np.diff(np.unique(prices)).min())
    if prices[estimates.argmax(axis=1)].mean() <= share * prices.max():
        return estimates.argmax(axis=1)
    for _ in range(60):
        middle = (low + high) / 2.0
        if prices[(estimates - middle * prices).argmax(axis=1)].mean() > share * prices.max():
            low = middle
        else:
            high = middle
    return (estimates - high * prices).argmax(axis=1)


def _learned(features: NDArray[np.float32], rewards: Array, draws: Array, arms: tuple[str, ...]) -> tuple[Array, float]:
    """Estimates of the rows after those with rewards, and what was earned while learning these."""
    n, K = rewards.shape
    policy = registry.make(KIND, Setting(arms, features.shape[1], EXPLORATION, 1.0, PARAMS))
    every, free, none = np.ones((1, K), np.bool_), np.zeros((1, K)), np.zeros(1)
    earned = 0.0
    for row in range(n):
        x = features[row : row + 1]
        logged = policy.distribution(x, every, free, 0.0)[0].astype(np.float32)
        arm = draw_arm(logged[0], draws[row])
        reward = rewards[row, arm : arm + 1]
        earned += float(reward[0])
        policy.update(
            Batch(x, every, np.array([arm]), logged[:, arm].astype(float), reward, free, none, logged.astype(float))
        )
    rest = features[n:]
    full = np.ones((len(rest), K), np.bool_)
    estimates = policy.distribution(rest, full, np.zeros((len(rest), K)), 0.0)[1]
    assert estimates is not None
    return estimates, earned / n
