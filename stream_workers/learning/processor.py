"""The learner's work in one partition: outcomes in, state of every domain out.

State is a function of the outcomes partition, bit for bit: this class on a `MemoryState`, fed with the log from its
beginning, ends with the same bytes (`replay`).  Nothing else may change it; specifications come through the same log.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from schemas import topics, wire
from schemas.errors import BadRecordError, Reason, SpecificationError
from schemas.events import Outcome, SpecChange

from ..ordinals import Ordinals
from ..runtime.stage import Dead, Emit, MemoryState, Record, State
from .domain import DomainState, check

_DOMAIN: Final = b"domain/"
_REMOVED: Final = b"removed/"  # version at which a domain was removed: older changes that come again change nothing
_APPLIED: Final = b"applied"


class LearnerProcessor:
    """`stage.Processor` from outcomes to learned state."""

    def __init__(self, partition: int, state: State, emit: Emit, dead: Dead) -> None:
        self._partition = partition
        self._state = state
        self._dead = dead
        self._domains: dict[tuple[str, str], DomainState | None] = {}
        self._dirty: set[tuple[str, str]] = set()
        self._ordinals = Ordinals(state)
        applied = state.get(_APPLIED)
        #: Offset of the next outcomes record: what the state reflects.
        self.applied = int.from_bytes(applied, "big") if applied else 0

    def domain(self, tenant: str, domain: str) -> DomainState | None:
        """What is learned for a domain, or None if it is not declared."""
        name = (tenant, domain)
        if name in self._domains:
            return self._domains[name]
        data = self._state.get(_DOMAIN + _key(name))
        found = None if data is None else DomainState.from_bytes(data)
        if found is not None:  # unknown names are not remembered: anybody can make them up
            self._domains[name] = found
        return found

    def loaded(self, tenant: str, domain: str) -> DomainState | None:
        """What is learned for a domain, if it is in memory."""
        return self._domains.get((tenant, domain))

    def domains(self) -> list[tuple[str, str]]:
        """The names of all domains of this partition."""
        stored = {_name(key[len(_DOMAIN) :]) for key, _ in self._state.scan(_DOMAIN)}
        return sorted(stored | {name for name, state in self._domains.items() if state is not None})

    def apply(self, topic: str, records: Sequence[Record]) -> None:
        """Learn a batch, in log order within each domain."""
        waiting: dict[tuple[str, str], list[Outcome]] = {}
        for record in records:
            try:
                event = wire.decode(topic, record.value)
                if isinstance(event, SpecChange):
                    name = (event.tenant, event.domain)
                    _check_key(record, event.tenant)
                    _check_names(event)
                    self._learn(name, waiting.pop(name, []))
                    self._change(name, event)
                else:
                    self._admit(record, event, waiting)
            except BadRecordError as error:
                self._dead(topic, record, error)
            except SpecificationError as error:  # `croupier domains` refuses these; another program may not
                self._dead(topic, record, BadRecordError(Reason.INVALID, str(error)))
        for name, outcomes in waiting.items():
            self._learn(name, outcomes)
        self.applied = records[-1].offset + 1

    def flush(self) -> None:
        """Put what changed into the state."""
        for name in self._dirty:
            state = self._domains[name]
            if state is None:
                self._state.delete(_DOMAIN + _key(name))
                del self._domains[name]
            else:
                self._state.put(_DOMAIN + _key(name), state.to_bytes())
        self._dirty.clear()
        self._ordinals.flush()
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
        check(outcome, state.spec)
        waiting.setdefault(name, []).append(outcome)

    def _learn(self, name: tuple[str, str], outcomes: list[Outcome]) -> None:
        if outcomes:
            state = self.domain(*name)
            assert state is not None
            state.learn(outcomes)
            self._dirty.add(name)

    def _change(self, name: tuple[str, str], change: SpecChange) -> None:
        removed = self._state.get(_REMOVED + _key(name))
        state = self.domain(*name)
        known = state.version if state is not None else (int.from_bytes(removed, "big") if removed else -1)
        if change.version <= known:
            return
        if change.spec is None:
            self._domains[name] = None
            self._state.put(_REMOVED + _key(name), change.version.to_bytes(8, "big"))
        elif state is None:
            self._domains[name] = DomainState(change.spec, change.version)
        else:
            state.apply_spec(change.spec, change.version)
        self._dirty.add(name)


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


def _key(name: tuple[str, str]) -> bytes:
    return f"{name[0]}\0{name[1]}".encode()


def _name(key: bytes) -> tuple[str, str]:
    tenant, _, domain = key.decode().partition("\0")
    return tenant, domain
