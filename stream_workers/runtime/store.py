"""One partition's table in RocksDB: a local copy of what the changelog says, never ahead of it."""

import contextlib
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from rocksdict import AccessType, BlockBasedOptions, Cache, Options, Rdict, ReadOptions, WriteBatch, WriteOptions

from schemas.errors import CroupierError

_META: Final = b"\x00meta"

#: RocksDB's default would be a cache of 2 GiB for every partition under Faust; all partitions here share this one.
_BLOCK_CACHE_BYTES: Final = 64 * 1024 * 1024
_WRITE_BUFFER_BYTES: Final = 8 * 1024 * 1024
_READ_AHEAD_BYTES: Final = 4 * 1024 * 1024
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


class TableDamagedError(CroupierError):
    """A table cannot be read, or has lost something; it is thrown away when it is opened the next time."""


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
        self._damaged = path.with_name(f"{path.name}.damaged")
        if self._damaged.exists():
            shutil.rmtree(path, ignore_errors=True)
            self._damaged.unlink(missing_ok=True)
        _refuse_lost_files(path)
        self._db = Rdict(str(path), options=_options())
        try:
            data = self._db.get(_META)
            self.meta = _meta_decoder.decode(data) if data else Meta()
        except Exception:
            self._db.close()  # else its lock would stand in the way of the one that is built anew
            raise
        self.loading = False  # something was written without RocksDB's log

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or None."""
        try:
            value: bytes | None = self._db.get(key)
        except Exception as error:  # rocksdict has one type for all errors
            raise self._damage(error) from error
        return value

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Every key that starts with `prefix`, in order."""
        last = prefix
        # To be kept as long as the scan lasts.  RocksDB reads the bound where Python has it, and rocksdict 0.3.29 does
        # not hold on to it: memory that was let go soon becomes something else, and the scan ends too early, or goes on
        # with the keys of others.
        options = _scanning(prefix)
        try:
            for key, value in self._db.items(from_key=prefix, read_opt=options):
                if not key.startswith(prefix):
                    raise TableDamagedError(f"{key!r} was read where all keys begin with {prefix!r}")
                last = key
                if key != _META:
                    yield key, value
            self._check_end(prefix, last)
        except Exception as error:
            raise self._damage(error) from error

    def _check_end(self, prefix: bytes, last: bytes) -> None:
        """Raise if what follows `last` should have been read, or cannot be: there rocksdict's `items` ends silently."""
        following = self._db.iter()
        following.seek(last)
        while following.valid() and following.key() in (last, _META):
            following.next()
        following.status()
        if following.valid() and following.key().startswith(prefix):
            raise TableDamagedError(f"reading ended after {last!r}, before {following.key()!r}")

    def _damage(self, error: Exception) -> TableDamagedError:
        with contextlib.suppress(OSError):  # a disk that takes no writes: it will be found damaged again
            self._damaged.touch()
        return TableDamagedError(
            f"the local table {self.path} cannot be read ({error}); it will be built anew from the changelog"
        )

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


def _refuse_lost_files(path: Path) -> None:
    """TableDamagedError if there are tables that RocksDB's manifest does not name.

    A manifest that lost its end (a crash of the machine) names an older set of files.  RocksDB would delete the others,
    read its newest log on top, and lose what lay between without a word.
    """
    present = {file.name for file in path.glob("*.sst")}
    if not present:
        return
    db = Rdict(str(path), options=_options(), access_type=AccessType.read_only())
    named = {Path(each["name"]).name for each in db.live_files()}
    db.close()
    if lost := present - named:
        raise TableDamagedError(f"{path} has files that its manifest does not name: {', '.join(sorted(lost))}")


def _scanning(prefix: bytes) -> ReadOptions:
    """For reading what begins with a prefix: as much at a time, and nothing is kept that will not be read again."""
    options = ReadOptions()
    options.set_readahead_size(_READ_AHEAD_BYTES)
    options.fill_cache(False)
    if head := prefix.rstrip(b"\xff"):
        options.set_iterate_upper_bound(head[:-1] + bytes([head[-1] + 1]))
    return options


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
