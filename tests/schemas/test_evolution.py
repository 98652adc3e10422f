"""The written rule of how a record may change (schemas/events.py), held against every struct."""

import json

import msgspec
import pytest
from msgspec import NODEFAULT

from schemas import domains, events, wire

from .write_golden import EXAMPLES, GOLDEN

RULE = (
    "An event may only change by appending a field that has a default.  Anything else (a field removed, renamed, moved "
    "or given another meaning) is a new version: leave this struct, add one with a new tag, add it to the topic's "
    "union in schemas/wire.py and write its golden message (tests/schemas/write_golden.py)."
)
TYPES = sorted({type(each) for each in EXAMPLES}, key=lambda type_: type_.__name__)
by_type = pytest.mark.parametrize("type_", TYPES, ids=lambda type_: type_.__name__)
by_event = pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.__struct_config__.tag)


def variant(type_, fields):
    """A struct of the same tag with other fields: the same type in another release."""
    return msgspec.defstruct(type_.__name__, fields, array_like=True, frozen=True, tag=type_.__struct_config__.tag)


def declared(type_):
    """The fields of a struct as `defstruct` takes them."""
    fields = []
    for info in msgspec.structs.fields(type_):
        default = info.default if info.default is not NODEFAULT else info.default_factory
        fields.append((info.name, info.type) if default is NODEFAULT else (info.name, info.type, default))
    return fields


@by_event
def test_a_reader_older_than_a_field_skips_it(event):
    """A record with two more fields, one of them nested, decodes to what it was, in every topic that may hold it."""
    later = variant(
        type(event), [*declared(type(event)), ("extra", int, 7), ("more", dict, msgspec.field(default_factory=dict))]
    )
    record = later(**msgspec.structs.asdict(event), more={"a": [1, 2]})
    for topic, tags in wire._TAGS.items():
        if event.__struct_config__.tag in tags:
            assert wire.decode(topic, wire.encode(record)) == event


@by_event
def test_a_reader_newer_than_a_record_fills_in_the_default(event):
    """A record written before a field existed decodes with the field's default and everything else as written."""
    later = variant(type(event), [*declared(type(event)), ("extra", int, 7)])
    found = msgspec.msgpack.decode(wire.encode(event), type=later)
    assert found.extra == 7
    assert {name: getattr(found, name) for name in event.__struct_fields__} == msgspec.structs.asdict(event)


@by_type
def test_only_fields_with_defaults_were_appended(type_):
    """The golden message's fields are still the first, in their order, and all after them have defaults."""
    golden = list(json.loads((GOLDEN / f"{type_.__struct_config__.tag}.json").read_text())["fields"])
    fields = msgspec.structs.fields(type_)
    names = [info.name for info in fields]
    assert names[: len(golden)] == golden, f"{type_.__name__} has {names}, its golden message {golden}.  {RULE}"
    for info in fields[len(golden) :]:
        assert not info.required, f"{type_.__name__}.{info.name} was appended without a default.  {RULE}"


@by_type
def test_events_are_arrays_tagged_with_type_and_version(type_):
    """Every event is an array whose first element is `name.version`: what the rule rests on."""
    assert type_.__struct_config__.array_like, f"{type_.__name__} must be array_like.  {RULE}"
    assert not type_.__struct_config__.forbid_unknown_fields, f"{type_.__name__} must skip what it does not know"
    name, _, version = type_.__struct_config__.tag.rpartition(".")
    assert name, type_
    assert int(version) >= 1


def test_every_event_is_held_to_the_rule():
    """No struct of schemas/events.py is without an example."""
    structs = {each for each in vars(events).values() if isinstance(each, type) and issubclass(each, msgspec.Struct)}
    assert structs - {msgspec.Struct, domains.DomainSpec} == set(TYPES)


def test_a_specification_written_earlier_is_still_read():
    """The golden specification names every field that exists, or one that has a default, at every depth."""
    spec = json.loads((GOLDEN / "spec.1.json").read_text())["fields"]["spec"]
    nested = {
        domains.DomainSpec: spec,
        domains.Arm: spec["arms"][0],
        domains.Component: spec["reward"]["success"],
        domains.LearnerSpec: spec["champion"],
        domains.Budget: spec["budget"],
    }
    for type_, golden in nested.items():
        fields = {info.name: info for info in msgspec.structs.fields(type_)}
        assert golden.keys() <= fields.keys(), f"{type_.__name__} lost {golden.keys() - fields.keys()}.  {RULE}"
        for name in fields.keys() - golden.keys():
            assert not fields[name].required, f"{type_.__name__}.{name} has no default.  {RULE}"
