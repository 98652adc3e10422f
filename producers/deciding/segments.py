"""Records on disk until Kafka has them: append-only files with checksums, in one directory of one process.

    0000000000000007.spool   records, one after another: 4 bytes that begin each, length and CRC-32, then the bytes
    acknowledged             up to where Kafka has them: number of a file and offset in it, with a CRC-32
    lock                     held by the process that uses the directory

What was written when `write` returned is there after SIGKILL and after a loss of power.  A torn record at the end, or
one that the disk has damaged, is passed over, and all others are read.  `acknowledged` is not waited for: after a loss
of power some records may be read again.
"""

import fcntl
import os
import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, NamedTuple

from schemas.errors import CroupierError

_BEGIN: Final = b"\x9d\xc1\xf1\x0a"  # 0xc1 is in no MessagePack
_HEAD: Final = struct.Struct("<4sII")
_LENGTH: Final = struct.Struct("<I")
_POSITION: Final = struct.Struct("<QQ")
_NAME: Final = re.compile(r"(\d{16})\.spool")

#: A longer record is none.
MOST_BYTES: Final = 1 << 20


class Position(NamedTuple):
    """Records before it are done with."""

    number: int
    offset: int


@dataclass(slots=True)
class _Segment:
    number: int
    path: Path
    size: int  # bytes that are surely on disk


def frame(record: bytes) -> bytes:
    """A record as it is written."""
    length = _LENGTH.pack(len(record))
    return _HEAD.pack(_BEGIN, len(record), zlib.crc32(record, zlib.crc32(length))) + record


def records_in(data: bytes, offset: int = 0) -> Iterator[tuple[bytes, int]]:
    """Whole records and the offsets after them; what is none is passed over."""
    while True:
        offset = data.find(_BEGIN, offset)
        if offset < 0 or offset + _HEAD.size > len(data):
            return
        _, length, checksum = _HEAD.unpack_from(data, offset)
        end = offset + _HEAD.size + length
        record = data[offset + _HEAD.size : end]
        if (
            length <= MOST_BYTES
            and end <= len(data)
            and checksum == zlib.crc32(record, zlib.crc32(_LENGTH.pack(length)))
        ):
            yield record, end
            offset = end
        else:
            offset += 1


class Segments:
    """The files.  Every method waits for the disk; one thread at a time.

    segment_bytes: a file that has reached this is not appended to any more.
    CroupierError: another process uses the directory, or it can not be used.
    """

    def __init__(self, directory: Path, segment_bytes: int) -> None:
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._file: int | None = None  # the last segment, where it is appended to
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = _lock(directory)
            self._position_file = os.open(directory / "acknowledged", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise CroupierError(
                f"events can not be kept in {directory} while Kafka is away ({error}): is it a directory that this "
                "user may write to, on a disk that is not full?"
            ) from error
        self._segments = self._found()
        self._begin = self._known_position()
        counts = [self._count(segment) for segment in self._segments]
        #: Records that are not acknowledged.
        self.records = sum(counts)
        for segment, count in zip(list(self._segments), counts, strict=True):
            if not count:
                self._delete(segment)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(segment.size for segment in self._segments)

    def write(self, frames: Iterable[bytes]) -> None:
        """Append records (`frame`).  They are on disk when this returns; OSError: it is not known which are."""
        frames = list(frames)
        data = b"".join(frames)
        segment = self._segments[-1] if self._file is not None else None
        if segment is None or segment.size >= self._segment_bytes:
            segment = self._begin_segment()
        assert self._file is not None
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(self._file, data[written:], segment.size + written)
            os.fdatasync(self._file)
        except OSError:
            self._end_segment()  # what is on disk of it is not known: never append there again
            if segment.size == 0:
                self._segments.remove(segment)
            raise
        segment.size += len(data)
        self.records += len(frames)

    def read(self, most: int) -> tuple[list[bytes], Position]:
        """At most so many records that are not acknowledged, oldest first, and the position after them."""
        for segment in self._segments:
            found: list[bytes] = []
            end = self._offset(segment)
            for record, after in records_in(_content(segment), end):
                found.append(record)
                end = after
                if len(found) == most:
                    break
            if found:
                return found, Position(segment.number, end)
        self.records = 0  # what was counted can not be read any more
        return [], self._begin

    def acknowledge(self, position: Position, records: int) -> None:
        """Kafka has so many more records, up to this position; files that nobody needs any more go."""
        self._begin = position
        self.records = max(self.records - records, 0)
        packed = _POSITION.pack(*position)
        os.pwrite(self._position_file, packed + _LENGTH.pack(zlib.crc32(packed)), 0)
        if self.records == 0:
            self._end_segment()
        while self._segments and self._is_done(self._segments[0]):
            self._delete(self._segments[0])

    def close(self) -> None:
        """Let another process have the directory."""
        self._end_segment()
        os.close(self._position_file)
        self._lock.close()

    def _offset(self, segment: _Segment) -> int:
        """Of the first record that is not acknowledged."""
        if segment.number == self._begin.number:
            return self._begin.offset
        return segment.size if segment.number < self._begin.number else 0

    def _count(self, segment: _Segment) -> int:
        return sum(1 for _ in records_in(_content(segment), self._offset(segment)))

    def _is_done(self, segment: _Segment) -> bool:
        """Whether nobody needs it any more."""
        if self._file is not None and segment is self._segments[-1]:
            return False
        return next(records_in(_content(segment), self._offset(segment)), None) is None

    def _delete(self, segment: _Segment) -> None:
        segment.path.unlink(missing_ok=True)
        self._segments.remove(segment)

    def _found(self) -> list[_Segment]:
        found = []
        for path in self._directory.iterdir():
            matched = _NAME.fullmatch(path.name)
            if matched is not None:
                found.append(_Segment(int(matched[1]), path, path.stat().st_size))
        return sorted(found, key=lambda segment: segment.number)

    def _known_position(self) -> Position:
        stored = os.pread(self._position_file, _POSITION.size + _LENGTH.size, 0)
        packed, checksum = stored[: _POSITION.size], stored[_POSITION.size :]
        if len(checksum) == _LENGTH.size and _LENGTH.unpack(checksum)[0] == zlib.crc32(packed):
            return Position(*_POSITION.unpack(packed))
        return Position(0, 0)

    def _begin_segment(self) -> _Segment:
        self._end_segment()
        number = max([self._begin.number, *(segment.number for segment in self._segments)]) + 1
        segment = _Segment(number, self._directory / f"{number:016d}.spool", 0)
        file = os.open(segment.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            directory = os.open(self._directory, os.O_RDONLY)
            try:
                os.fsync(directory)  # or the file itself could be gone after a loss of power
            finally:
                os.close(directory)
        except OSError:
            os.close(file)
            raise
        self._file = file
        self._segments.append(segment)
        return segment

    def _end_segment(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _content(segment: _Segment) -> bytes:
    with segment.path.open("rb") as file:
        return file.read(segment.size)


def _lock(directory: Path) -> IO[str]:
    file = (directory / "lock").open("a", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise CroupierError(
            f"another process keeps its events in {directory}: give each process a directory of its own"
        ) from None
    return file
