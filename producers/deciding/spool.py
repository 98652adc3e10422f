"""What Kafka could not be told yet, on disk, within a bound: written by many, sent in order by one.

Writers that come while the disk is busy share its next write (group commit).  When three quarters are taken no contexts
are kept any more, so that what people said of answers they have got finds room for longer.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple, TypeVar, TypeVarTuple

import msgspec
import structlog

from schemas.topics import CONTEXTS

from .choice import SpoolFullError
from .metrics import PathMetrics
from .segments import Position, Segments, frame

DEFAULT_BYTES: Final = 64 * 1024 * 1024

#: Share of the bound that contexts may fill.
_CONTEXTS: Final = 0.75
_SEGMENT_BYTES: Final = 1024 * 1024

_log = structlog.get_logger(__name__)

Given = TypeVarTuple("Given")
Result = TypeVar("Result")


class Entry(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A record for Kafka; its key is the tenant."""

    topic: str  # as in schemas.topics, without prefix
    tenant: str
    value: bytes


class Chunk(NamedTuple):
    """The oldest entries, and where they end."""

    entries: tuple[Entry, ...]
    records: int  # on disk: entries, and what nobody can read
    end: Position


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Entry).decode


class Spool:
    """Use on one event loop, between `open` and `close`."""

    def __init__(self, directory: Path, limit_bytes: int, metrics: PathMetrics) -> None:
        """limit_bytes: on disk.  The directory is this process's alone."""
        self._directory = directory
        self._limit = limit_bytes
        self._metrics = metrics
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._pending = 0  # entries not on disk yet, and their bytes
        self._pending_bytes = 0
        self._records = 0  # on disk
        self._bytes = 0
        self._closing = False
        self._wake = asyncio.Event()
        self._filled = asyncio.Event()
        self._segments: Segments
        self._writer: asyncio.Task[None]
        self._told_full: set[str] = set()

    @property
    def backlog(self) -> int:
        """Entries that Kafka does not have yet."""
        return self._records + self._pending

    async def open(self) -> None:
        """Take up what is on disk.  CroupierError: the directory can not be used."""
        segment = min(_SEGMENT_BYTES, max(self._limit // 16, 4096))
        try:
            self._segments = await self._run(Segments, self._directory, segment)
        except BaseException:
            self._thread.shutdown(wait=False)
            raise
        self._writer = asyncio.create_task(self._write())
        self._note()
        if self._records:
            _log.warning(
                "events of an earlier run wait for Kafka: they are sent as soon as it answers",
                events=self._records,
                directory=str(self._directory),
            )

    async def close(self) -> None:
        """Write what waits, and let the directory go."""
        self._closing = True
        self._wake.set()
        await self._writer
        await self._run(self._segments.close)
        self._thread.shutdown()

    def offer(self, entry: Entry) -> asyncio.Future[None] | None:
        """Keep an entry; the future is done when it is on disk.  None: there is no room, which was counted."""
        if self._closing:
            self._metrics.dropped.labels("closed").inc()
            return None
        framed = frame(_encode(entry))
        taken = self._bytes + self._pending_bytes + len(framed)
        if taken > self._limit * (_CONTEXTS if entry.topic == CONTEXTS.name else 1.0):
            self._metrics.dropped.labels(entry.topic).inc()
            self._tell_full(entry.topic)
            return None
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_seen)
        self._waiting.append((framed, future))
        self._pending += 1
        self._pending_bytes += len(framed)
        self._wake.set()
        return future

    async def append(self, entry: Entry) -> None:
        """Keep an entry; it is on disk when this returns.  SpoolFullError: it is not kept."""
        future = self.offer(entry)
        if future is None:
            raise SpoolFullError(
                f"not recorded: {self._directory} holds all of the {self._limit} bytes that may wait for Kafka there. "
                "It is sent as soon as Kafka answers; until then nothing more can be kept"
            )
        try:
            await asyncio.shield(future)
        except OSError as error:
            raise SpoolFullError(f"not recorded: {self._directory} can not be written ({error})") from error

    async def filled(self) -> None:
        """Wait until there is something to send."""
        while not self._records:
            self._filled.clear()
            await self._filled.wait()

    async def read(self, most: int) -> Chunk:
        """The oldest entries on disk, at most so many."""
        records, end = await self._run(self._segments.read, most)
        self._note()
        entries = []
        for record in records:
            try:
                entries.append(_decode(record))
            except msgspec.MsgspecError:  # of a newer release, or nobody's: it can not be sent
                self._metrics.dropped.labels("unreadable").inc()
        return Chunk(tuple(entries), len(records), end)

    async def acknowledge(self, chunk: Chunk) -> None:
        """Kafka has these."""
        await self._run(self._segments.acknowledge, chunk.end, chunk.records)
        self._note()
        if self._bytes <= self._limit * _CONTEXTS / 2:
            self._told_full.clear()

    async def _run(self, function: Callable[[*Given], Result], *arguments: *Given) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    async def _write(self) -> None:
        while self._waiting or not self._closing:
            await self._wake.wait()
            self._wake.clear()
            group, self._waiting = self._waiting, []
            if group:
                await self._write_group(group)

    async def _write_group(self, group: Sequence[tuple[bytes, asyncio.Future[None]]]) -> None:
        try:
            await self._run(self._segments.write, [framed for framed, _ in group])
        except OSError as error:
            _log.error(
                "events can not be kept on disk while Kafka is away: make room, or choose another directory",
                directory=str(self._directory),
                error=str(error),
                events=len(group),
            )
            self._metrics.dropped.labels("disk").inc(len(group))
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
        else:
            for _, future in group:
                if not future.done():
                    future.set_result(None)
        self._pending -= len(group)
        self._pending_bytes -= sum(len(framed) for framed, _ in group)
        self._note()
        self._filled.set()

    def _note(self) -> None:
        self._records, self._bytes = self._segments.records, self._segments.size
        self._metrics.spool_bytes.set(self._bytes)
        self._metrics.spool_records.set(self._records)

    def _tell_full(self, topic: str) -> None:
        if topic not in self._told_full:
            self._told_full.add(topic)
            _log.error(
                "no room for more events until Kafka answers again: requests are not recorded first, feedback is "
                "refused last. Bring Kafka back, or allow more bytes",
                directory=str(self._directory),
                limit_bytes=self._limit,
                refused=topic,
            )


def _seen(future: asyncio.Future[None]) -> None:
    """Nobody has to wait for what was offered: an error was logged."""
    if not future.cancelled():
        future.exception()
