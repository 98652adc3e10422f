"""Golden messages: what every version of every type looks like on the wire, read by two decoders."""

import json

import msgpack
import msgspec
import pytest

from schemas import wire

from .write_golden import EXAMPLES, GOLDEN, LATER, plain, write

TAGS = sorted({tag for tags in wire._TAGS.values() for tag in tags})
STEMS = sorted([*TAGS, *LATER])
TOPICS = [(topic, stem) for topic, tags in wire._TAGS.items() for stem in STEMS if stem.partition("-")[0] in tags]
STRUCTS = {each.__struct_config__.tag: type(each) for each in EXAMPLES}


def expected(stem):
    return json.loads((GOLDEN / f"{stem}.json").read_text())["fields"]


def raw(stem):
    return (GOLDEN / f"{stem}.msgpack").read_bytes()


def as_then(value, golden, spec=False):
    """A value without the fields that came after the golden one was written; those must have their defaults.

    Records within it are arrays that begin with a tag; a specification and its parts are maps of their fields.
    """
    if isinstance(value, list) and isinstance(golden, list):
        if golden and isinstance(golden[0], str) and golden[0] in STRUCTS:
            later = msgspec.structs.fields(STRUCTS[golden[0]])[len(golden) - 1 :]
            assert value[len(golden) :] == [default_of(field) for field in later]
            value = value[: len(golden)]
        if len(value) == len(golden):
            return [as_then(each, then, spec) for each, then in zip(value, golden, strict=True)]
    if isinstance(value, dict) and isinstance(golden, dict):
        spec |= "champion" in golden
        return {
            name: as_then(each, golden.get(name), spec) for name, each in value.items() if name in golden or not spec
        }
    return value


def default_of(field):
    return field.default if field.default is not msgspec.NODEFAULT else field.default_factory()


def test_every_type_has_a_golden_message():
    """A new type or version cannot be added without one, and none is left over."""
    assert sorted(path.stem for path in GOLDEN.glob("*.msgpack")) == STEMS, "run tests/schemas/write_golden.py"
    assert sorted(path.stem for path in GOLDEN.glob("*.json")) == STEMS


@pytest.mark.parametrize("tag", sorted(STRUCTS))
def test_every_field_is_in_a_golden_message(tag):
    """A field that was appended has a golden message with a value of its own, not its default."""
    shown = set(expected(tag))
    for stem, event in LATER.items():
        if stem.startswith(f"{tag}-"):
            new = [field for field in msgspec.structs.fields(event) if field.name not in shown]
            shown |= {field.name for field in new if expected(stem).get(field.name) not in (None, default_of(field))}
    assert shown == set(STRUCTS[tag].__struct_fields__), "add a message to LATER in tests/schemas/write_golden.py"


@pytest.mark.parametrize(("topic", "stem"), TOPICS)
def test_our_decoder_reads_every_field(topic, stem):
    """In every topic that may hold it, the golden message decodes to the fields that stand beside it."""
    event = wire.decode(topic, raw(stem))
    assert event.__struct_config__.tag == stem.partition("-")[0]
    fields = expected(stem)
    values = dict(
        zip(event.__struct_fields__, plain(msgspec.to_builtins(event, builtin_types=(bytes,))[1:]), strict=True)
    )
    for name, value in fields.items():
        assert as_then(values[name], value) == value, name


@pytest.mark.parametrize("stem", STEMS)
def test_another_library_reads_every_field(stem):
    """The `msgpack` package, which nobody here wrote, finds the type first and then the same fields in order."""
    head, *values = msgpack.unpackb(raw(stem))
    assert head == stem.partition("-")[0]
    fields = expected(stem)
    assert len(values) == len(fields)
    for (name, value), found in zip(fields.items(), values, strict=True):
        assert plain(found) == value, name
    assert msgpack.packb(msgpack.unpackb(raw(stem))) == raw(stem)


@pytest.mark.parametrize(("topic", "stem"), TOPICS)
def test_encoding_again_gives_the_same_bytes(topic, stem):
    """What is read and written again is the same, byte for byte, but for fields that the golden message lacks."""
    again = wire.encode(wire.decode(topic, raw(stem)))
    assert msgpack.packb(as_then(msgpack.unpackb(again), msgpack.unpackb(raw(stem)))) == raw(stem)
    if stem in LATER:
        assert wire.encode(LATER[stem]) == again


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.__struct_config__.tag)
def test_a_golden_message_is_never_overwritten(event, tmp_path):
    """The script writes what is missing, and leaves what is there."""
    tag = event.__struct_config__.tag
    assert write(event, tmp_path)
    (tmp_path / f"{tag}.msgpack").write_bytes(b"old")
    assert not write(event, tmp_path)
    assert (tmp_path / f"{tag}.msgpack").read_bytes() == b"old"
