"""What a stage of the pipeline is to the runtime: a pure processor of records, one instance per partition.

A processor sees the records of its source topics in offset order, each exactly once as far as its state is concerned:
the state it wrote and the source offsets it had applied are checkpointed together, and after a crash it is built anew
from the last checkpoint and gets the records that follow.  What it emits may therefore be emitted again; whoever
reads it drops repetitions by the id or ordinal in the record.

Processors know no Kafka, no asyncio and no clock: tests and offline replay run them on `MemoryState` and a list.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.errors import BadRecordError

from ..columnar.rows import Record, Rows

__all__ = [
    "Dead", "Emit", "EmitRows", "MemoryState", "Processor", "Record", "Stage", "State", "Workspace", "one_by_one",
]  # fmt: skip


class State(Protocol):
    """A processor's keyed state in one partition; what is put here is in the next checkpoint."""

    def get(self, key: bytes) -> bytes | None:
        """The last value put, or None."""

    def put(self, key: bytes, value: bytes) -> None:
        """Keep `value` under `key`."""

    def delete(self, key: bytes) -> None:
        """Forget `key`."""

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Every key that starts with `prefix`, in order of key.  Not to be changed while scanning."""


#: emit(topic, key, value): appends to the topic's partition of the same number.  Without a value, compaction drops the
#: key's records.
Emit = Callable[[str, bytes, bytes | None], None]

#: emit_rows(topic, rows): the same for many records at once.  Their bytes are copied before it returns.
EmitRows = Callable[[str, Rows], None]

#: dead(topic, record, error): keeps the record, whole, in dead-letters.
Dead = Callable[[str, Record, BadRecordError], None]


class Processor(Protocol):
    """One stage's work in one partition."""

    def apply(self, topic: str, records: Sequence[Record]) -> None:
        """Handle records of one source topic (its name in `schemas.topics`), in offset order."""

    def flush(self) -> None:
        """Called at the instant of a checkpoint: put what changed into the state, emit what is due with it."""


def one_by_one(emit: Emit) -> EmitRows:
    """An `EmitRows` where there is only an `Emit`: in tests and offline replay."""

    def emit_rows(topic: str, rows: Rows) -> None:
        for key, value in rows.pairs():
            emit(topic, key, value)

    return emit_rows


@dataclass(frozen=True, slots=True)
class Workspace:
    """What a processor is made of, in one partition."""

    partition: int
    state: State
    emit: Emit
    dead: Dead
    peers: Mapping[str, Processor]  # the stages before it in the list, in the same partition and process
    emit_rows: EmitRows


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the pipeline, as data: its sources, its changelog, and how its processor is made."""

    name: str
    sources: tuple[str, ...]  # topics, by their names in schemas.topics
    make: Callable[[Workspace], Processor]
    changelog: str | None = None  # topic of its state; None: it keeps none
    urgent: bool = False  # somebody waits for what comes of its records
    waits_for: tuple[str, ...] = ()  # stages that must first reach what was in their sources at assignment
    #: What its state's bytes mean.  Raise it when a release before this one could not go on from them, or, where the
    #: state is a function of the sources (`rebuilds`), when the same records now lead to other bytes.
    state_version: int = 1
    #: State of a lower version is dropped and made anew from the beginning of the sources; without it, it is read.
    rebuilds: bool = False


class MemoryState:
    """State in a dictionary, for tests and offline replay."""

    def __init__(self) -> None:
        self.items: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """The last value put, or None."""
        return self.items.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Keep `value` under `key`."""
        self.items[key] = value

    def delete(self, key: bytes) -> None:
        """Forget `key`."""
        self.items.pop(key, None)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Every key that starts with `prefix`, in order of key."""
        return iter(sorted((key, value) for key, value in self.items.items() if key.startswith(prefix)))
