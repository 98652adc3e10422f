"""MessagePack values read and written in byte arrays, against msgspec."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_workers.columnar import messagepack

INTEGERS = st.integers(-(2**63), 2**63 - 1)
VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.integers(2**63, 2**64 - 1) | st.floats() | st.text(max_size=300)
    | st.binary(max_size=70_000),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=5), inner, max_size=20),
    max_leaves=30,
)  # fmt: skip


def encoded(value):
    return np.frombuffer(bytearray(msgspec.msgpack.encode(value)), np.uint8)


@settings(deadline=None)  # the first call compiles
@given(VALUES, st.binary(max_size=3))
def test_skip_ends_where_the_value_does(value, rest):
    """Whatever is nested in a value, what follows it is found; cut anywhere, it is no value."""
    data = encoded(value)
    longer = np.concatenate([data, np.frombuffer(rest, np.uint8)])
    assert messagepack.skip(longer, 0, len(longer)) == len(data)
    for end in {0, len(data) // 2, len(data) - 1}:
        assert messagepack.skip(data, 0, end) == -1


@settings(deadline=None)  # the first call compiles
@given(INTEGERS)
def test_integers_are_read_as_msgspec_writes_them(value):
    """Every signed 64-bit integer, and where it ends; as a number it is the nearest float64."""
    data = encoded(value)
    assert messagepack.read_integer(data, 0, len(data)) == (value, len(data))
    assert messagepack.read_number(data, 0, len(data)) == (float(value), len(data))
    assert messagepack.read_integer(data, 0, len(data) - 1)[1] == -1


@settings(deadline=None)  # the first call compiles
@given(st.floats())
def test_floats_are_read_bit_for_bit(value):
    """float64 as it is, and float32 as the float64 it stands for."""
    data = encoded(value)
    read, after = messagepack.read_number(data, 0, len(data))
    assert after == len(data)
    assert read == value or (math.isnan(read) and math.isnan(value))
    with np.errstate(over="ignore"):
        narrow = np.float32(value)
    data = np.frombuffer(bytearray(b"\xca" + np.array(narrow, ">f4").tobytes()), np.uint8)
    read, after = messagepack.read_number(data, 0, 5)
    assert after == 5
    assert read == narrow or (math.isnan(read) and math.isnan(narrow))


@settings(deadline=None)  # the first call compiles
@given(st.text(max_size=300), st.binary(max_size=300))
def test_texts_and_byte_strings_are_found(text, binary):
    """Their places and sizes, and not where there is something else."""
    data, other = encoded(text), encoded(binary)
    at, size, after = messagepack.read_text(data, 0, len(data))
    assert (data[at : at + size].tobytes().decode(), after) == (text, len(data))
    at, size, after = messagepack.read_bytes(other, 0, len(other))
    assert (other[at : at + size].tobytes(), after) == (binary, len(other))
    assert messagepack.read_text(other, 0, len(other))[2] == -1
    assert messagepack.read_bytes(data, 0, len(data))[2] == -1


@pytest.mark.parametrize("size", [0, 15, 16, 65_535, 65_536])
def test_heads_of_every_size(size):
    """Arrays, texts and byte strings of the sizes where their heads change."""
    data = encoded([0] * size)
    assert messagepack.read_array(data, 0, len(data))[0] == size
    data = encoded({str(i): 0 for i in range(size)})
    assert messagepack.read_map(data, 0, len(data))[0] == size
    data = encoded("x" * size)
    assert messagepack.read_text(data, 0, len(data))[1:] == (size, len(data))
    out = np.zeros(8, np.uint8)
    assert out[: messagepack.put_text_head(out, 0, size)].tobytes() == encoded("x" * size)[: -size or None].tobytes()
    assert out[: messagepack.put_bytes_head(out, 0, size)].tobytes() == encoded(b"x" * size)[: -size or None].tobytes()


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, 2**63 - 1))
def test_counts_are_written_as_msgspec_does(value):
    """The shortest form."""
    out = np.zeros(9, np.uint8)
    assert out[: messagepack.put_count(out, 0, value)].tobytes() == msgspec.msgpack.encode(value)


@settings(deadline=None)  # the first call compiles
@given(st.text(max_size=20))
def test_ascii(text):
    """Only bytes below 128."""
    data = np.frombuffer(bytearray(text.encode() + b"\xff"), np.uint8)
    assert messagepack.is_ascii(data, 0, len(data) - 1) == text.isascii()
