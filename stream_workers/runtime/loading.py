"""One local table on its way to what its changelog says.

Changelogs hold a key many times over; of what is read at once only the last value is written, and RocksDB gets it in
large batches.  Each of them carries the changelog offset it reflects, so a crash in between costs what is in memory.
"""

from collections.abc import Iterable
from time import time
from typing import Any, Final

from .changelog import Applied, Replay
from .store import Meta, PartitionStore

#: So much is read before it is written; in memory for each table at a time.
_CHUNK_BYTES: Final = 4 * 1024 * 1024
#: Less than this is written through RocksDB's log: a flush of the table's memory to disk would cost more.
_LOGGED_BYTES: Final = 1024 * 1024


class Loading:
    """Takes the record batches of one changelog partition in order, in whatever thread, one call at a time.

    Offsets are of the next record.  They count what is read; records that compaction took are read at once.
    """

    def __init__(self, store: PartitionStore, end: int) -> None:
        meta = store.meta
        self.replay = Replay(meta.next_offset, (meta.era, meta.generation))
        self.begin = self.at = meta.next_offset
        self.end = end
        self._store = store
        self._sure: Applied | None = None
        self._written = 0  # of the bytes read

    @property
    def bytes(self) -> int:
        """Of keys and values read."""
        return self.replay.bytes_fed

    def take(self, batches: Iterable[Any]) -> None:
        """The next batches fetched."""
        for batch in batches:
            sure = self.replay.feed_all(batch, self.at, self.end)
            self.at = max(self.at, min(batch.next_offset, self.end))
            if sure is not None:
                self._sure = sure if self._sure is None else self._sure.then(sure)
                if self.bytes - self._written >= _CHUNK_BYTES:
                    self._write()

    def finish(self) -> None:
        """Nothing more is read for now: what is certain is in the table."""
        self.at = self.end  # compaction may have taken the last offsets
        self._write()
        self._store.settle()

    def _write(self) -> None:
        sure, size = self._sure, self.bytes - self._written
        self._sure, self._written = None, self.bytes
        if sure is None:
            return
        meta = self._store.meta
        positions = meta.positions if sure.positions is None else sure.positions
        version = meta.state_version if sure.state_version is None else sure.state_version
        write = self._store.write if size < _LOGGED_BYTES and not self._store.loading else self._store.load
        write(dict(sure.entries).items(), Meta(sure.next_offset, *sure.rank, positions, time(), version))
