"""Which decisions count, which rewards belong to them, and how each must have ended.

Time is effective time: the running maximum of append times in a topic partition.  The order of the rules matters:

- An id is its decision's until D + horizon + remember.  Until then another decision with it is a duplicate, and after
  that it is as if the decision had never been.
- A reward at R, in offset order: while its id is a decision's whose horizon has passed it is late.  Otherwise it
  belongs to the decision with D - early <= R <= D + horizon, and of a component the first observation counts.  A reward
  that no decision can claim is an orphan.
- An outcome holds at most `MAX_OBSERVATIONS` components, of which the awaited ones have their places for sure.
- A decision has ended "complete" when all of `awaited` was observed, at the later of D and the completing reward;
  otherwise "horizon", at D + horizon, once the rewards partition has shown a time after that.
"""

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Literal, NamedTuple

from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder

from schemas import wire
from schemas.events import MAX_OBSERVATIONS, Decision, Reward

from .propensities import chain_with
from .table import Table


class Ending(NamedTuple):
    """How a decision ended."""

    ended: Literal["complete", "horizon"]
    at_ms: int


class CountedDecision(Struct, array_like=True):
    """A decision that counts, what was observed about it, and what the outcomes log has of it."""

    tenant: str
    id: str
    domain: str
    ordinal: int
    offset: int
    time: int  # effective time D, ms
    horizon_ms: int
    awaited: tuple[str, ...]
    digest: bytes  # of the decision
    observations: dict[str, float] = {}
    completed_at: int | None = None
    completed_by: int | None = None  # offset of the reward
    outcome: tuple[int, bytes] | None = None  # ordinal and digest of the first outcome record of it
    doubled: bool = False
    counted: bool = False  # it has an outcome that counts for a reader of outcomes
    #: Of all that was chosen in its chain, itself included; None: not known.
    chain: float | None = None

    @property
    def deadline(self) -> int:
        """The last time at which a reward is in time, ms."""
        return self.time + self.horizon_ms

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


_encode = Encoder().encode
_decode = Decoder(list[CountedDecision]).decode


def digest_of(decision: Decision) -> bytes:
    """What tells a decision from every other."""
    return blake2b(wire.encode(decision), digest_size=16).digest()


def same_numbers(found: Mapping[str, float], expected: Mapping[str, float]) -> bool:
    """Whether observations are equal to the last bit."""
    return {name: value.hex() for name, value in found.items()} == {n: value.hex() for n, value in expected.items()}


class Join:
    """One partition's join.  First all its decisions, then all its rewards.  What it remembers is in `table`."""

    def __init__(self, table: Table, *, early_ms: int, remember_ms: int) -> None:
        self.early_ms = early_ms
        self.remember_ms = remember_ms
        self._table = table
        self._at: tuple[bytes, list[CountedDecision]] = (b"", [])  # what was looked up last
        self.count = 0  # decisions that count
        self._next = 0  # ordinal of the next one
        self._highest = -1  # ordinal of those whose records are gone
        self._end = 0  # offset after the last decision record: an outcome that names a later one names nothing

    def decide(self, offset: int, time: int, event: Decision) -> CountedDecision | None:
        """Take the next decision record; None when it is a duplicate."""
        self._end = offset + 1
        known = self._look(event.tenant, event.id)
        if known and known[-1].deadline + self.remember_ms >= time:
            return None
        self._next += 1
        return self._add(self._next - 1, offset, time, event)

    def recall(self, ordinal: int, offset: int, time: int, event: Decision) -> None:
        """Know a decision whose record is gone, from its outcome or from the joiner's state; before all others."""
        if not any(each.offset == offset for each in self._look(event.tenant, event.id)):
            self._add(ordinal, offset, time, event)
            self._highest = max(self._highest, ordinal)

    def recalled(self) -> int:
        """All that is known of decisions whose records are gone was recalled; how many have left no trace."""
        unknown = self._highest + 1 - self.count
        self._next = max(self._highest + 1, self.count)
        return max(unknown, 0)

    def reward(self, offset: int, time: int, event: Reward) -> Placed:
        """Take the next reward record."""
        known = self._look(event.tenant, event.decision)
        for decision in known:
            if decision.deadline < time <= decision.deadline + self.remember_ms:
                return Placed("late", decision, early=False)
        for decision in known:
            if decision.time - self.early_ms <= time <= decision.deadline:
                kind = _observe(decision, offset, time, event)
                if kind == "joined":
                    self._keep()
                return Placed(kind, decision, time < decision.time)
        return Placed("orphan", None, early=False)

    def before(self, event: Decision) -> tuple[bool, float | None]:
        """Whether the decision that this one follows from is known, and the product of its chain, itself included."""
        known = self._look(event.tenant, event.after or "")
        return bool(known), known[-1].chain if known else None

    def find(self, tenant: str, decision_id: str, offset: int, decided_at_ms: int) -> CountedDecision | None:
        """The decision that counts which an outcome speaks of: by its record's offset, else by time, else by id.

        A duplicate's offset leads to the decision that it repeats.  `keep` what is changed in it.
        """
        known = self._look(tenant, decision_id)
        if not known:
            return None
        before = [each for each in known if each.offset <= offset]
        if before and (before[-1].offset == offset or offset < self._end):
            return before[-1]
        return next((each for each in known if each.time == decided_at_ms), known[-1])

    def numbered(self, tenant: str, decision_id: str, ordinal: int) -> CountedDecision | None:
        """The decision of this id with this ordinal."""
        return next((each for each in self._look(tenant, decision_id) if each.ordinal == ordinal), None)

    def has(self, tenant: str, decision_id: str) -> bool:
        """Whether a decision with this id counts."""
        return bool(self._look(tenant, decision_id))

    def keep(self) -> None:
        """Store what was changed in the decision that `find` gave last."""
        self._keep()

    def decisions(self) -> Iterator[CountedDecision]:
        """All that count, by name."""
        for _, value in self._table.scan():
            yield from _decode(value)

    def _add(self, ordinal: int, offset: int, time: int, event: Decision) -> CountedDecision:
        counted = CountedDecision(
            event.tenant, event.id, event.domain, ordinal, offset, time, event.horizon_ms, event.awaited,
            digest_of(event), chain=chain_with(event),
        )  # fmt: skip
        self._at[1].append(counted)
        self._at[1].sort(key=lambda each: each.offset)
        self.count += 1
        self._keep()
        return counted

    def _look(self, tenant: str, decision_id: str) -> list[CountedDecision]:
        key = _encode((tenant, decision_id))
        if key != self._at[0]:
            value = self._table.get(key)
            self._at = (key, [] if value is None else _decode(value))
        return self._at[1]

    def _keep(self) -> None:
        key, known = self._at
        self._table.put(key, _encode(known))


def _observe(decision: CountedDecision, offset: int, time: int, event: Reward) -> Kind:
    seen = decision.observations
    fresh = {name: value for name, value in event.observations.items() if name not in seen}
    if not fresh:
        return "duplicate"
    if decision.completed_at is not None:
        return "surplus"
    awaited = decision.awaited
    room = MAX_OBSERVATIONS - len({*awaited, *seen})
    free = [name for name in fresh if name not in awaited]
    for name in free[max(room, 0) :]:
        del fresh[name]
    if not fresh:
        return "surplus"
    seen.update(fresh)
    if awaited and all(name in seen for name in awaited):
        decision.completed_at = max(decision.time, time)
        decision.completed_by = offset
    return "joined"
