"""Output records, batched per partition and kept in flight until the checkpoint asks for their acknowledgement.

Waiting for each acknowledgement would make small batches pile up (580 ms instead of 3 ms at 1,000 records/s); sending
record by record costs ten times the processor time.  So a record goes into the open batch of its partition; a batch
leaves as soon as the one before it has left, and under load grows in the meantime by itself.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import AIOKafkaProducer

from ..columnar.rows import FetchedRecord, FetchedRecords, Rows
from .output_batch import OutputBatch
from .sending import handed_over

#: Beyond this many bytes waiting or unacknowledged, no further batch is applied.
DEFAULT_IN_FLIGHT_BYTES = 32 * 1024 * 1024
DEFAULT_BATCH_BYTES = 512 * 1024
#: So many records that came one by one are put together before they go into their batch.
_GATHERED = 1000


class _Writer:
    """One output partition: the open batch, those waiting to leave, and how far acknowledgements have come."""

    __slots__ = ("acknowledged", "batch", "begun", "closed", "partition", "pump", "single", "topic")

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self.batch: OutputBatch | None = None
        self.single: list[FetchedRecord] = []  # records that came one by one, to follow those in `batch`
        self.closed: deque[OutputBatch] = deque()
        self.begun = 0  # batches ever opened
        self.acknowledged = 0  # the first so many of them
        self.pump: asyncio.Task[None] | None = None


class Outputs:
    """Appends records to output partitions; `failed` is called once when the broker refuses one."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        failed: Callable[[BaseException], None],
        *,
        in_flight_bytes: int = DEFAULT_IN_FLIGHT_BYTES,
        batch_bytes: int = DEFAULT_BATCH_BYTES,
    ) -> None:
        self._producer = producer
        self._batch_bytes = batch_bytes
        self._failed = failed
        self._limit = in_flight_bytes
        self._bytes = 0
        self._writers: dict[tuple[str, int], _Writer] = {}
        self._progress = asyncio.Event()

    def emit(self, topic: str, partition: int, key: bytes, value: bytes | None) -> None:
        """Append a record.  It leaves at the next `kick`."""
        writer = self._writer(topic, partition)
        writer.single.append(FetchedRecord(0, 0, key, value))
        if len(writer.single) >= _GATHERED:
            self._gather(writer)

    def emit_rows(self, topic: str, partition: int, rows: Rows) -> None:
        """Append records.  They leave at the next `kick`."""
        writer = self._writer(topic, partition)
        self._gather(writer)
        self._add(writer, rows)

    def _writer(self, topic: str, partition: int) -> _Writer:
        writer = self._writers.get((topic, partition))
        if writer is None:
            writer = self._writers[topic, partition] = _Writer(topic, partition)
        return writer

    def _gather(self, writer: _Writer) -> None:
        if writer.single:
            records = FetchedRecords.of(writer.single)
            writer.single = []
            self._add(writer, records.rows())

    def _add(self, writer: _Writer, rows: Rows) -> None:
        row, count = 0, len(rows.key_at)
        while row < count:
            if writer.batch is None:
                writer.batch = OutputBatch(self._batch_bytes)
                writer.begun += 1
            row = writer.batch.add(rows, row)
            if row < count:
                self._close(writer)

    def kick(self) -> None:
        """Let what was appended leave."""
        for writer in self._writers.values():
            self._gather(writer)
            if (writer.batch is None and not writer.closed) or (writer.pump is not None and not writer.pump.done()):
                continue
            if writer.closed or not self._hand_over(writer):
                writer.pump = asyncio.ensure_future(self._run(writer))

    async def room(self) -> None:
        """Wait while too much is in flight."""
        while self._bytes > self._limit:
            await self._wait()

    def mark(self) -> dict[_Writer, int]:
        """All that was emitted until now, for `acknowledged`."""
        for writer in self._writers.values():
            self._gather(writer)
        return {writer: writer.begun for writer in self._writers.values() if writer.acknowledged < writer.begun}

    async def acknowledged(self, mark: dict[_Writer, int]) -> None:
        """Wait until everything before the mark is acknowledged by the broker."""
        for writer, begun in mark.items():
            # A record appended after the mark to a batch opened before it is acknowledged with it: no harm.
            while writer.acknowledged < begun:
                self.kick()
                await self._wait()

    def _close(self, writer: _Writer) -> None:
        batch, writer.batch = writer.batch, None
        assert batch is not None
        self._bytes += batch.size()
        writer.closed.append(batch)

    def _hand_over(self, writer: _Writer) -> bool:
        """Let the open batch leave at once, if the one before it has left."""
        self._close(writer)
        batch = writer.closed[0]
        future = handed_over(self._producer, batch, writer.topic, writer.partition)
        if future is None:
            return False
        writer.closed.popleft()
        future.add_done_callback(self._on_done(writer, batch.size()))
        return True

    async def _run(self, writer: _Writer) -> None:
        try:
            while writer.closed or writer.batch is not None:
                if not writer.closed:
                    self._close(writer)
                batch = writer.closed.popleft()
                size = batch.size()
                # Waits until the batch before has left; meanwhile the next one fills.
                future = await self._producer.send_batch(batch, writer.topic, partition=writer.partition)
                future.add_done_callback(self._on_done(writer, size))
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self._failed(error)

    def _on_done(self, writer: _Writer, size: int) -> Callable[[Awaitable[Any]], None]:
        def done(future: Any) -> None:
            error = None if future.cancelled() else future.exception()
            if error is not None:
                self._failed(error)
                return
            if future.cancelled():
                return
            writer.acknowledged += 1  # batches of a partition are acknowledged in the order they were sent
            self._bytes -= size
            self._progress.set()

        return done

    async def _wait(self) -> None:
        self._progress.clear()
        await self._progress.wait()

    def in_flight(self) -> int:
        """Bytes waiting or unacknowledged."""
        return self._bytes
