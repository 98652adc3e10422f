"""From the log to files: each record once, in the order of its partition."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from msgspec import Struct

from infra.reading.log import Log

from . import files
from .rows import TOPICS, Row, row_of, table_of

#: Records of a file at most.
RECORDS: Final = 50_000
_DAY_MS: Final = 86_400_000


class Source(Protocol):
    """Where records come from (`infra.reading.log.Log` is one)."""

    async def bounds(self, topic: str) -> dict[int, tuple[int, int]]:
        """The offsets that each partition has now, [begin, end)."""

    def batches(self, topic: str, ranges: Mapping[int, tuple[int, int]]) -> AsyncIterator[list[Any]]:
        """Every record of these ranges of a topic, a partition's in order of offset."""


class Exported(Struct):
    """What one run has done to a topic."""

    topic: str
    records: int = 0  # written
    files: int = 0
    skipped: int = 0  # clocks, and what no reader of this release understands
    lost: int = 0  # offsets that retention or compaction had taken before they were exported


class _Partition:
    """One partition's records since the last file."""

    def __init__(self, directory: Path, topic: str, number: int, begin: int, told: Exported, most: int) -> None:
        self._directory = directory
        self._topic = topic
        self._number = number
        self._begin = self._end = begin
        self._told = told
        self._most = most
        self._rows: list[Row] = []
        self._taken = 0
        self._day: int | None = None

    def take(self, record: Any) -> None:
        day = record.timestamp // _DAY_MS
        if self._taken and (day != self._day or self._taken >= self._most):
            self.write(record.offset)
        self._day = day
        self._taken += 1
        self._told.lost += record.offset - self._end
        self._end = record.offset + 1
        row = row_of(self._topic, record)
        if row is None:
            self._told.skipped += 1
        else:
            self._rows.append(row)

    def write(self, end: int) -> None:
        """Everything up to this offset is known: make a file of it."""
        if self._taken and self._day is not None:
            day = datetime.fromtimestamp(self._day * 86_400, UTC).date().isoformat()
            span = files.Span(self._topic, day, self._number, self._begin, end)
            files.write(self._directory, span, table_of(self._topic, self._rows))
            self._told.files += 1
            self._told.records += len(self._rows)
        self._rows, self._taken = [], 0
        self._begin = end


async def export(
    source: Source,
    directory: Path,
    topics: Iterable[str] = TOPICS,
    *,
    most: int = RECORDS,
    progress: Callable[[str, int], None] = lambda topic, records: None,
) -> list[Exported]:
    """Write what is in the log now and not in the directory yet.

    progress: told the topic and how many records were read.  ExportError: the directory has something else.
    """
    done = []
    with files.locked(directory):
        files.clear(directory)
        for topic in topics:
            told = await _topic(source, directory, topic, most, progress)
            done.append(told)
    return done


async def _topic(
    source: Source, directory: Path, topic: str, most: int, progress: Callable[[str, int], None]
) -> Exported:
    told, read = Exported(topic), 0
    known = files.ends(files.spans(directory, topic))
    bounds = await source.bounds(topic)
    ranges = {}
    for number, (begin, end) in bounds.items():
        at = known.get(number, begin)
        if at > end:
            raise files.ExportError(
                f"{directory} has {topic} partition {number} up to offset {at}, and the log ends at {end}: it is the "
                "export of another deployment; export into an empty directory"
            )
        ranges[number] = (max(at, begin), end)
        told.lost += max(0, begin - at)
    partitions = {
        number: _Partition(directory, topic, number, begin, told, most) for number, (begin, _) in ranges.items()
    }
    async for records in source.batches(topic, ranges):
        partition = partitions[records[0].partition]
        for record in records:
            partition.take(record)
        read += len(records)
        progress(topic, read)
    for number, partition in partitions.items():
        partition.write(ranges[number][1])
    return told


async def run(
    servers: str, prefix: str, directory: Path, topics: Iterable[str], most: int, progress: Callable[[str, int], None]
) -> list[Exported]:
    """From a deployment."""
    async with Log.open(servers, prefix) as log:
        return await export(log, directory, topics, most=most, progress=progress)
