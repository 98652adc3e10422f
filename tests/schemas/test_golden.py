"""Golden messages: what every version of every type looks like on the wire, read by two decoders."""

import json

import msgpack
import msgspec
import pytest

from schemas import wire

from .write_golden import EXAMPLES, GOLDEN, plain, write

TAGS = sorted({tag for tags in wire._TAGS.values() for tag in tags})
TOPICS = [(topic, tag) for topic, tags in wire._TAGS.items() for tag in sorted(tags)]


def expected(tag):
    return json.loads((GOLDEN / f"{tag}.json").read_text())["fields"]


def raw(tag):
    return (GOLDEN / f"{tag}.msgpack").read_bytes()


def test_every_type_has_a_golden_message():
    """A new type or version cannot be added without one, and none is left over."""
    assert sorted(path.stem for path in GOLDEN.glob("*.msgpack")) == TAGS, "run tests/schemas/write_golden.py"
    assert sorted(path.stem for path in GOLDEN.glob("*.json")) == TAGS


@pytest.mark.parametrize(("topic", "tag"), TOPICS)
def test_our_decoder_reads_every_field(topic, tag):
    """In every topic that may hold it, the golden message decodes to the fields that stand beside it."""
    event = wire.decode(topic, raw(tag))
    assert event.__struct_config__.tag == tag
    fields = expected(tag)
    values = dict(
        zip(event.__struct_fields__, plain(msgspec.to_builtins(event, builtin_types=(bytes,))[1:]), strict=True)
    )
    for name, value in fields.items():
        assert values[name] == value, name


@pytest.mark.parametrize("tag", TAGS)
def test_another_library_reads_every_field(tag):
    """The `msgpack` package, which nobody here wrote, finds the type first and then the same fields in order."""
    head, *values = msgpack.unpackb(raw(tag))
    assert head == tag
    fields = expected(tag)
    assert len(values) == len(fields)
    for (name, value), found in zip(fields.items(), values, strict=True):
        assert plain(found) == value, name
    assert msgpack.packb(msgpack.unpackb(raw(tag))) == raw(tag)


@pytest.mark.parametrize(("topic", "tag"), TOPICS)
def test_encoding_again_gives_the_same_bytes(topic, tag):
    """What is read and written again is the same, byte for byte, while the type has no field the golden lacks."""
    event = wire.decode(topic, raw(tag))
    again = msgpack.unpackb(wire.encode(event))
    assert msgpack.packb(again[: 1 + len(expected(tag))]) == raw(tag)
    if len(event.__struct_fields__) == len(expected(tag)):
        assert wire.encode(event) == raw(tag)


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.__struct_config__.tag)
def test_a_golden_message_is_never_overwritten(event, tmp_path):
    """The script writes what is missing, and leaves what is there."""
    tag = event.__struct_config__.tag
    assert write(event, tmp_path)
    (tmp_path / f"{tag}.msgpack").write_bytes(b"old")
    assert not write(event, tmp_path)
    assert (tmp_path / f"{tag}.msgpack").read_bytes() == b"old"
