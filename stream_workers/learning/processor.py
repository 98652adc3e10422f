"""The learner's work in one partition: outcomes in, state of every domain out.

State is a function of the outcomes partition, bit for bit: this class on a `MemoryState`, fed with the log from its
beginning, ends with the same bytes (`replay`).  Nothing else may change it; specifications come through the same log.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from schemas import topics, wire
from schemas.errors import BadRecordError, Reason, SpecificationError
from schemas.events import Outcome, SpecChange
from schemas.observations import was_followed

from ..columnar.rows import FetchedRecords
from ..ordinals import Ordinals
from ..runtime.stage import Dead, Emit, MemoryState, Record, State
from .cache import CACHED_BYTES, DomainCache, Follower, key_of
from .domain import DomainState, check
from .reading import UNKNOWN_DOMAIN, PlainOutcomes
from .recent import RecentOutcomes

_REMOVED: Final = b"removed/"  # version at which a domain was removed: older changes that come again change nothing
_APPLIED: Final = b"applied"


class LearnerProcessor:
    """`stage.Processor` from outcomes to learned state."""

    def __init__(
        self, partition: int, state: State, emit: Emit, dead: Dead, *, cached_bytes: int = CACHED_BYTES
    ) -> None:
        """cached_bytes: about how much memory its domains may take between checkpoints; others are read when needed."""
        self._partition = partition
        self._state = state
        self._dead = dead
        self._cache = DomainCache(state, cached_bytes)
        self._ordinals = Ordinals(state)
        #: The last outcomes of domains that others look at.
        self.recent_outcomes = RecentOutcomes(state)
        applied = state.get(_APPLIED)
        #: Offset of the next outcomes record: what the state reflects.
        self.applied = int.from_bytes(applied, "big") if applied else 0

    def domain(self, tenant: str, domain: str) -> DomainState | None:
        """What is learned for a domain, or None if it is not declared."""
        return self._cache.get((tenant, domain))

    def loaded(self, tenant: str, domain: str) -> DomainState | None:
        """What is learned for a domain, if it is in memory."""
        return self._cache.loaded((tenant, domain))

    def tell(self, follower: Follower) -> None:
        """Tell somebody, from now on, which states are in memory."""
        self._cache.tell(follower)

    def recent(self) -> Iterator[tuple[tuple[str, str], DomainState]]:
        """The domains in memory, the one that learned last first."""
        return self._cache.recent()

    def charged(self, ordinals: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the outcome of each decision was read here, and so charged where there is a hard cap: (n,)."""
        return self._ordinals.seen(ordinals)

    def alarms(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """The alarms that stand, by domain; of domains that were not in memory since the partition came none."""
        return self._cache.alarms()

    def domains(self) -> list[tuple[str, str]]:
        """The names of all domains of this partition."""
        return self._cache.names()

    def apply(self, topic: str, records: Sequence[Record]) -> None:
        """Learn a batch, in log order within each domain."""
        fetched = FetchedRecords.of(records)
        at = 0
        while at < len(fetched):
            rest = fetched[at:]
            plain, verdicts = self._cache.table.read(rest)
            if self._cache.take_up(rest[int(i)].value for i in np.flatnonzero(verdicts == UNKNOWN_DOMAIN)):
                plain, verdicts = self._cache.table.read(rest)
            at += self._runs(topic, rest, plain, verdicts)
        self.applied = int(fetched.offsets[-1]) + 1

    def _runs(self, topic: str, records: FetchedRecords, plain: PlainOutcomes, verdicts: NDArray[np.int64]) -> int:
        """Runs of plain outcomes in one call each, what is between them one by one; how many records that were.

        It ends early when a specification has changed what the rest was read with.
        """
        is_plain = verdicts >= 0
        ends = [*(np.flatnonzero(np.diff(is_plain)) + 1).tolist(), len(records)]
        if 4 * len(ends) > len(records) + 4:  # calls for a handful each would cost more than they save
            self._single(topic, records)
            return len(records)
        begin = done = 0
        for end in ends:
            if is_plain[begin]:
                part = plain.where(slice(done, done + end - begin))
                done += end - begin
                fresh = self._ordinals.first_of(part.ordinal)
                part = part if fresh.all() else part.where(fresh)
                if not part.followed.all():
                    self._cache.table.pass_over(part.slot[~part.followed])
                    part = part.where(part.followed)
                self._cache.table.learn(part)
                if self.recent_outcomes.looked_at:
                    self._remember(records, part)
            elif self._single(topic, records[begin:end]):
                return int(end)
            begin = end
        return len(records)

    def _remember(self, records: FetchedRecords, part: PlainOutcomes) -> None:
        """Keep what others look at of outcomes that were learned as columns."""
        names, looked_at = self._cache.table.names, self.recent_outcomes.looked_at
        slots = [slot for slot in np.unique(part.slot).tolist() if names[slot] in looked_at]
        for row in part.row[np.isin(part.slot, slots)].tolist():
            outcome: Outcome = wire.decode(topics.OUTCOMES.name, records[row].value)
            state = self.domain(outcome.decision.tenant, outcome.decision.domain)
            assert state is not None
            self.recent_outcomes.add(outcome, state.spec)

    def _single(self, topic: str, records: Sequence[Record]) -> bool:
        """One by one, which is also the definition of what `apply` does; whether a specification changed."""
        waiting: dict[tuple[str, str], list[Outcome]] = {}
        changed = False
        for record in records:
            try:
                event = wire.decode(topic, record.value)
                if isinstance(event, SpecChange):
                    name = (event.tenant, event.domain)
                    _check_key(record, event.tenant)
                    _check_names(event)
                    self._learn(name, waiting.pop(name, []))
                    changed |= self._change(name, event)
                else:
                    self._admit(record, event, waiting)
            except BadRecordError as error:
                self._dead(topic, record, error)
            except SpecificationError as error:  # `croupier domains` refuses these; another program may not
                self._dead(topic, record, BadRecordError(Reason.INVALID, str(error)))
        for name, outcomes in waiting.items():
            self._learn(name, outcomes)
        return changed

    def flush(self) -> None:
        """Put what changed into the state."""
        self._cache.flush()
        self._ordinals.flush()
        self.recent_outcomes.flush()
        self._state.put(_APPLIED, self.applied.to_bytes(8, "big"))

    def _admit(self, record: Record, outcome: Outcome, waiting: dict[tuple[str, str], list[Outcome]]) -> None:
        decision = outcome.decision
        name = (decision.tenant, decision.domain)
        _check_key(record, decision.tenant)
        if not self._ordinals.first(outcome.ordinal):  # one that is refused below has had its turn, too
            return
        state = self.domain(*name)
        if state is None:
            raise BadRecordError(Reason.UNKNOWN_DOMAIN, f"tenant {name[0]!r} has no domain {name[1]!r} at this point")
        if state.charge(outcome):  # also where it cannot be learned from: it was paid for
            self._cache.learned(name)
        check(outcome, state.spec)
        if name in self.recent_outcomes.looked_at and was_followed(outcome.observations):
            self.recent_outcomes.add(outcome, state.spec)
        waiting.setdefault(name, []).append(outcome)

    def _learn(self, name: tuple[str, str], outcomes: list[Outcome]) -> None:
        if outcomes:
            state = self.domain(*name)
            assert state is not None
            state.learn(outcomes)
            self._cache.learned(name)

    def _change(self, name: tuple[str, str], change: SpecChange) -> bool:
        removed = self._state.get(_REMOVED + key_of(name))
        state = self.domain(*name)
        known = state.version if state is not None else (int.from_bytes(removed, "big") if removed else -1)
        if change.version <= known:
            return False
        if change.spec is None:
            self._cache.put(name, None)
            self._state.put(_REMOVED + key_of(name), change.version.to_bytes(8, "big"))
        elif state is None:
            self._cache.put(name, DomainState(change.spec, change.version, change.priors))
        else:
            state.apply_spec(change.spec, change.version, change.priors)
            self._cache.put(name, state)
        self.recent_outcomes.declare(name, change.spec)
        return True


def replay(partition: int, records: Iterable[Record], *, batch: int = 500) -> MemoryState:
    """The state that a log from its beginning leads to, byte for byte.  records: one outcomes partition, in order."""
    state = MemoryState()
    processor = LearnerProcessor(partition, state, lambda topic, key, value: None, lambda topic, record, error: None)
    waiting: list[Record] = []
    for record in records:
        waiting.append(record)
        if len(waiting) == batch:
            processor.apply(topics.OUTCOMES.name, waiting)
            waiting = []
    if waiting:
        processor.apply(topics.OUTCOMES.name, waiting)
    processor.flush()
    return state


def _check_key(record: Record, tenant: str) -> None:
    if record.key != tenant.encode():
        raise BadRecordError(Reason.WRONG_KEY, f"the record's key is {record.key!r}; it must be the tenant, {tenant!r}")


def _check_names(change: SpecChange) -> None:
    spec = change.spec
    if spec is not None and (spec.tenant, spec.domain) != (change.tenant, change.domain):
        raise BadRecordError(
            Reason.INVALID,
            f"a change of domain {change.domain!r} of tenant {change.tenant!r} carries the specification of "
            f"{spec.domain!r} of {spec.tenant!r}; they must be the same",
        )
