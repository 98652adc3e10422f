"""The domains of a partition that are in memory: those that learned last, within a bound, and all that changed."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, Protocol

from schemas import wire
from schemas.errors import BadRecordError
from schemas.events import Outcome

from ..runtime.stage import State
from .domain import DomainState
from .table import LearningTable, Name

#: Default bound, for one partition.
CACHED_BYTES: Final = 256 * 1024 * 1024

_DOMAIN: Final = b"domain/"


class Follower(Protocol):
    """Who points into the arrays of the states that are in memory."""

    def entered(self, name: Name, state: DomainState) -> None:
        """A state is in memory from now on, until it leaves."""

    def left(self, name: Name) -> None:
        """It has left memory, or its arrays were replaced: nothing may point into them any more."""


class DomainCache:
    """Reads domains from the state on first touch; a checkpoint writes those that changed and drops the oldest."""

    def __init__(self, state: State, bound: int) -> None:
        self._state = state
        self._bound = bound
        self._domains: dict[Name, DomainState] = {}
        self._ages: dict[Name, int] = {}  # when they learned or came, by the table's count of calls
        self._sizes: dict[Name, int] = {}
        self._bytes = 0
        self._dirty: set[Name] = set()
        self._removed: set[Name] = set()
        self._followers: list[Follower] = []
        self._alarms: dict[Name, list[dict[str, Any]]] = {}  # of those not in memory: as they were
        self.table = LearningTable()

    def tell(self, follower: Follower) -> None:
        """Tell somebody, from now on, which states are in memory."""
        self._followers.append(follower)

    def get(self, name: Name) -> DomainState | None:
        """A domain, or None if it is not declared; unknown names are not remembered: anybody can make them up."""
        found = self._domains.get(name)
        if found is None and name not in self._removed:
            data = self._state.get(_DOMAIN + key_of(name))
            if data is not None:
                found = DomainState.from_bytes(data)
                self._enter(name, found)
        return found

    def loaded(self, name: Name) -> DomainState | None:
        """A domain that is in memory."""
        return self._domains.get(name)

    def put(self, name: Name, state: DomainState | None) -> None:
        """A domain is new, its specification has changed, or it is removed (None)."""
        self._leave(name)
        self._dirty.discard(name)
        self._removed.discard(name)
        if state is None:
            self._removed.add(name)
            self._alarms.pop(name, None)
        else:
            self._enter(name, state)
            self._dirty.add(name)

    def take_up(self, values: Iterable[bytes | None]) -> bool:
        """Load the domains that these encoded outcomes are of; whether there are any that were not loaded."""
        before = len(self._domains)
        for value in values:
            try:
                event = wire.decode("outcomes", value)
            except BadRecordError:
                continue
            if isinstance(event, Outcome):
                self.get((event.decision.tenant, event.decision.domain))
        return len(self._domains) > before

    def learned(self, name: Name) -> None:
        """A domain in memory has changed in place, but for what `table` learned."""
        self._dirty.add(name)
        self._ages[name] = self.table.calls
        self._note_alarms(name, self._domains[name])

    def recent(self) -> Iterator[tuple[Name, DomainState]]:
        """The domains in memory, the one that learned last first."""
        return iter([(name, self._domains[name]) for name in sorted(self._domains, key=self._age, reverse=True)])

    def alarms(self) -> dict[Name, list[dict[str, Any]]]:
        """The alarms that stand, of each domain that has some and was in memory since the partition came."""
        for name in {*self.table.take_alarmed(), *self._alarms}:
            state = self._domains.get(name)
            if state is not None:
                self._note_alarms(name, state)
        return dict(self._alarms)

    def _note_alarms(self, name: Name, state: DomainState) -> None:
        told = state.alarms()
        if told:
            self._alarms[name] = told
        else:
            self._alarms.pop(name, None)

    def names(self) -> list[Name]:
        """All domains, in memory or not, in order."""
        stored = {_name(key[len(_DOMAIN) :]) for key, _ in self._state.scan(_DOMAIN)}
        return sorted((stored - self._removed) | set(self._domains))

    def flush(self) -> None:
        """Put what changed into the state, and keep no more in memory than the bound."""
        for name in self._removed:
            self._state.delete(_DOMAIN + key_of(name))
        self._removed.clear()
        self._dirty.update(self.table.take_changed())
        for name in self._dirty:
            self._state.put(_DOMAIN + key_of(name), self._domains[name].to_bytes())
        self._dirty.clear()
        if self._bytes > self._bound:
            for name in sorted(self._domains, key=self._age):
                self._leave(name)
                if self._bytes <= self._bound:
                    break

    def _age(self, name: Name) -> int:
        return max(self._ages.get(name, 0), self.table.age(name))

    def _enter(self, name: Name, state: DomainState) -> None:
        name = (state.spec.tenant, state.spec.domain)  # the very texts that are in memory anyway
        self._domains[name] = state
        self._ages[name] = self.table.calls
        self._sizes[name] = state.nbytes
        self._bytes += state.nbytes
        self.table.put(name, state)
        self._note_alarms(name, state)
        for follower in self._followers:
            follower.entered(name, state)

    def _leave(self, name: Name) -> None:
        state = self._domains.pop(name, None)
        if state is not None:
            self._note_alarms(name, state)
            self._bytes -= self._sizes.pop(name)
            del self._ages[name]
            self.table.drop(name)
            for follower in self._followers:
                follower.left(name)


def key_of(name: Name) -> bytes:
    """Its part of the state's key."""
    return f"{name[0]}\0{name[1]}".encode()


def _name(key: bytes) -> Name:
    tenant, _, domain = key.decode().partition("\0")
    return tenant, domain
