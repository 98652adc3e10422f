"""RouteLLM's MMLU: which of two models should answer, learned from one answer to each question.

The questions are permuted by `default_rng(0)`.  For each of the first half one model is asked, either with probability
1/2 (the seed draws which), and only whether it was right is seen.  What was learned then ranks the second half by how
much better the strong model is expected to be; nothing is learned there.

    quality(c)  share of right answers when the share c of the questions ranked highest goes to the strong model
    APGR        mean over c = 0, 1/n, ..., 1 of (quality(c) - weak) / (strong - weak); at random it is .5
    strong calls for 95%  smallest c with quality(c) >= .95 strong

`held_out`: half of the subjects, which the seed draws, are learned from, and the questions of the others ranked.

The features are `TextFeatures(content=True, dimensions=0, wording=True)`.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.learning.seeds import over_seeds
from benchmarks.learning.texts import recorded, subjects
from stream_workers.bandits import registry
from stream_workers.bandits.policy import Batch, Setting

KIND: Final = "linucb"
PARAMS: Final[dict[str, float | str]] = {"map": "small", "ridge": 1000.0}
SEEDS: Final = 5


def run(quick: bool) -> dict[str, Any]:
    """The figures of this part."""
    found = recorded("mmlu", "success", wording=True)
    learned, ranked = halves(len(found.features))
    seeds = range(1 if quick else SEEDS)
    apgr, calls, held, held_calls = [], [], [], []
    for seed in seeds:
        gain = expected_gain(found.features, found.rewards, learned, ranked, seed)
        share, strong = curve(gain, found.rewards[ranked])
        apgr.append(share)
        calls.append(strong)
        inside, outside = _by_subject(seed)
        gain = expected_gain(found.features, found.rewards, inside, outside, seed)
        share, strong = curve(gain, found.rewards[outside])
        held.append(share)
        held_calls.append(strong)
    return {
        **over_seeds(apgr).figures("routellm_apgr"),
        **over_seeds(calls).figures("routellm_strong_calls_95"),
        **over_seeds(held).figures("routellm_apgr_held_out"),
        **over_seeds(held_calls).figures("routellm_strong_calls_95_held_out"),
        "configuration": {"routellm": {"kind": KIND, **PARAMS}},
    }


def halves(n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Questions that are learned from, and those that are ranked: the same for every seed."""
    order = np.random.default_rng(0).permutation(n)
    return order[: n // 2], order[n // 2 :]


def curve(gain: NDArray[np.float64], rewards: NDArray[np.float64]) -> tuple[float, float]:
    """APGR and the share of strong calls for 95% quality.  gain: (n,) expected; rewards: (n, 2) strong, weak."""
    strong, weak = rewards.mean(axis=0)
    by_rank = (rewards[:, 0] - rewards[:, 1])[np.argsort(-gain, kind="stable")]
    quality = weak + np.concatenate([[0.0], np.cumsum(by_rank)]) / len(gain)
    enough = int(np.argmax(quality >= 0.95 * strong))
    return float(np.mean((quality - weak) / (strong - weak))), enough / len(gain)


def expected_gain(
    features: NDArray[np.float32],
    rewards: NDArray[np.float64],
    learned: NDArray[np.int64],
    ranked: NDArray[np.int64],
    seed: int,
) -> NDArray[np.float64]:
    """How much better the strong model is expected to answer each of `ranked`, having seen one answer of `learned`."""
    n = len(learned)
    policy = registry.make(KIND, Setting(("strong", "weak"), features.shape[1], 0.02, 1.0, PARAMS))
    asked = np.random.default_rng(seed).integers(0, 2, n)
    policy.update(
        Batch(
            features[learned],
            np.ones((n, 2), np.bool_),
            asked,
            np.full(n, 0.5),
            rewards[learned, asked],
            np.zeros((n, 2)),
            np.zeros(n),
            np.full((n, 2), 0.5),
        )
    )
    m = len(ranked)
    _, estimates = policy.distribution(features[ranked], np.ones((m, 2), np.bool_), np.zeros((m, 2)), 0.0)
    assert estimates is not None
    return estimates[:, 0] - estimates[:, 1]


def _by_subject(seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Questions of the subjects learned from, permuted, and those of the others."""
    named = subjects()
    subject = np.repeat(np.arange(len(named)), [count for _, count in named])
    rng = np.random.default_rng(seed)
    chosen = np.isin(subject, rng.permutation(len(named))[: len(named) // 2])
    return rng.permutation(np.flatnonzero(chosen)), np.flatnonzero(~chosen)
