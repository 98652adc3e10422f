"""What routing costs beside always asking the best model, at no less quality: LLMRouter and ParetoBandit.

A domain as the pipeline runs it, with bandit feedback only: of each query it sees what the chosen model earned and
cost, and nothing of the others.  The seed permutes the queries.

First half: an explorer (Thompson sampling) chooses, and the actor (a greedy learner, `linucb` without a bonus) learns
from the same outcomes as a challenger.  Then the actor is made champion, as an operator would, and goes on learning.
Only the second half is scored: exploring is paid for in the first, and that price is reported beside.  Both begin with
an expectation (`prior.scores`): all models the same, the one in use today a little better.  Features are the shape and
the wording of the text, as in `benchmarks.learning.llmrouter`.

    cost_cut    1 - what the second half cost over what the best model alone would have cost there
    quality     what it earned there less what the best model alone would have earned: the cut counts at 0 or more

The best model is the one that earned most in that half, known in hindsight only, so nothing that always asks one model
does better.  The model in use today, which the floor and the expectation are about, is the best of the whole
recording: who routes today asks the best one they know.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.cost.bootstrap import interval, over
from benchmarks.cost.settings import ACTING, EXPLORING, Setting
from benchmarks.learning.online import Played, play
from benchmarks.learning.texts import Texts, recorded
from producers.replay.bundled import CHARACTERS_PER_TOKEN
from schemas.domains import Arm, Component, DomainSpec, LearnerSpec, Quality
from stream_workers.bandits.prior import Score, scores
from stream_workers.learning.domain import DomainState

Array = NDArray[np.float64]


class Halves(NamedTuple):
    """What came of seeds: (S, n) by seed and query, 0 where a query was not in that half."""

    scored: Array  # 1 in the second half
    quality: Array
    cost: Array
    best_quality: Array  # of the model that is best in that half
    best_cost: Array
    learning_quality: Array  # in the first half, less that of the model that is best there


def measure(name: str, setting: Setting, seeds: int) -> dict[str, Any]:
    """The figures of one recording."""
    found = recorded(setting.recording, "quality", wording=True)
    costs = _costs(found)
    halves = Halves(*np.moveaxis(np.array([_half(found, costs, setting, seed) for seed in range(seeds)]), 0, 1))
    n = len(costs)
    saved = halves.best_cost - halves.cost
    gained = halves.quality - halves.best_quality
    learning = 1.0 - halves.scored
    by_seed = gained.sum(axis=1) / halves.scored.sum(axis=1)
    return {
        **interval(over(saved, halves.best_cost), seeds, n).figures(f"{name}_cost_cut"),
        **interval(over(gained, halves.scored), seeds, n).figures(f"{name}_quality_difference"),
        **interval(over(halves.quality, halves.best_quality), seeds, n).figures(f"{name}_quality_share"),
        f"{name}_seeds_not_worse": int((by_seed >= 0.0).sum()),
        f"{name}_best_quality": float(halves.best_quality.sum() / halves.scored.sum()),
        f"{name}_while_learning": float(halves.learning_quality.sum() / learning.sum()),
    }


def _costs(found: Texts) -> Array:
    """(n, K) USD: as recorded, or list price times the length of the prompt (producers/replay/data/README.md)."""
    if "cost" in found.raw["observed"]:
        return np.array(found.raw["observed"]["cost"], np.float64).T.copy()
    tokens = np.array(found.raw["characters"], np.float64) / CHARACTERS_PER_TOKEN
    return tokens[:, None] * np.array(found.raw["dollars_per_million_tokens"], np.float64) / 1e6


def route(found: Texts, costs: Array, setting: Setting, seed: int) -> tuple[NDArray[np.int64], Played]:
    """The order of the queries (n,), and what was played in it."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(costs))
    today = found.arms[int(found.rewards.mean(axis=0).argmax())]
    explorer = LearnerSpec("explorer", "thompson", dict(setting.explorer))
    actor = LearnerSpec("actor", "linucb", dict(setting.actor))
    exploring = _spec(found, costs, explorer, (actor,), EXPLORING, None)
    acting = _spec(found, costs, actor, (), ACTING, setting.share and Quality(setting.share, of=today))

    def promote(row: int, state: DomainState) -> None:
        if row == len(order) // 2:
            state.apply_spec(acting, 2)

    return order, play(
        exploring, np.ascontiguousarray(found.features[order]), found.rewards[order], costs[order],
        rng.random(len(order)), promote,
        {"explorer": _expected(found, setting, 0.0, today), "actor": _expected(found, setting, setting.lead, today)},
    )  # fmt: skip


def _half(found: Texts, costs: Array, setting: Setting, seed: int) -> tuple[Array, ...]:
    """One seed: the rows of `Halves`, by query."""
    order, played = route(found, costs, setting, seed)
    n, half = len(order), len(order) // 2
    first, second = order[:half], order[half:]
    best = int(found.rewards[second].mean(axis=0).argmax())
    rows = np.zeros((len(Halves._fields), n))
    rows[0, second] = 1.0
    rows[1, second], rows[2, second] = played.rewards[half:], played.costs[half:]
    rows[3, second], rows[4, second] = found.rewards[second, best], costs[second, best]
    rows[5, first] = played.rewards[:half] - found.rewards[first, found.rewards[first].mean(axis=0).argmax()]
    return tuple(rows)


def _expected(found: Texts, setting: Setting, lead: float, today: str) -> bytes:
    rewards = dict.fromkeys(found.arms, setting.level)
    rewards[today] += lead
    return scores([Score({}, rewards, setting.observations)])


def _spec(
    found: Texts,
    costs: Array,
    champion: LearnerSpec,
    challengers: tuple[LearnerSpec, ...],
    exploration: float,
    quality: Quality | None,
) -> DomainSpec:
    return DomainSpec(
        "cost", "model_routing", found.features.shape[1],
        tuple(Arm(arm, float(price)) for arm, price in zip(found.arms, costs.mean(axis=0), strict=True)),
        {"quality": Component(required=True), "cost": Component(weight=0.0)},
        champion, challengers, exploration_minimum=exploration, quality=quality,
    )  # fmt: skip
