"""Which decisions count, which rewards belong to them, and how each must have ended.  Pure.

Time is effective time: the running maximum of append times in a topic partition.  The order of the rules matters:

- An id is its decision's until D + horizon + remember.  Until then another decision with it is a duplicate, and after
  that it is as if the decision had never been.
- A reward at R, in offset order: while its id is a decision's whose horizon has passed it is late.  Otherwise it
  belongs to the decision with D - early <= R <= D + horizon, and of a component the first observation counts.  A reward
  that no decision can claim is an orphan.
- A decision has ended "complete" when all of `awaited` was observed, at the later of D and the completing reward;
  otherwise "horizon", at D + horizon, once the rewards partition has shown a time after that.
"""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from schemas.events import Decision, Reward


class Ending(NamedTuple):
    """How a decision ended."""

    ended: Literal["complete", "horizon"]
    at_ms: int


@dataclass(slots=True, eq=False)
class CountedDecision:
    """A decision that counts, and what was observed about it."""

    ordinal: int
    offset: int
    time: int  # effective time D, ms
    event: Decision
    observations: dict[str, float] = field(default_factory=dict)
    completed_at: int | None = None

    @property
    def deadline(self) -> int:
        """The last time at which a reward is in time, ms."""
        return self.time + self.event.horizon_ms

    def ending(self, rewards_time: int) -> Ending | None:
        """How it ended as far as the rewards partition, whose newest time is given, shows; None: it is open."""
        if self.completed_at is not None:
            return Ending("complete", self.completed_at)
        return Ending("horizon", self.deadline) if rewards_time > self.deadline else None


#: What became of a reward.
Kind = Literal["joined", "duplicate", "surplus", "late", "orphan"]
KINDS: tuple[Kind, ...] = ("joined", "duplicate", "surplus", "late", "orphan")


class Placed(NamedTuple):
    """What became of a reward, and of which decision it is (None: an orphan)."""

    kind: Kind
    decision: CountedDecision | None
    early: bool  # it belongs to a decision that was appended after it


class Join:
    """One partition's join.  First all its decisions, then all its rewards."""

    def __init__(self, *, early_ms: int, remember_ms: int) -> None:
        self._early = early_ms
        self._remember = remember_ms
        self._by_id: dict[tuple[str, str], list[CountedDecision]] = {}
        self._by_offset: dict[int, CountedDecision] = {}  # duplicates lead to the decision that counts
        self.decisions: list[CountedDecision] = []  # index is the ordinal

    def decide(self, offset: int, time: int, event: Decision) -> CountedDecision | None:
        """Take the next decision record; None when it is a duplicate."""
        name = (event.tenant, event.id)
        known = self._by_id.setdefault(name, [])
        if known and known[-1].deadline + self._remember >= time:
            self._by_offset[offset] = known[-1]
            return None
        counted = CountedDecision(len(self.decisions), offset, time, event)
        known.append(counted)
        self.decisions.append(counted)
        self._by_offset[offset] = counted
        return counted

    def reward(self, time: int, event: Reward) -> Placed:
        """Take the next reward record."""
        known = self._by_id.get((event.tenant, event.decision), ())
        for decision in known:
            if decision.deadline < time <= decision.deadline + self._remember:
                return Placed("late", decision, early=False)
        for decision in known:
            if decision.time - self._early <= time <= decision.deadline:
                return Placed(_observe(decision, time, event), decision, time < decision.time)
        return Placed("orphan", None, early=False)

    def find(self, tenant: str, decision_id: str, offset: int, decided_at_ms: int) -> CountedDecision | None:
        """The decision that counts which an outcome speaks of: by its record's offset, else by id and time, else id."""
        there = self._by_offset.get(offset)
        if there is not None and (there.event.tenant, there.event.id) == (tenant, decision_id):
            return there
        known = self._by_id.get((tenant, decision_id))
        if not known:
            return None
        return next((each for each in known if each.time == decided_at_ms), known[-1])


def _observe(decision: CountedDecision, time: int, event: Reward) -> Kind:
    fresh = {name: value for name, value in event.observations.items() if name not in decision.observations}
    if not fresh:
        return "duplicate"
    if decision.completed_at is not None:
        return "surplus"
    decision.observations.update(fresh)
    awaited = decision.event.awaited
    if awaited and all(name in decision.observations for name in awaited):
        decision.completed_at = max(decision.time, time)
    return "joined"
