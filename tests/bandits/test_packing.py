"""Arrays in one buffer, and their bytes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_workers.bandits import layout, packing
from stream_workers.bandits.arrays import Arrangement, Arrays
from stream_workers.bandits.linear import DoublyRobust
from stream_workers.bandits.model import NAMES as NAMES_OF_MODEL
from stream_workers.bandits.packing import Packing, form_of, pack, unpack
from stream_workers.bandits.policy import Setting


def filled(K, m, d, seed=0):
    """An arrangement with a bit of everything, and numbers in it."""
    arrangement = Arrangement(
        {"x": (np.float64, (d,)), "n": (np.int64, (1,)), "P": (np.float64, (K, m, m)), "theta": (np.float64, (K, m))}
    )
    rng, arrays = np.random.default_rng(seed), Arrays(arrangement)
    arrays["x"][:] = rng.normal(size=d)
    arrays["n"][:] = rng.integers(1 << 60)
    symmetric = rng.normal(size=(K, m, m))
    arrays["P"][:] = symmetric + symmetric.transpose(0, 2, 1)
    arrays["theta"][:] = rng.normal(size=(K, m))
    return arrangement, arrays


NAMES = {"theta": "theta", "triangles": "P", "n": "n", "x": "x"}


@pytest.mark.parametrize("interpreted", [False, True])
@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.integers(1, 9), st.integers(0, 40), st.integers(0, 2**32), st.sampled_from(["", "kind.7"]))
def test_the_bytes_of_pack(interpreted, K, m, d, seed, form):
    """One call gives the bytes of `pack` over the same arrays, upper triangles by rows, and takes them back."""
    with pytest.MonkeyPatch.context() as patched:
        if interpreted:
            patched.setattr(packing, "gather", packing.gather.py_func)
            patched.setattr(packing, "scatter", packing.scatter.py_func)
        arrangement, arrays = filled(K, m, d, seed)
        both = Packing(arrangement, NAMES, frozenset({"P"}), form)
        upper = np.array([each[np.triu_indices(m)] for each in arrays["P"]])
        data = both.pack(arrays)
        expected = {"theta": arrays["theta"], "triangles": upper, "n": arrays["n"], "x": arrays["x"]}
        assert data == pack(expected, form)
        assert form_of(data) == form
        assert all((array == expected[name]).all() for name, array in unpack(data).items())
        again = Arrays(arrangement)
        both.unpack(data, again)
        assert again.data.tobytes() == arrays.data.tobytes()


def test_other_bytes_are_refused():
    """Bytes that end early or late, or have another name, type or shape in them, change nothing and are an error."""
    arrangement, arrays = filled(2, 3, 4)
    both = Packing(arrangement, NAMES, frozenset({"P"}))
    data = both.pack(arrays)
    others = [b"", data[:-1], data + b"\0", data.replace(b"theta", b"thetb"), data.replace(b"<i8", b"<u8")]
    arrangement_2, arrays_2 = filled(3, 3, 4)
    others.append(Packing(arrangement_2, NAMES, frozenset({"P"})).pack(arrays_2))
    fresh = Arrays(arrangement)
    for each in others:
        with pytest.raises(ValueError, match="rebuild it from the outcomes log"):
            both.unpack(each, fresh)
    assert not fresh.data.any()


def test_another_format_is_said():
    """Bytes of a kind's earlier format, or of another kind, are refused by name; so are those that say none."""
    arrangement, arrays = filled(2, 3, 4)
    squares = frozenset({"P"})
    reader = Packing(arrangement, NAMES, squares, "tree.2")
    for form, said in (("tree.1", r"format tree\.1.*tree\.2"), ("bush.2", r"bush\.2"), ("", "are not those of")):
        with pytest.raises(ValueError, match=said):
            reader.unpack(Packing(arrangement, NAMES, squares, form).pack(arrays), Arrays(arrangement))
    assert form_of(b"") == form_of(b"\xff") == form_of(b"\x91\x01") == ""


def test_many_arrays():
    """More arrays than a short list's head can count."""
    names = [f"a{i}" for i in range(20)]
    arrangement = Arrangement({name: (np.float64, (i,)) for i, name in enumerate(names)})
    arrays, again = Arrays(arrangement), Arrays(arrangement)
    for i, name in enumerate(names):
        arrays[name][:] = i
    both = Packing(arrangement, {name: name for name in names}, form="many.1")
    assert both.pack(arrays) == pack({name: arrays[name] for name in names}, "many.1")
    both.unpack(both.pack(arrays), again)
    assert again.data.tobytes() == arrays.data.tobytes()


def test_one_run_of_lines():
    """All arrays of a learner are in its buffer, begin on a cache line, and do not overlap."""
    policy = DoublyRobust(Setting(("a", "b", "c"), 5, 0.1))
    arrays = policy._arrays
    assert arrays.base % 64 == 0
    covered = np.zeros(arrays.data.nbytes, np.int64)
    for name in arrays.arrangement.parts:
        view = arrays[name]
        assert view.ctypes.data - arrays.base == arrays.arrangement.parts[name].at
        view[...] = 1
        at = arrays.arrangement.parts[name].at
        covered[at : at + view.nbytes] += 1
    assert (covered == 1).all()


@pytest.mark.parametrize("map_", ["small", "standard"])
def test_addresses_are_those_of_the_arrays(map_):
    """What the tables are given is where numpy says that each array is."""
    policy = DoublyRobust(Setting(("a", "b", "c"), 5, 0.1, 1.0, {"map": map_}))
    model, row = policy._model, policy.placed().integers
    own = [policy._arrays[name] for name in NAMES_OF_MODEL]
    constants = [model.slots, model.signs, model.waves.picks, model.waves.weights, model.waves.phases]
    assert row[layout.COUNTERS :].tolist() == [each.ctypes.data for each in (*own, *constants)]
    assert row[: layout.COUNTERS].tolist() == [
        layout.LINEAR, policy.rule, 1, 5, 3, 6, model.fourier, model.m,
    ]  # fmt: skip
