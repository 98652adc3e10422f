"""Local tables, the view over them, and the lease."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rocksdict import ReadOptions

from schemas.errors import CroupierError
from stream_workers.runtime import store as store_module
from stream_workers.runtime.changelog import Entry
from stream_workers.runtime.lease import Lease
from stream_workers.runtime.recovery import Stores
from stream_workers.runtime.stage import MemoryState
from stream_workers.runtime.state import CheckpointedState
from stream_workers.runtime.store import Meta, PartitionStore, TableDamagedError

KEYS = st.sampled_from([b"a", b"ab", b"abc", b"b", b"c\x00d"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.binary(max_size=4)),
        st.tuples(st.just("delete"), KEYS, st.just(b"")),
        st.tuples(st.just("take"), st.just(b""), st.just(b"")),
        st.tuples(st.just("taken"), st.just(b""), st.just(b"")),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_the_view_is_a_dictionary_whatever_is_dirty_leaving_or_stored(tmp_path_factory, steps):
    """Reads and scans equal a plain dictionary's at any point of a checkpoint; the store ends with the same items."""
    store = PartitionStore(tmp_path_factory.mktemp("store") / "table")
    view, model, leaving = CheckpointedState(store), MemoryState(), None
    for step, key, value in steps:
        if step == "put":
            view.put(key, value)
            model.put(key, value)
        elif step == "delete":
            view.delete(key)
            model.delete(key)
        elif step == "take" and leaving is None:
            leaving = view.take()
        elif step == "taken" and leaving is not None:
            store.write(leaving, Meta())
            view.taken()
            leaving = None
        assert {k: view.get(k) for k in (b"a", b"ab", b"zz")} == {k: model.get(k) for k in (b"a", b"ab", b"zz")}
        assert list(view.scan(b"a")) == list(model.scan(b"a"))
    if leaving is not None:
        store.write(leaving, Meta())
        view.taken()
    store.write(view.take(), Meta(7))
    view.taken()
    assert dict(store.scan(b"")) == model.items
    store.close()
    again = PartitionStore(store.path)
    assert dict(again.scan(b"")) == model.items
    assert again.meta.next_offset == 7
    again.close()


@pytest.mark.parametrize("prefix", [b"p", b"pq", b"prefix/", b"\x01ordinals/", b"p" * 40, b"p\xff", b"\xff\xff"])
def test_a_scan_is_of_its_prefix_whatever_memory_is_used_for_meanwhile(tmp_path, prefix):
    """All keys of the prefix and no others, for keys and values of any size: where the scan ends was once read from
    memory that had been let go, and had by then become the first key or value read (or another thread's anything)."""
    store, keys = PartitionStore(tmp_path / "table"), []
    others = [b"\x01", b"applied", b"domain/", prefix[:-1] or b"\x02", b"zz", b"\xff" * 50]
    for tail, value in itertools.product((1, 4, 8, 20), (b"\x00" * 9, b"\xff" * 9, b"\xff" * 15, b"\xff" * 600)):
        store.write([(key, None) for key in keys], Meta())
        keys = sorted({*(prefix + bytes([number]) * tail for number in range(3)), *others})
        store.write([(key, value) for key in keys], Meta(1))
        scanned = []
        for key, _ in store.scan(prefix):
            scanned.append(key)
            assert [len(bytes(size)) for size in range(200)]  # memory of every small size is used again
        assert scanned == [key for key in keys if key.startswith(prefix)]
    store.close()


def test_a_scan_that_left_its_prefix_or_ended_before_its_end_is_an_error(tmp_path, monkeypatch):
    """Whatever a later rocksdict does with the bound: the wrong keys never pass for a table's."""
    store = PartitionStore(tmp_path / "table")
    store.write([(key, b"value") for key in (b"pa", b"pb", b"pc", b"q")], Meta(1))
    for bound in (b"pc", b"z"):
        options = ReadOptions()
        options.set_iterate_upper_bound(bound)
        monkeypatch.setattr(store_module, "_scanning", lambda prefix, options=options: options)
        with pytest.raises(TableDamagedError):
            list(store.scan(b"p"))
    store.close()
    assert PartitionStore(store.path).meta == Meta()


def test_a_damaged_table_is_rebuilt_and_a_shared_one_refused(tmp_path):
    """Garbage in the directory does not stop a worker; a directory that another worker uses does, with the reason."""
    stores = Stores(tmp_path)
    table = stores.get("stage", 0)
    table.write([Entry(b"k", b"v")], Meta(5))
    with pytest.raises(CroupierError, match="state directory of its own"):
        Stores(tmp_path).get("stage", 0)
    stores.close()
    for each in (tmp_path / "stage-0").glob("MANIFEST*"):
        each.write_bytes(b"garbage")
    fresh = stores.get("stage", 0)
    assert fresh.get(b"k") is None
    assert fresh.meta == Meta()
    stores.close()


def test_a_lease_is_lost_by_standing_still_only():
    """Renewed in time it holds; one standstill longer than its length is noticed at the next check."""
    now, lost = [0.0], []
    lease = Lease(2.0, lost.append, clock=lambda: now[0])
    for _ in range(10):
        now[0] += 1.9
        lease.renew()
    assert lost == []
    now[0] += 2.1
    lease.check()
    assert [round(each, 6) for each in lost] == [2.1]


def test_a_directory_that_takes_no_writes_is_refused_before_anything_is_promised(tmp_path):
    """A worker finds out before it joins its group; a good directory is left as it was."""
    Stores(tmp_path / "good").check_writable()
    assert list((tmp_path / "good").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(CroupierError, match="takes no writes"):
        Stores(tmp_path / "file" / "tables").check_writable()
