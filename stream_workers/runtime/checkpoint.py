"""Makes what was applied last: outputs, then state in changelog and RocksDB, and only then the offsets.

The order matters.  State that says "outcome written" must not be durable before the outcome is: after a crash nobody
would write it.  Outputs written twice are dropped by their readers; state written twice is the same state.
"""

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition

from .changelog import STAMP_HEADER, Entry, Stamp, control_entries, stamp_of
from .lease import Lease
from .outputs import Outputs
from .partitions import OwnedPartition, OwnedStage
from .reader import LogReader
from .stop_points import Reached, pass_by
from .store import Meta

log = structlog.get_logger(__name__)

_writer_ids = random.SystemRandom()


class SupersededError(Exception):
    """Another process owns the partition: this one must end without writing more."""


@dataclass(slots=True)
class _Taken:
    """One stage's part of a checkpoint, taken at one instant."""

    number: int
    owned: OwnedStage
    entries: list[Entry]
    positions: dict[str, int]


class Checkpointer:
    """Writes checkpoints of the partitions owned."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        outputs: Outputs,
        reader: LogReader,
        lease: Lease,
        *,
        full_name: Callable[[str], str],
        generation: Callable[[], int],
        reached: Reached = pass_by,
    ) -> None:
        self._producer = producer
        self._outputs = outputs
        self._reader = reader
        self._lease = lease
        self._full_name = full_name
        self._generation = generation
        self._reached = reached
        self.writer = _writer_ids.getrandbits(64)
        self.bytes_written = 0

    async def claim(self, number: int, owned: OwnedStage, era: int, generation: int) -> None:
        """Say in the changelog that this process writes from here on.  Sets the stage's stamp and changelog end."""
        owned.stamp = Stamp(era, generation, self.writer, 0)
        topic = self._full_name(_changelog(owned))
        batch = self._producer.create_batch()
        for entry in control_entries(owned.stamp, {}):
            _append(batch, entry, owned.stamp)
        batch.close()
        acknowledged = await self._producer.send_batch(batch, topic, partition=number)
        owned.changelog_end = (await acknowledged).offset + 1

    async def run(self, partitions: Iterable[OwnedPartition]) -> dict[TopicPartition, int]:
        """One checkpoint; the offsets that may be committed now (none if the partitions were lost meanwhile)."""
        self._lease.check()
        generation = self._generation()
        # Everything is taken at one instant, before any await: what is applied meanwhile is the next checkpoint's.
        offsets: dict[TopicPartition, int] = {}
        taken: list[_Taken] = []
        for partition in partitions:
            if partition.generation != generation:
                continue
            for owned in partition.stages.values():
                if not owned.moved:
                    continue
                owned.processor.flush()
                owned.moved = False
                for topic, position in owned.positions.items():
                    offsets[TopicPartition(self._full_name(topic), partition.number)] = position
                if owned.state is not None:
                    taken.append(_Taken(partition.number, owned, owned.state.take(), dict(owned.positions)))
                    owned.hold = None  # what it held is written again by this checkpoint
        if not offsets:
            return {}
        self._reached("checkpoint-taken")
        mark = self._outputs.mark()
        self._outputs.kick()
        await self._outputs.acknowledged(mark)
        self._reached("checkpoint-outputs-durable")
        self._lease.check()
        pending = [(part, await self._send(part)) for part in taken]
        self._reached("checkpoint-state-sent")
        for part, sent in pending:
            for count, acknowledged in sent:
                await self._verify(part, (await acknowledged).offset, count)
        self._reached("checkpoint-state-durable")
        self._lease.check()
        if self._generation() != generation:
            return {}  # whoever owns the partitions now recovers from the changelog, we too
        for part in taken:
            self._keep(part)
        self._reached("checkpoint-kept")
        return offsets

    async def _send(self, part: _Taken) -> list[tuple[int, Any]]:
        owned = part.owned
        assert owned.stamp is not None
        stamp = owned.stamp = owned.stamp._replace(sequence=owned.stamp.sequence + 1)
        topic = self._full_name(_changelog(owned))
        sent: list[tuple[int, Any]] = []
        batch = self._producer.create_batch()
        for entry in (*part.entries, *control_entries(stamp, part.positions, owned.stage.state_version)):
            if not _append(batch, entry, stamp):
                sent.append((batch.record_count(), await self._ship(batch, topic, part.number)))
                batch = self._producer.create_batch()
                _append(batch, entry, stamp)
        sent.append((batch.record_count(), await self._ship(batch, topic, part.number)))
        return sent

    async def _ship(self, batch: Any, topic: str, number: int) -> Any:
        batch.close()
        self.bytes_written += batch.size()
        return await self._producer.send_batch(batch, topic, partition=number)

    async def _verify(self, part: _Taken, offset: int, count: int) -> None:
        """Nobody else wrote between our last changelog record and this batch; if somebody did, write over it."""
        owned = part.owned
        expected = owned.changelog_end
        owned.changelog_end = offset + count
        if offset == expected:
            return
        tp = TopicPartition(self._full_name(_changelog(owned)), part.number)
        touched: set[bytes] = set()

        def look(_: TopicPartition, records: list[Any]) -> None:
            for record in records:
                assert owned.stamp is not None
                stranger = stamp_of(record.headers)
                if stranger.writer != self.writer and stranger.rank >= owned.stamp.rank:
                    raise SupersededError(f"{tp.topic} {tp.partition} is written by generation {stranger.generation}")
                touched.add(record.key)

        await self._reader.read({tp: (expected, offset)}, look)
        log.warning(
            "a paused predecessor wrote to our changelog: writing over it",
            changelog=tp.topic, partition=tp.partition, first=expected, records=offset - expected, keys=len(touched),
        )  # fmt: skip
        assert owned.state is not None
        owned.state.write_again(touched)
        owned.hold = expected if owned.hold is None else min(owned.hold, expected)
        owned.moved = True

    @staticmethod
    def _keep(part: _Taken) -> None:
        owned = part.owned
        assert owned.store is not None and owned.state is not None and owned.stamp is not None
        owned.store.write(
            part.entries,
            Meta(
                next_offset=owned.changelog_end if owned.hold is None else owned.hold,
                era=owned.stamp.era,
                generation=owned.stamp.generation,
                positions=part.positions,
                written_at=time.time(),
                state_version=owned.stage.state_version,
            ),
        )
        owned.state.taken()


def _changelog(owned: OwnedStage) -> str:
    assert owned.stage.changelog is not None
    return owned.stage.changelog


def _append(batch: Any, entry: Entry, stamp: Stamp) -> bool:
    added = batch.append(timestamp=None, key=entry.key, value=entry.value, headers=[(STAMP_HEADER, stamp.pack())])
    return added is not None
