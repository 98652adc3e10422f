"""One partition's table in RocksDB: a local copy of what the changelog says, never ahead of it."""

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from rocksdict import BlockBasedOptions, Cache, Options, Rdict, WriteBatch, WriteOptions

_META: Final = b"\x00meta"

#: RocksDB's default would be a cache of 2 GiB for every partition under Faust; all partitions here share this one.
_BLOCK_CACHE_BYTES: Final = 64 * 1024 * 1024
_WRITE_BUFFER_BYTES: Final = 8 * 1024 * 1024
_cache = Cache(_BLOCK_CACHE_BYTES)
_unlogged = WriteOptions()
_unlogged.disable_wal = True


class Meta(msgspec.Struct, array_like=True, frozen=True):
    """What the table reflects; written in the same batch as the values."""

    next_offset: int = 0  # of the changelog
    era: int = -1
    generation: int = -1
    positions: dict[str, int] = {}
    written_at: float = 0.0  # seconds since 1970, by this machine's clock
    state_version: int = 1  # of the stage that wrote the values


_meta_decoder = msgspec.msgpack.Decoder(Meta)


def _options() -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(_WRITE_BUFFER_BYTES)
    options.set_max_write_buffer_number(2)
    options.set_max_open_files(64)
    table = BlockBasedOptions()
    table.set_block_cache(_cache)
    table.set_bloom_filter(10, block_based=False)
    options.set_block_based_table_factory(table)
    return options


class PartitionStore:
    """Keyed bytes with the metadata they belong to; every write is one atomic batch.

    A write survives the death of the process.  After a crash of the machine the table is at an earlier batch, which is
    as good: what follows is in the changelog.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = Rdict(str(path), options=_options())
        data = self._db.get(_META)
        self.meta = _meta_decoder.decode(data) if data else Meta()
        self.loading = False  # something was written without RocksDB's log

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or None."""
        value: bytes | None = self._db.get(key)
        return value

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Every key that starts with `prefix`, in order."""
        for key, value in self._db.items(from_key=prefix):
            if not key.startswith(prefix):
                return
            if key != _META:
                yield key, value

    def write(self, entries: Iterable[tuple[bytes, bytes | None]], meta: Meta) -> None:
        """Apply the entries in order, and remember what the table reflects now."""
        self.settle()  # after a crash a logged write must not stand without the unlogged ones before it
        self._db.write(_batch(entries, meta))
        self.meta = meta

    def load(self, entries: Iterable[tuple[bytes, bytes | None]], meta: Meta) -> None:
        """The same without RocksDB's log, for recovery: half the bytes.

        A crash takes the table back to an earlier write, whole: memory goes to disk in the order it was written.
        """
        self.loading = True
        self._db.write(_batch(entries, meta), _unlogged)
        self.meta = meta

    def settle(self) -> None:
        """Bring to disk what `load` left in memory."""
        if self.loading:
            self._db.flush()
            self.loading = False

    def close(self) -> None:
        """Release the files."""
        self._db.close()

    def clear(self) -> None:
        """Forget everything: the changelog will be read from its beginning."""
        self.close()
        shutil.rmtree(self.path, ignore_errors=True)
        self._db = Rdict(str(self.path), options=_options())
        self.loading = False
        self.meta = Meta()


def _batch(entries: Iterable[tuple[bytes, bytes | None]], meta: Meta) -> WriteBatch:
    batch = WriteBatch(raw_mode=True)
    put, delete = batch.put, batch.delete
    for key, value in entries:
        if value is None:
            delete(key)
        else:
            put(key, value)
    put(_META, msgspec.msgpack.encode(meta))
    return batch
