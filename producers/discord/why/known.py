"""What is known of a decision: from the log as `croupier explain` reads it, else from the bot's own notes."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from producers.deciding import Choice
from schemas.observations import ANSWERED_BY, UNFOLLOWED

from .told import Chance, Known

_MOST_REMEMBERED: Final = 2_000


class Note:
    """What the bot itself remembers of a decision."""

    def __init__(
        self,
        decision: str,
        domain: str,
        arm: str,
        *,
        fallback: bool,
        arms: Sequence[str] | None = None,
        chances: tuple[Chance, ...] = (),
        switched_off: bool = False,
    ) -> None:
        """arm: that was acted on.  arms: of the decision, in its order."""
        self.decision = decision
        self.domain = domain
        self.arm = arm
        self.fallback = fallback
        self.arms = arms
        self.chances = chances
        self.switched_off = switched_off

    def known(self, observed: Mapping[str, float]) -> Known:
        """Without the log.  observed: what the bot saw itself."""
        return Known(
            self.domain,
            self.arm,
            self.fallback,
            self.chances,
            observed=observed,
            answered_by=_answered_by(observed, self.arms),
            from_log=False,
            switched_off=self.switched_off,
        )


def from_log(explanation: Mapping[str, Any], note: Note | None) -> Known:
    """explanation: as `Figures.explanation` has it.  note: what the bot remembers, if anything."""
    observed: Mapping[str, float] = explanation["observations"]
    fallback = observed.get(UNFOLLOWED, 0.0) > 0.0 or (note is not None and note.fallback)
    chances = tuple(Chance(each["name"], each["probability"]) for each in explanation["arms"])
    earned = explanation["earned"]
    arms = note.arms if note is not None else None
    return Known(
        explanation["domain"],
        note.arm if note is not None else explanation["arm"],
        fallback,
        chances,
        explanation["not_eligible"],
        observed,
        _answered_by(observed, arms),
        None if earned is None else earned["reward"],
        explanation["deadline"] // 1000 if explanation["ended"] == "open" else None,
    )


class Recent:
    """The probabilities of the last decisions, in memory: what a restart forgets, the log has."""

    def __init__(self) -> None:
        self._chances: OrderedDict[str, tuple[Chance, ...]] = OrderedDict()

    def remember(self, choice: Choice) -> None:
        """A choice that was made."""
        if choice.decision is None:
            return
        probabilities = np.frombuffer(choice.decision.propensities, "<f4").tolist()
        pairs = sorted(zip(probabilities, choice.decision.arms, strict=True), key=lambda pair: -pair[0])
        self._chances[choice.id] = tuple(Chance(arm, probability) for probability, arm in pairs)
        while len(self._chances) > _MOST_REMEMBERED:
            self._chances.popitem(last=False)

    def chances(self, decision: str) -> tuple[Chance, ...]:
        """Empty: not remembered."""
        return self._chances.get(decision, ())


def _answered_by(observed: Mapping[str, float], arms: Sequence[str] | None) -> str | None:
    place = int(observed.get(ANSWERED_BY, -1.0))
    return arms[place] if arms is not None and 0 <= place < len(arms) else None
