"""A table whose files were cut or changed never passes for a whole one."""

import random
import shutil
import time
from pathlib import Path

import pytest

from stream_workers.runtime import store as store_module
from stream_workers.runtime.recovery import Stores
from stream_workers.runtime.store import Meta, PartitionStore, TableDamagedError


@pytest.fixture(autouse=True)
def small_buffers(monkeypatch):
    """Many files soon."""
    monkeypatch.setattr(store_module, "_WRITE_BUFFER_BYTES", 64 * 1024)


def fill(path, rng, copy_to):
    """Random checkpoints in one or more openings; the state after each.  `copy_to`: as a crash leaves the last one."""
    states = [{}]
    openings = rng.randint(1, 3)
    for opening in range(openings):
        store = PartitionStore(path)
        for _ in range(rng.randint(5, 100)):
            state = dict(states[-1])
            entries = []
            for _ in range(rng.randint(1, 10)):
                key = b"k%d" % rng.randrange(50)
                value = None if rng.random() < 0.1 else rng.randbytes(rng.randint(10, 3000))
                entries.append((key, value))
                state.pop(key, None)
                if value is not None:
                    state[key] = value
            store.write(entries, Meta(next_offset=len(states)))
            states.append(state)
        if opening == openings - 1:
            copy(path, copy_to)
        store.close()
    return states


def copy(source, target):
    while True:
        shutil.rmtree(target, ignore_errors=True)
        try:
            shutil.copytree(source, target)
        except shutil.Error:  # RocksDB took a file away meanwhile
            time.sleep(0.02)
        else:
            return


@pytest.mark.parametrize(("kind", "tables"), [("MANIFEST-*", 14), ("*.log", 4), ("*.sst", 4), ("CURRENT", 2)])
def test_a_table_with_a_file_cut_anywhere_is_refused_or_at_one_moment_of_its_past(tmp_path, kind, tables):
    """After a crash, with one file cut: either it cannot be opened, or what is in it is the state after the very
    checkpoint that its metadata names.  (RocksDB alone opened one manifest in thirty with checkpoints missing.)"""
    refused = 0
    for seed in range(tables):
        rng = random.Random(seed)
        crashed = tmp_path / f"crashed-{seed}"
        states = fill(tmp_path / f"table-{seed}", rng, crashed)
        files = sorted(crashed.glob(kind))
        if not files:
            continue
        with rng.choice(files).open("r+b") as file:
            file.truncate(int(Path(file.name).stat().st_size * rng.random()))
        try:
            store = PartitionStore(crashed)
        except Exception:
            refused += 1
            continue
        assert dict(store.scan(b"")) == states[store.meta.next_offset]
        store.close()
    assert refused or kind == "*.log"


def test_a_table_that_cannot_be_read_is_built_anew_when_it_is_opened_again(tmp_path):
    """Bytes change within a file of its size: reading raises the table's own error, which no record is blamed for, and
    the next opening finds an empty table."""
    stores = Stores(tmp_path)
    store = stores.get("joiner", 0)
    store.write([(b"k%03d" % number, random.Random(number).randbytes(3000)) for number in range(100)], Meta(7))
    stores.close()
    stores.get("joiner", 0)  # what was in the log is in a file now
    stores.close()
    for file in (tmp_path / "joiner-0").glob("*.sst"):
        with file.open("r+b") as opened:
            opened.seek(20_000)  # what comes first is read when the table is opened
            opened.write(bytes(100_000))
    store = stores.get("joiner", 0)
    with pytest.raises(TableDamagedError, match="built anew from the changelog"):
        dict(store.scan(b"k"))
    with pytest.raises(TableDamagedError):
        store.get(b"k020")
    stores.close()
    again = stores.get("joiner", 0)
    assert again.meta == Meta()
    assert dict(again.scan(b"")) == {}
    stores.close()


def test_a_table_whose_first_block_is_damaged_is_built_anew_at_once(tmp_path):
    """Its metadata cannot be read: it is thrown away when it is opened, and its lock is not in the way."""
    stores = Stores(tmp_path)
    store = stores.get("joiner", 0)
    store.write([(b"k%03d" % number, random.Random(number).randbytes(3000)) for number in range(100)], Meta(7))
    stores.close()
    stores.get("joiner", 0)
    stores.close()
    for file in (tmp_path / "joiner-0").glob("*.sst"):
        with file.open("r+b") as opened:
            opened.write(bytes(5_000))
    assert stores.get("joiner", 0).meta == Meta()
    stores.close()
