"""aiokafka's fetcher, giving fetched bytes as columns instead of one object per record.

What is exchanged are four classes that three methods of aiokafka's `Fetcher` use by name: the methods are taken as
they are in the pinned version, with other names to see (tests/runtime/test_upstream.py holds their source).
"""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from aiokafka import TopicPartition, codec
from aiokafka.consumer import fetcher as upstream
from aiokafka.errors import CorruptRecordException

from ..columnar import batches
from ..columnar.checksum import crc32c
from ..columnar.memory import Bytes
from ..columnar.rows import FetchedRecords
from .fetch_request import ColumnFetchRequest
from .upstream import seeing, use_fetcher

#: The broker answers a fetch that finds nothing after so long.  Faust has 1.5 s: what a partition gets just after an
#: assignment or a seek would wait for the fetch under way.
FETCH_WAIT_MS: Final = 250
#: So long nobody asks again for topics that had little.
REST_SECONDS: Final = 0.04
_LITTLE_BYTES: Final = 64 * 1024

_CODECS: Final[dict[int, Callable[[bytes], bytes]]] = {
    1: codec.gzip_decode,
    2: codec.snappy_decode,
    3: codec.lz4_decode,
    4: codec.zstd_decode,
}


class Fetched:
    """What a fetch brought of one partition, as it came; in the place of aiokafka's `MemoryRecords`."""

    def __init__(self, data: bytes | memoryview | None) -> None:
        # A copy: kernels are compiled for arrays that can be written.
        self.data = np.frombuffer(bytearray(data or b""), np.uint8)
        self.verdict, self.records, self.end = batches.measure(self.data)

    def has_next(self) -> bool:
        """Whether there is a whole batch, or something that is none."""
        return self.end > 0 or self.verdict in (batches.UNKNOWN_FORMAT, batches.DAMAGED)

    def size_in_bytes(self) -> int:
        """Bytes fetched."""
        return len(self.data)


class PartitionColumns:
    """A fetched partition until somebody takes it; in the place of aiokafka's `PartitionRecords`."""

    def __init__(
        self, tp: TopicPartition, fetched: Fetched, aborted: Any, fetch_offset: int, key_deserializer: Any,
        value_deserializer: Any, check_crcs: bool, isolation_level: int,
    ) -> None:  # fmt: skip
        if isolation_level != upstream.READ_UNCOMMITTED or key_deserializer or value_deserializer:
            raise ValueError("columns are read uncommitted and without deserializers")
        self._tp = tp
        self._fetched = fetched
        self._check_crcs = check_crcs
        self.next_fetch_offset = fetch_offset

    def size_in_bytes(self) -> int:
        """Bytes fetched."""
        return self._fetched.size_in_bytes()

    def take(self) -> FetchedRecords:
        """All records.  CorruptRecordException when the bytes are not what the broker was given."""
        fetched, where = self._fetched, f"{self._tp.topic} partition {self._tp.partition}"
        if fetched.verdict in (batches.UNKNOWN_FORMAT, batches.DAMAGED):
            what = "no record batch of format 2" if fetched.verdict == batches.UNKNOWN_FORMAT else "a damaged batch"
            raise CorruptRecordException(f"{where}, after offset {self.next_fetch_offset}: {what}")
        data, end, count, check = fetched.data, fetched.end, fetched.records, self._check_crcs
        if fetched.verdict == batches.COMPRESSED:
            data, check = decompress(data[:end], where, check=check), False
            end = len(data)
        columns = [np.empty(count, np.int64) for _ in range(7)]
        found, after, damaged = batches.index(data, end, self.next_fetch_offset, check, *columns)
        if damaged >= 0:
            raise CorruptRecordException(
                f"{where}: the batch at byte {damaged} of what was fetched from offset {self.next_fetch_offset} is "
                "damaged on its way or on the broker's disk"
            )
        self.next_fetch_offset = after
        return FetchedRecords(data, *(column[:found] for column in columns[:6]))


class PartitionResult(upstream.FetchResult):
    """In the place of aiokafka's `FetchResult`."""

    _partition_records: Any

    def getall(self, max_records: int | None = None) -> FetchedRecords | tuple[()]:
        """All records, whatever max_records says: what a fetch may bring is bounded by its bytes."""
        if not self.check_assignment(self._topic_partition) or not self.has_more():
            return ()
        columns: Any = self._partition_records
        records: FetchedRecords = columns.take()
        self._update_position()
        self._partition_records = None
        return records


