"""RouteLLM's MMLU: the share of strong calls that 95 % of the strong model's quality takes.

The protocol and the configuration are those of `benchmarks.learning.routellm`: of each question of the first half one
model's answer is seen, and what was learned ranks the second half.  Here the interval is over questions and seeds.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.cost.bootstrap import interval
from benchmarks.learning.routellm import KIND, PARAMS, expected_gain, halves
from benchmarks.learning.texts import recorded

Array = NDArray[np.float64]

#: Of the strong model's quality.
SHARE = 0.95


def measure(seeds: int) -> dict[str, Any]:
    """The figures of RouteLLM."""
    found = recorded("mmlu", "success", wording=True)
    learned, ranked = halves(len(found.features))
    rewards = found.rewards[ranked]
    ranks = [
        np.argsort(-expected_gain(found.features, found.rewards, learned, ranked, seed), kind="stable")
        for seed in range(seeds)
    ]

    def calls(drawn: Array, questions: Array) -> float:
        return float(np.average([strong_calls(rank, rewards, questions) for rank in ranks], weights=drawn))

    return {
        **interval(calls, seeds, len(rewards), resamples=1000).figures("routellm_strong_calls_95"),
        "routellm_strong_quality": float(rewards[:, 0].mean()),
        "routellm_weak_quality": float(rewards[:, 1].mean()),
        "configuration": {"routellm": {"kind": KIND, **PARAMS}},
    }


def strong_calls(rank: NDArray[np.int64], rewards: Array, questions: Array) -> float:
    """The smallest share of the questions ranked highest that, asked of the strong model, gives SHARE of its quality.

    rank: (n,) questions, the one most worth a strong call first; rewards: (n, 2) strong, weak; questions: (n,) weights.
    """
    strong, weak = questions @ rewards
    ordered = questions[rank]
    gained = np.concatenate([[0.0], np.cumsum(ordered * (rewards[rank, 0] - rewards[rank, 1]))])
    asked = np.concatenate([[0.0], np.cumsum(ordered)])
    enough = int(np.argmax(weak + gained >= SHARE * strong))
    return float(asked[enough] / asked[-1])
