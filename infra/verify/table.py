"""What must be remembered per id: maps of bytes in memory, and on disk as soon as they are large."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Self

from rocksdict import BlockBasedOptions, Cache, Options, Rdict, WriteBatch

#: What one table keeps in memory before it goes to disk; 12 tables are open at a time.
MEMORY_BYTES: Final = 8 * 1024 * 1024
_ENTRY_BYTES: Final = 150  # of a dictionary's entry, beside key and value
_BLOCK_CACHE_BYTES: Final = 32 * 1024 * 1024
_WRITE_BUFFER_BYTES: Final = 4 * 1024 * 1024


class Table:
    """A map from bytes to bytes; a `stage.State`.  Up to `memory_bytes` nothing is on disk."""

    def __init__(self, place: Callable[[], Path], cache: Cache, memory_bytes: int = MEMORY_BYTES) -> None:
        """place: a directory of its own, asked for when it is needed."""
        self._place = place
        self._cache = cache
        self._limit = memory_bytes
        self._fresh: dict[bytes, bytes | None] = {}  # None: deleted
        self._size = 0
        self._db: Rdict | None = None

    def get(self, key: bytes) -> bytes | None:
        """The last value put, or None."""
        if key in self._fresh:
            return self._fresh[key]
        if self._db is None:
            return None
        value: bytes | None = self._db.get(key)
        return value

    def put(self, key: bytes, value: bytes) -> None:
        """Keep `value` under `key`."""
        self._fresh[key] = value
        self._size += len(key) + len(value) + _ENTRY_BYTES
        if self._size > self._limit:
            self._spill()

    def delete(self, key: bytes) -> None:
        """Forget `key`."""
        if self._db is None:
            self._fresh.pop(key, None)
        else:
            self._fresh[key] = None
            self._size += len(key) + _ENTRY_BYTES

    def scan(self, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Every key that starts with `prefix`, in order of key.  Not to be changed while scanning."""
        if self._db is None:
            for key in sorted(key for key in self._fresh if key.startswith(prefix)):
                value = self._fresh[key]
                if value is not None:
                    yield key, value
            return
        self._spill()
        for key, value in self._db.items(from_key=prefix):
            if not key.startswith(prefix):
                return
            yield key, value

    def close(self) -> None:
        """Release memory and disk."""
        self._fresh.clear()
        if self._db is not None:
            self._db.close()
            self._db = None

    def _spill(self) -> None:
        if self._db is None:
            self._db = Rdict(str(self._place()), options=_options(self._cache))
            self._db.set_write_options(_not_logged())
        batch = WriteBatch(raw_mode=True)
        for key, value in self._fresh.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        self._db.write(batch)
        self._fresh.clear()
        self._size = 0


class Tables:
    """The tables of one partition, in a directory that is gone when they are closed."""

    def __init__(self, directory: Path | None = None, memory_bytes: int = MEMORY_BYTES) -> None:
        """directory: on a disk with room for what is remembered; None: the system's for temporary files."""
        self._directory = directory
        self._limit = memory_bytes
        self._cache = Cache(_BLOCK_CACHE_BYTES)
        self._path: Path | None = None
        self._open: dict[str, Table] = {}

    def table(self, name: str) -> Table:
        """The table of this name, new at first."""
        if name not in self._open:
            self._open[name] = Table(lambda: self._root() / name, self._cache, self._limit)
        return self._open[name]

    def _root(self) -> Path:
        if self._path is None:
            self._path = Path(tempfile.mkdtemp(prefix="croupier-verify-", dir=self._directory))
        return self._path

    def close(self) -> None:
        """Forget everything."""
        for table in self._open.values():
            table.close()
        self._open.clear()
        if self._path is not None:
            shutil.rmtree(self._path, ignore_errors=True)
            self._path = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _options(cache: Cache) -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(_WRITE_BUFFER_BYTES)
    options.set_max_write_buffer_number(2)
    options.set_max_open_files(64)
    table = BlockBasedOptions()
    table.set_block_cache(cache)
    table.set_bloom_filter(10, block_based=False)
    options.set_block_based_table_factory(table)
    return options


def _not_logged() -> object:
    from rocksdict import WriteOptions

    options = WriteOptions()
    options.disable_wal = True  # nobody needs it after a crash
    return options