def decompress(data: Bytes, where: str, *, check: bool) -> Bytes:
    """The batches of data with their records uncompressed; their checksums, which were of the compressed, are stale."""
    parts: list[bytes] = []
    at = 0
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at + 8 : at + 12].tobytes(), "big")
        if check and crc32c(data, at + 21, end - at - 21) != int.from_bytes(data[at + 17 : at + 21].tobytes(), "big"):
            raise CorruptRecordException(f"{where}: a damaged batch")
        kind = int(data[at + 22]) & batches.COMPRESSION
        header = bytearray(data[at : at + batches.HEADER_BYTES].tobytes())
        records = data[at + batches.HEADER_BYTES : end].tobytes()
        if kind:
            if kind not in _CODECS:
                raise CorruptRecordException(f"{where}: compression {kind} is not known")
            records = bytes(_CODECS[kind](records))
            header[22] &= ~batches.COMPRESSION & 0xFF
            header[8:12] = (batches.HEADER_BYTES - 12 + len(records)).to_bytes(4, "big")
        parts += (bytes(header), records)
        at = end
    return np.frombuffer(bytearray(b"".join(parts)), np.uint8)


class _Asked(NamedTuple):
    """Some partitions of an assignment, in the shape in which aiokafka's fetcher looks at one."""

    tps: Sequence[TopicPartition]
    state_value: Callable[[TopicPartition], Any]


class ColumnFetcher(upstream.Fetcher):
    """A fetcher whose `fetched_records` gives `FetchedRecords`.

    Every fetch costs the broker and the worker the same, however little it brings.  So while there is traffic, but so
    little that one fetch takes it all, the topics that nobody waits for are asked for only every few milliseconds.
    """

    urgent: frozenset[str] = frozenset()
    _rest_until = 0.0

    _process = seeing(
        upstream.Fetcher._proc_fetch_request,
        MemoryRecords=Fetched, PartitionRecords=PartitionColumns, FetchResult=PartitionResult,
    )  # fmt: skip
    _drain = seeing(upstream.Fetcher.fetched_records, FetchResult=PartitionResult)
    _choose = seeing(upstream.Fetcher._get_actions_per_node, FetchRequest=ColumnFetchRequest)

    async def _proc_fetch_request(self, assignment: Any, node_id: int, request: Any) -> bool:
        brought: bool = await self._process(assignment, node_id, request)
        if self.urgent and any(topic not in self.urgent for topic, _ in request.topics):
            sizes = [each.size_in_bytes() for tp, each in self._waiting() if tp.topic not in self.urgent]
            if sizes and sum(sizes) <= _LITTLE_BYTES:
                self._rest_until = time.monotonic() + REST_SECONDS
        return brought

    async def fetched_records(
        self, partitions: Iterable[TopicPartition], timeout: float = 0, max_records: int | None = None
    ) -> Any:
        """What was fetched of these partitions; waits for it no longer than the timeout, in seconds."""
        found = await self._drain(partitions)
        if found or not timeout:
            return found
        waiter = self._create_fetch_waiter()
        late = self._loop.call_later(timeout, self._notify, waiter)
        try:
            await waiter
        finally:
            late.cancel()
            waiter.cancel()
        return {} if self._closed else await self._drain(partitions)

    def _waiting(self) -> list[tuple[TopicPartition, PartitionColumns]]:
        return [
            (tp, result._partition_records)
            for tp, result in self._records.items()
            if isinstance(result, PartitionResult) and result._partition_records is not None
        ]

    def _get_actions_per_node(self, assignment: Any) -> Any:
        tps = assignment.tps
        self._fetch_max_wait_ms = FETCH_WAIT_MS
        if self.urgent and (left := self._rest_until - time.monotonic()) > 0:
            some = [tp for tp in tps if tp.topic in self.urgent or not assignment.state_value(tp).has_valid_position]
            if some:
                tps, self._fetch_max_wait_ms = some, math.ceil(left * 1000.0)
        return self._choose(_Asked(tps, assignment.state_value))


def give_columns(consumer: Any, urgent: Iterable[str] = ()) -> None:
    """Let a consumer that was just started give `FetchedRecords` for each partition.

    urgent: the topics whose records somebody waits for.
    """
    use_fetcher(consumer, ColumnFetcher)
    consumer._fetcher.urgent = frozenset(urgent)
