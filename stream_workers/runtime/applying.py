"""Applies what was fetched to the stages that own it; records that no stage can handle are kept in dead-letters."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import structlog
from aiokafka import TopicPartition

from schemas import topics, wire
from schemas.errors import BadRecordError, Reason
from schemas.events import DeadLetter

from ..columnar.rows import FetchedRecords, Rows
from .culprits import Culprits
from .health import Health
from .names import Names
from .outputs import Outputs
from .partitions import Ledger, OwnedStage
from .reader import LogReader
from .stage import Dead, MemoryState, Record, Stage, Workspace
from .store import TableDamagedError

log = structlog.get_logger(__name__)

#: What comes of so many leaves at once; what comes of fewer leaves together with that of the other partitions.
_MANY_RECORDS: Final = 200

#: seek(topic, partition, offset): fetch from there next; nothing, when the partition is not assigned any more.
Seek = Callable[[str, int, int], Awaitable[None]]


class Applying:
    """Stages at work.  begin_again: takes a partition back to its last checkpoint."""

    def __init__(
        self,
        stages: Sequence[Stage],
        names: Names,
        ledger: Ledger,
        outputs: Outputs,
        reader: LogReader,
        health: Health,
        *,
        seek: Seek,
        begin_again: Callable[[int], None],
        on_applied: Callable[[str, int], None],
        on_dead: Callable[[str, str], None],
    ) -> None:
        self._names, self._ledger, self._outputs, self._reader, self._health = names, ledger, outputs, reader, health
        self._seek, self._begin_again = seek, begin_again
        self._on_applied, self._on_dead = on_applied, on_dead
        self._culprits = Culprits()
        self._refused: dict[tuple[str, int], tuple[int, int]] = {}  # (topic, partition) -> (expected offset, times)
        #: Topics whose records somebody waits for, by their names on the broker.
        self.urgent = frozenset(names.full[topic] for stage in stages if stage.urgent for topic in stage.sources)
        self.under_way = False  # something fetched is being applied, or waits until its output may go on

    async def deliver(self, generation: int, fetched: Mapping[TopicPartition, FetchedRecords]) -> None:
        """Apply what was fetched under a generation of the group; waits while too much output is in flight."""
        self.under_way = True
        try:
            urgent = [tp for tp in fetched if tp.topic in self.urgent]
            for tp in urgent:
                await self._deliver(self._names.short[tp.topic], tp.partition, generation, fetched[tp])
            self._outputs.kick()
            if len(urgent) == len(fetched):
                return
            for tp, records in fetched.items():
                if tp.topic not in self.urgent:
                    await asyncio.sleep(0)  # what somebody waits for leaves meanwhile
                    await self._deliver(self._names.short[tp.topic], tp.partition, generation, records)
            self._outputs.kick()
        finally:
            self.under_way = False

    async def _deliver(self, topic: str, number: int, generation: int, records: FetchedRecords) -> None:
        verdict = self._ledger.in_order(topic, number, generation, records)
        if verdict.owned is not None and verdict.records is not None:
            self._apply(verdict.owned, topic, number, verdict.records)
            if len(verdict.records) >= _MANY_RECORDS:
                self._outputs.kick()
            await self._outputs.room()
        elif verdict.seek_to is not None:
            await self._go_back(topic, number, verdict.seek_to)

    async def _go_back(self, topic: str, number: int, expected: int) -> None:
        """Fetch again from `expected`; when it is refused there again, ask a reader of our own whether it is there."""
        refused, times = self._refused.get((topic, number), (expected, 0))
        self._refused[topic, number] = (expected, times + 1 if refused == expected else 1)
        if refused == expected and times:
            with contextlib.suppress(Exception):  # the broker is away: refuse once more
                found = await self._reader.first_offset(TopicPartition(self._names.full[topic], number), expected)
                if found is not None and found > expected:
                    self._ledger.hole(topic, number, expected, found)
        await self._seek(topic, number, expected)

    def _apply(self, owned: OwnedStage, topic: str, number: int, records: FetchedRecords) -> None:
        """Apply; a record that makes the processor fail is found, kept in dead-letters, and passed over."""
        for batch in self._culprits.batches(topic, number, records):
            if (known := self._culprits.error(topic, number, batch.first_offset)) is not None:
                self._dead(owned.stage, number)(topic, batch[0], BadRecordError(Reason.FAILED, known))
                self._ledger.skip(owned, topic, batch[0])
                continue
            try:
                self._ledger.apply(owned, topic, batch)
            except TableDamagedError:
                raise  # no record's fault
            except Exception as error:
                log.exception("a record made its stage fail", stage=owned.stage.name, topic=topic, partition=number)
                self._culprits.failed(topic, number, batch, records.next_offset, error)
                self._begin_again(number)
                return
            self._health.applied()
            self._on_applied(owned.stage.name, len(batch))

    def workspace(self, stage: Stage, number: int, before: Mapping[str, OwnedStage]) -> Workspace:
        """What a stage's processor is made of in a partition.  before: the stages made there already."""

        def emit(topic: str, key: bytes, value: bytes | None) -> None:
            self._outputs.emit(self._names.full[topic], number, key, value)

        def emit_rows(topic: str, rows: Rows) -> None:
            self._outputs.emit_rows(self._names.full[topic], number, rows)

        return Workspace(
            number, MemoryState(), emit, self._dead(stage, number),
            {name: owned.processor for name, owned in before.items()}, emit_rows,
        )  # fmt: skip

    def _dead(self, stage: Stage, number: int) -> Dead:
        full = self._names.full[topics.DEAD_LETTERS.name]

        def dead(topic: str, record: Record, error: BadRecordError) -> None:
            letter = DeadLetter(
                stage.name, error.reason.value, error.detail[:2000], topic, number, record.offset, record.timestamp,
                record.key, record.value,
            )  # fmt: skip
            self._outputs.emit(full, number, record.key or b"", wire.encode(letter))
            self._on_dead(stage.name, error.reason.value)
            log.warning(
                "dead letter", stage=stage.name, reason=error.reason.value, detail=error.detail[:300],
                topic=topic, partition=number, offset=record.offset,
            )  # fmt: skip

        return dead
