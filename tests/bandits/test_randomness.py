"""Draws are a documented function of salt and id, and look uniform."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream_workers.bandits.randomness import draws, hash_to_unit

MASK = (1 << 64) - 1


def repeated(identity, salt):
    """The recipe of the module's documentation, in plain integers."""
    h = 0xCBF29CE484222325
    for byte in salt.encode() + b"\xff" + identity.encode():
        h = ((h ^ byte) * 0x100000001B3) & MASK
    h = ((h ^ (h >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    h = ((h ^ (h >> 27)) * 0x94D049BB133111EB) & MASK
    h ^= h >> 31
    return (h >> 11) / 2**53


@given(st.lists(st.text(min_size=1), max_size=20), st.text())
def test_documented_recipe(ids, salt):
    """Anybody can repeat a draw from the documentation, and it does not depend on what else is in the batch."""
    assert draws(ids, salt).tolist() == [repeated(each, salt) for each in ids]


def test_interpreted():
    """The kernel says the same interpreted."""
    text, ends = np.frombuffer(bytearray(b"abcde"), np.uint8), np.array([2, 5])
    salt, out = np.frombuffer(bytearray(b"t/d\xff"), np.uint8), np.empty(2)
    with np.errstate(over="ignore"):
        hash_to_unit.py_func(text, ends, salt, out)
    assert out.tolist() == draws(["ab", "cde"], "t/d").tolist()


def test_uniform():
    """Draws of consecutive ids fill the unit interval evenly, and two salts are uncorrelated."""
    ids = [str(i) for i in range(20_000)]
    one, two = draws(ids, "t/a"), draws(ids, "t/b")
    counts = np.histogram(one, bins=20, range=(0, 1))[0]
    assert ((counts - 1000) ** 2 / 1000).sum() < 43.8  # chi-square with 19 degrees of freedom, p = .001
    assert abs(np.corrcoef(one, two)[0, 1]) < 4 / np.sqrt(len(ids))
    assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < 4 / np.sqrt(len(ids))
    assert 0 <= one.min() < one.max() < 1
