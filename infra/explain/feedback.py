"""What became of each reward: the join's rules, applied to the rewards of one decision."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from schemas.events import Decision, Reward
from stream_workers.joining.rules import Spans, absorb, is_complete

from .evidence import Placed

#: "early": joined, though it came before its decision.
Became = Literal["joined", "early", "duplicate", "surplus", "late"]

_NAMES: dict[str, Became] = {
    "rewards_joined": "joined",
    "rewards_duplicate": "duplicate",
    "rewards_surplus": "surplus",
}


class Feedback(Struct, frozen=True):
    """A reward and what became of it."""

    id: str
    offset: int
    appended_at: int  # milliseconds since 1970
    after_ms: int  # since the decision; negative: before it
    observations: dict[str, float]
    became: Became


def feedback(uses: Sequence[Placed[Decision]], rewards: Sequence[Placed[Reward]], spans: Spans) -> list[Feedback]:
    """The rewards that belong to the last of `uses`, in order of offset.

    uses: decisions with one tenant and id that count, oldest first: a reward in reach of several is the first one's.
    """
    decision, decided_at = uses[-1].event, uses[-1].effective_at
    kept: dict[str, float] = {}
    ended = False
    found: list[Feedback] = []
    for placed in rewards:
        reward, rewarded_at = placed.event, placed.effective_at
        owner = next((use for use in uses if spans.reaches(use.effective_at, use.event.horizon_ms, rewarded_at)), None)
        if owner is not uses[-1]:
            continue
        became: Became
        if rewarded_at > decided_at + decision.horizon_ms:
            became = "late"
        elif ended:
            became = "surplus" if any(name not in kept for name in reward.observations) else "duplicate"
        else:
            became = _NAMES[absorb(kept, reward.observations, decision.awaited)]
            ended = is_complete(kept, decision.awaited)
            if became == "joined" and rewarded_at < decided_at:
                became = "early"
        found.append(
            Feedback(
                reward.id, placed.offset, placed.appended_at, placed.appended_at - uses[-1].appended_at,
                reward.observations, became,
            )
        )  # fmt: skip
    return found
