"""The last outcomes of the domains that others of their tenant look at (`schemas.domains.Input`).

Kept in the learner's state, in chunks, so that a checkpoint writes only what changed.  All of it is a function of the
outcomes log: which domains are looked at is, too, for their specifications come through it.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
import numpy as np

from schemas.domains import DomainSpec
from schemas.events import Outcome

from ..runtime.stage import State
from .reward import reward_of

Name = tuple[str, str]  # tenant, domain

#: Outcomes of a domain that are known: at least so many, and up to a chunk more.
KEPT: Final = 512
#: Outcomes whose mean reward is the recent one: of a unit, and of a domain.
OF_UNIT: Final = 8
OF_DOMAIN: Final = 32

_CHUNK: Final = 64
_CHUNKS: Final = KEPT // _CHUNK + 1
#: Domains whose outcomes are in memory after a checkpoint; others are read again.
_LOADED: Final = 256

_RECENT: Final = b"recent/"
_INPUTS: Final = b"inputs/"


class Ended(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What is remembered of an outcome."""

    id: str
    arm: str
    propensity: float  # of the arm
    unit: str | None
    after: str | None
    chain: float | None
    observations: dict[str, float]
    reward: float  # by the specification in force when it was learned
    complete: bool  # every required component was observed


class _Chunk(msgspec.Struct, array_like=True):
    first: int  # number of its first outcome, among all of its domain that were ever kept
    outcomes: list[Ended]


_encode: Final = msgspec.msgpack.Encoder().encode
_decode_chunk: Final = msgspec.msgpack.Decoder(_Chunk).decode
_decode_inputs: Final = msgspec.msgpack.Decoder(tuple[str, ...]).decode


def ended(outcome: Outcome, spec: DomainSpec) -> Ended:
    """What to remember of an outcome that passed `outcomes.check`.  spec: its domain's, in force."""
    decision = outcome.decision
    propensity = float(np.frombuffer(decision.propensities, "<f4")[decision.choice])
    return Ended(
        decision.id, decision.arm, propensity, decision.unit, decision.after, decision.chain, outcome.observations,
        *reward_of(spec, outcome.observations),
    )  # fmt: skip


class _Ring:
    """The last outcomes of one domain."""

    def __init__(self, name: Name, chunks: Iterable[_Chunk]) -> None:
        self.name = name
        self.chunks = {each.first // _CHUNK: each for each in chunks}
        self.changed: set[int] = set()
        self.by_id: dict[str, Ended] = {}
        self._of_unit: dict[str, deque[float]] = {}
        for number in sorted(self.chunks):
            for each in self.chunks[number].outcomes:
                self._index(each)

    def add(self, outcome: Ended) -> None:
        """Keep one more; the oldest chunk goes when a new one begins."""
        last = max(self.chunks, default=-1)
        if last < 0 or len(self.chunks[last].outcomes) == _CHUNK:
            last += 1
            self.chunks[last] = _Chunk(last * _CHUNK, [])
            gone = self.chunks.pop(last - _CHUNKS, None)
            if gone is not None:
                self._forget(gone)
        self.chunks[last].outcomes.append(outcome)
        self.changed.add(last)
        self._index(outcome)

    def recent_reward(self, unit: str | None) -> float | None:
        """Mean reward of the last outcomes: of a unit, or of all; None where there are none."""
        if unit is not None:
            rewards = list(self._of_unit.get(unit, ()))
        else:
            rewards = []
            for number in sorted(self.chunks, reverse=True):
                rewards = [each.reward for each in self.chunks[number].outcomes] + rewards
                if len(rewards) >= OF_DOMAIN:
                    break
            rewards = rewards[-OF_DOMAIN:]
        return sum(rewards) / len(rewards) if rewards else None

    def take_changed(self) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values to put since the last call."""
        for number in sorted(self.changed & self.chunks.keys()):
            yield _key(self.name, number % _CHUNKS), _encode(self.chunks[number])
        self.changed.clear()

    def _index(self, outcome: Ended) -> None:
        self.by_id[outcome.id] = outcome
        if outcome.unit is not None:
            self._of_unit.setdefault(outcome.unit, deque(maxlen=OF_UNIT)).append(outcome.reward)

    def _forget(self, chunk: _Chunk) -> None:
        for each in chunk.outcomes:
            if self.by_id.get(each.id) is each:
                del self.by_id[each.id]
        kept = [each for number in sorted(self.chunks) for each in self.chunks[number].outcomes]
        self._of_unit.clear()
        for each in kept:
            if each.unit is not None:
                self._of_unit.setdefault(each.unit, deque(maxlen=OF_UNIT)).append(each.reward)


class RecentOutcomes:
    """Of one partition."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._inputs: dict[Name, tuple[str, ...]] = {}  # by the domain that looks: the domains it looks at
        self._rings: dict[Name, _Ring] = {}
        self._looked_at: frozenset[Name] = frozenset()
        for key, value in state.scan(_INPUTS):
            tenant, _, domain = key[len(_INPUTS) :].decode().partition("\0")
            self._inputs[tenant, domain] = _decode_inputs(value)
        self._count()

    @property
    def looked_at(self) -> frozenset[Name]:
        """The domains whose outcomes are kept."""
        return self._looked_at

    def declare(self, name: Name, spec: DomainSpec | None) -> None:
        """A domain's specification is this from now on; None: it is removed."""
        sources = tuple(sorted({each.domain for each in spec.inputs})) if spec is not None else ()
        if sources == self._inputs.get(name, ()):
            return
        if sources:
            self._inputs[name] = sources
            self._state.put(_INPUTS + _bytes_of(name), _encode(sources))
        else:
            del self._inputs[name]
            self._state.delete(_INPUTS + _bytes_of(name))
        before = self._looked_at
        self._count()
        for gone in before - self._looked_at:
            self._rings.pop(gone, None)
            for number in range(_CHUNKS):
                self._state.delete(_key(gone, number))

    def add(self, outcome: Outcome, spec: DomainSpec) -> None:
        """An outcome of a domain that is looked at has been learned."""
        self._ring((spec.tenant, spec.domain)).add(ended(outcome, spec))

    def find(self, name: Name, decision: str) -> Ended | None:
        """The outcome of a decision, if it is among the last of its domain."""
        return self._ring(name).by_id.get(decision) if name in self._looked_at else None

    def recent_reward(self, name: Name, unit: str | None) -> float | None:
        """Mean reward of the domain's last outcomes, of this unit if one is given; None: there are none."""
        return self._ring(name).recent_reward(unit) if name in self._looked_at else None

    def flush(self) -> None:
        """Put what changed into the state."""
        for ring in self._rings.values():
            for key, value in ring.take_changed():
                self._state.put(key, value)
        for name in list(self._rings)[: max(0, len(self._rings) - _LOADED)]:
            del self._rings[name]

    def _ring(self, name: Name) -> _Ring:
        ring = self._rings.get(name)
        if ring is None:
            stored = (self._state.get(_key(name, number)) for number in range(_CHUNKS))
            ring = self._rings[name] = _Ring(name, [_decode_chunk(value) for value in stored if value is not None])
        return ring

    def _count(self) -> None:
        self._looked_at = frozenset(
            (tenant, domain) for (tenant, _), domains in self._inputs.items() for domain in domains
        )


def _bytes_of(name: Name) -> bytes:
    return f"{name[0]}\0{name[1]}".encode()


def _key(name: Name, number: int) -> bytes:
    return _RECENT + _bytes_of(name) + b"\0" + bytes([number])
