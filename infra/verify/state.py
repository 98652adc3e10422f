"""A stage's state in one partition as its changelog has it, each value with the offset it was written at."""

from collections.abc import Iterator, Sequence
from typing import Any

from schemas.errors import CroupierError
from stream_workers.runtime.changelog import Applied, Replay, is_control, stamp_of

from .findings import Fault, Findings, Place
from .table import Table


class ChangelogState:
    """The checkpoints that count, in order.  Feed it the changelog from its beginning."""

    def __init__(self, topic: str, partition: int, table: Table, fault: Fault, findings: Findings) -> None:
        """fault: of what kind an unreadable record is."""
        self.topic = topic
        self.partition = partition
        self.fault = fault
        self.positions: dict[str, int] = {}  # source topic -> offset of the next record; empty: no checkpoint yet
        self.version = 1  # of the stage that wrote the last checkpoint
        self._table = table
        self._findings = findings
        self._replay = Replay()
        self._offsets: dict[bytes, int] = {}  # of the records of the checkpoint that is not whole yet

    def feed(self, records: Sequence[Any]) -> None:
        """Take the changelog's next records."""
        for record in records:
            key = record.key or b""
            try:
                stamp = stamp_of(record.headers)
                if not is_control(key) and stamp.rank >= self._replay.rank:
                    self._offsets[key] = record.offset
                applied = self._replay.feed(record.offset, key, record.value, stamp)
            except (CroupierError, ValueError) as error:
                self._findings.add(self.fault, Place(self.topic, self.partition, record.offset), str(error))
                continue
            if applied is not None:
                self._apply(applied)

    def get(self, key: bytes) -> tuple[int, bytes] | None:
        """Offset and value of a key."""
        value = self._table.get(key)
        return None if value is None else (int.from_bytes(value[:8], "big"), value[8:])

    def scan(self, prefix: bytes = b"") -> Iterator[tuple[bytes, int, bytes]]:
        """Key, offset and value of every key that starts with `prefix`, in order of key."""
        for key, value in self._table.scan(prefix):
            yield key, int.from_bytes(value[:8], "big"), value[8:]

    def wrong(self, offset: int | None, detail: str) -> None:
        """Count a fault at an offset of the changelog; None: of what is not there."""
        self._findings.add(self.fault, Place(self.topic, self.partition, offset), detail)

    def other_version(self, sentence: str) -> None:
        """Note that it cannot be compared."""
        self._findings.skip(sentence)

    def misplaced(self, offset: int, detail: str) -> None:
        """Count a key that belongs to another partition's state."""
        self._findings.add(Fault.TENANT_MISPLACED, Place(self.topic, self.partition, offset), detail)

    def _apply(self, applied: Applied) -> None:
        for key, value in applied.entries:
            if value is None:
                self._table.delete(key)
            else:
                self._table.put(key, self._offsets.get(key, 0).to_bytes(8, "big") + value)
        if applied.positions is not None:
            self.positions = applied.positions
            self.version = applied.state_version or 1
            self._offsets.clear()
