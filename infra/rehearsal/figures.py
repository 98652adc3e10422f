"""What answers cost and were worth, beside always the strongest model's: known because every arm was recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.standins.models import stated_model
from producers.replay.recording import Recording, strongest
from stream_workers.evaluation.bootstrap import intervals

from .crowd import Question
from .following import Reply
from .guilds import Guild

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Beside:
    """Beside always the strongest.  cost_share, quality_share: with bootstrap intervals over questions (95 %)."""

    asked: int
    answered: int  # by a recorded model
    quality: float  # mean
    strongest_quality: float
    cost: float  # USD a question
    strongest_cost: float
    cost_share: tuple[float, float, float]  # value, low, high
    quality_share: tuple[float, float, float]

    def as_json(self) -> dict[str, Any]:
        """The figures under stable names."""
        return {
            "questions": self.asked,
            "answered": self.answered,
            "quality": self.quality,
            "strongest_quality": self.strongest_quality,
            "cost": self.cost,
            "strongest_cost": self.strongest_cost,
            "cost_share": self.cost_share[0],
            "cost_share_low": self.cost_share[1],
            "cost_share_high": self.cost_share[2],
            "quality_share": self.quality_share[0],
            "quality_share_low": self.quality_share[1],
            "quality_share_high": self.quality_share[2],
        }


def beside_strongest(
    guilds: Sequence[Guild], asked: Mapping[int, Question], replies: Mapping[int, Sequence[Reply]]
) -> list[Beside]:
    """Of each guild, then of all together, where each guild counts by its own strongest model's cost.

    What is said in an answer tells its model; what that was worth and cost is in the recording.
    """
    rows = [_rows(guild, number, asked, replies) for number, guild in enumerate(guilds)]
    counts = [sum(each.guild == number for each in asked.values()) for number in range(len(guilds))]
    each = [_beside(count, found) for count, found in zip(counts, rows, strict=True)]
    shares = [found / np.array([1.0, 1.0, found[:, 3].mean(), found[:, 3].mean()]) for found in rows if len(found)]
    return [*each, _beside(sum(counts), np.concatenate(shares) if shares else np.empty((0, 4)))]


def _rows(guild: Guild, number: int, asked: Mapping[int, Question], replies: Mapping[int, Sequence[Reply]]) -> Array:
    """(n, 4) of the answered questions: quality, the strongest's, cost, the strongest's."""
    recording, found = guild.recording, []
    for message, question in asked.items():
        if question.guild != number or message not in replies:
            continue
        text = "\n".join(each.content for each in replies[message] if not each.deleted)
        arm = stated_model(text)
        if arm not in recording.arms:
            continue
        earned, cost = _result(recording, question.row, arm)
        best = [_result(recording, question.row, each) for each in strongest(recording)]
        found.append((earned, float(np.mean([one[0] for one in best])), cost, float(np.mean([one[1] for one in best]))))
    return np.array(found, np.float64).reshape(-1, 4)


def _result(recording: Recording, row: int, arm: str) -> tuple[float, float]:
    """Quality and cost."""
    found = recording.result(row, arm)
    return next(value for name, value in found.items() if name != "cost"), found["cost"]


def _beside(asked: int, rows: Array) -> Beside:
    if not len(rows):
        nothing = (float("nan"),) * 3
        return Beside(asked, 0, float("nan"), float("nan"), float("nan"), float("nan"), nothing, nothing)
    quality, best, cost, dear = rows.T
    cost_interval, quality_interval = intervals([(cost, dear), (quality, best)], np.random.default_rng(0))
    return Beside(
        asked, len(rows), float(quality.mean()), float(best.mean()), float(cost.mean()), float(dear.mean()),
        (float(cost.sum() / dear.sum()), *cost_interval), (float(quality.sum() / best.sum()), *quality_interval),
    )  # fmt: skip
