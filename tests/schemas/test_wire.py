"""Bytes of any kind are decoded or refused with BadRecordError and a reason: never anything else."""

import math

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import wire
from schemas.errors import BadRecordError, Reason
from schemas.events import MAX_EVENT_BYTES, Reward

from .write_golden import EXAMPLES

TOPICS = sorted(wire.TYPES)
MESSAGES = [(topic, wire.encode(each)) for each in EXAMPLES for topic in TOPICS
            if each.__struct_config__.tag in wire._TAGS[topic]]  # fmt: skip
messages = st.sampled_from(MESSAGES)


def reason(topic, value):
    """Why the bytes are refused, or None when they are not or nothing is said.  Anything else raised fails the test."""
    try:
        wire.decode(topic, value)
    except BadRecordError as error:
        return error.reason if error.detail else None
    return None


@given(st.sampled_from(TOPICS), st.binary(max_size=300))
def test_random_bytes(topic, value):
    """Random bytes are no event of any topic."""
    assert reason(topic, value) in {Reason.NOT_MESSAGEPACK, Reason.UNKNOWN_TYPE}


@given(st.sampled_from(TOPICS), st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(-9, 9), inner),
))  # fmt: skip
def test_random_messagepack(topic, value):
    """Well-formed MessagePack that is not an event is refused, or is the one event without fields."""
    found = reason(topic, msgpack.packb(value))
    assert found is not None or value == ["clock.1"]


@pytest.mark.parametrize(("topic", "value"), MESSAGES)
def test_truncation_at_every_byte(topic, value):
    """No beginning of a message passes for a message."""
    for size in range(len(value)):
        assert reason(topic, value[:size]) is Reason.NOT_MESSAGEPACK, size


@pytest.mark.parametrize(("topic", "value"), MESSAGES)
def test_bytes_after_a_message(topic, value):
    """A message with something after it is refused."""
    assert reason(topic, value + b"\x00") is Reason.NOT_MESSAGEPACK


@given(messages, st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=3)), min_size=1, max_size=4))
def test_mutations(message, changes):
    """Bytes replaced, inserted and removed anywhere in a message: it decodes or is refused."""
    topic, value = message
    mutated = bytearray(value)
    for place, piece in changes:
        start = place % (len(mutated) + 1)
        mutated[start : start + place % 3] = piece
    reason(topic, bytes(mutated))


@given(messages, st.data())
def test_fields_of_another_kind(message, data):
    """Any field replaced by any other value: the event decodes or is refused as invalid."""
    topic, value = message
    event = msgpack.unpackb(value)
    if len(event) > 1:
        place = data.draw(st.integers(1, len(event) - 1))
        event[place] = data.draw(st.none() | st.integers(-5, 5) | st.floats() | st.text() | st.lists(st.text()))
    assert reason(topic, msgpack.packb(event)) in {None, Reason.INVALID}


def test_deep_nesting():
    """Tens of thousands of arrays in each other, bare or as a field, are refused: no stack ends."""
    deep = b"\x91" * 50_000 + b"\xc0"
    for topic in TOPICS:
        assert reason(topic, deep) is Reason.NOT_MESSAGEPACK
        for tag in wire._TAGS[topic]:
            assert reason(topic, b"\x92" + msgpack.packb(tag) + deep) is Reason.NOT_MESSAGEPACK


@pytest.mark.parametrize(
    ("topic", "value", "expected"),
    [
        ("contexts", None, Reason.INVALID),
        ("contexts", b"", Reason.NOT_MESSAGEPACK),
        ("contexts", b"\xc1", Reason.NOT_MESSAGEPACK),
        ("contexts", msgpack.packb({"id": "x"}), Reason.UNKNOWN_TYPE),
        ("contexts", msgpack.packb([]), Reason.UNKNOWN_TYPE),
        ("contexts", msgpack.packb([1]), Reason.UNKNOWN_TYPE),
        ("contexts", msgpack.packb(["reward.1"]), Reason.UNKNOWN_TYPE),
        ("contexts", msgpack.packb(["context.2"]), Reason.UNKNOWN_VERSION),
        ("contexts", msgpack.packb(["context"]), Reason.UNKNOWN_TYPE),
        ("contexts", msgpack.packb(["context.1", "id"]), Reason.INVALID),
        ("rewards", b"\x00" * (MAX_EVENT_BYTES + 1), Reason.TOO_LARGE),
        ("contexts", b"\x00" * 2_000_000, Reason.TOO_LARGE),
        ("outcomes", msgpack.packb(["decision.1"]), Reason.UNKNOWN_TYPE),
        ("decisions", msgpack.packb(["clock.9"]), Reason.UNKNOWN_VERSION),
    ],
)
def test_each_reason(topic, value, expected):
    """Every reason the wire knows is reached by the mistake it names."""
    assert reason(topic, value) is expected


def test_the_size_limit_itself_is_accepted():
    """A record of exactly the limit is not too large: it is judged by its content."""
    assert reason("contexts", b"\xc1" * MAX_EVENT_BYTES) is Reason.NOT_MESSAGEPACK


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        *[(name, value, False) for name in ("success", "cost", "latency_ms", "error", "thumbs")
          for value in (math.nan, math.inf, -math.inf)],
        ("cost", -1e-9, False), ("cost", 0.0, True), ("cost", 1e9, True),
        ("latency_ms", -1.0, False), ("latency_ms", 0.0, True),
        ("success", 1.0000001, False), ("success", -1e-9, False), ("success", 1.0, True), ("success", 0.0, True),
        ("error", 2.0, False), ("error", 0.5, True),
        ("thumbs", -1.0, True),
    ],
)  # fmt: skip
def test_values_nobody_should_learn_from(name, value, accepted):
    """Not-a-number, infinity, negative costs and shares outside 0 to 1 are refused; the bounds themselves are not."""
    found = reason("rewards", wire.encode(Reward("r", "tenant", "d", {"other": 0.5, name: value})))
    assert found is (None if accepted else Reason.INVALID)


def test_a_reward_that_says_nothing_is_refused():
    """A reward without observations is invalid."""
    assert reason("rewards", wire.encode(Reward("r", "tenant", "d", {}))) is Reason.INVALID


def test_the_lists_of_tags_and_types_agree():
    """A topic's tags are those of the structs its decoder knows: the list stands in two places."""
    for topic, type_ in wire.TYPES.items():
        structs = getattr(type_, "__args__", (type_,))
        assert {each.__struct_config__.tag for each in structs} == wire._TAGS[topic]
