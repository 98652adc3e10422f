"""docs/sending-events.md against the wire format itself."""

import re

import msgpack
import msgspec
import numpy as np

from schemas import wire
from schemas.errors import BadRecordError, Reason
from schemas.events import MAX_OBSERVATIONS, Context, Decision, Reward
from schemas.observations import MEANINGS
from schemas.partitioning import bucket, partition

from .pages import blocks, code, rows, text

PAGE = text("sending-events.md")
HEX = re.compile(r"^((?:[0-9a-f]{2} )*[0-9a-f]{2})(?:  .*)?$", re.MULTILINE)
CONTEXT = Context("req-1", "acme", "routing", np.array([0.5, -1.25], "<f4").tobytes(), None)
REWARD = Reward("fb-1", "acme", "req-1", {"success": 1.0})


def test_the_bytes_on_the_page():
    """The two byte-level examples are, byte for byte, the events they are said to be."""
    context, reward = (bytes.fromhex("".join(HEX.findall(block))) for block in blocks(PAGE, "text"))
    assert (context, reward) == (wire.encode(CONTEXT), wire.encode(REWARD))
    assert f"is these {len(context)} bytes" in PAGE


def test_the_program_on_the_page_makes_the_same():
    """The raw example in Python, run as it stands, makes records that our readers take for those events."""
    (program,) = (block for block in blocks(PAGE, "python") if "msgpack" in block)
    made: dict[str, bytes] = {}
    exec(program, made)
    assert wire.decode("contexts", made["context"]) == CONTEXT
    assert wire.decode("rewards", made["reward"]) == REWARD
    for count in (5, 6, 7, 8):
        without = msgpack.packb((msgpack.unpackb(made["context"]) + [None] * 3)[:count])
        assert wire.decode("contexts", without) == CONTEXT, "places from 5 on may be left out"


def test_places_are_those_of_the_records():
    """Every table of places names the fields of its event in their order, none left out."""
    tables = PAGE.split("| place | field | is |")[1:]
    for event, part in zip((Context, Decision, Reward), tables, strict=True):
        header = "| place | field | is |"
        names = [cell for row in rows(header + part, "place", "field", "is") for cell in row[1].split(", ")]
        assert names == ["type", *event.__struct_fields__]
        places = [place for row in rows(header + part, "place", "field", "is") for place in row[0].split(", ")]
        assert places == [str(number) for number in range(len(names))]


def test_partitions_on_the_page():
    """The keys to check a partitioner with land where the page says."""
    found = rows(PAGE, "key", "partition of 8", "hash modulo 1,024")
    assert len(found) >= 3
    for key, number, hashed in found:
        (tenant,) = code(key)
        assert (partition(tenant, 8), bucket(tenant)) == (int(number), int(hashed))


def test_standard_names_on_the_page():
    """Every name in schemas/observations.py is in one of the two tables, with its range and meaning."""
    told = {code(name)[0]: (unit, says) for name, unit, says in rows(PAGE, "name", "unit or range", "says")}
    known = {code(name)[0] for name, _, _ in rows(PAGE, "name", "unit", "must be")}
    assert not known & told.keys()
    assert known | told.keys() == MEANINGS.keys()
    assert told == {name: (unit, says) for name, (unit, says) in MEANINGS.items() if name in told}


def test_every_reason_is_on_the_page():
    """The table of reasons has exactly those that dead letters carry."""
    assert [code(row[0])[0] for row in rows(PAGE, "reason", "what is wrong")] == [reason.value for reason in Reason]


def test_limits_on_the_page():
    """Lengths and ranges that the page states are those that are checked."""
    longest = msgspec.structs.replace(CONTEXT, id="x" * 128, tenant="t" * 64, domain="d" * 64)
    assert wire.decode("contexts", wire.encode(longest)) == longest
    for field, length in (("id", 129), ("tenant", 65), ("domain", 65)):
        assert refused("contexts", msgspec.structs.replace(CONTEXT, **{field: "x" * length})) == Reason.INVALID
    many = {f"n{number}": 1.0 for number in range(MAX_OBSERVATIONS + 1)}
    assert f"map of 1 to {MAX_OBSERVATIONS} names" in PAGE
    assert refused("rewards", msgspec.structs.replace(REWARD, observations=many)) == Reason.INVALID
    assert refused("rewards", msgspec.structs.replace(REWARD, observations={})) == Reason.INVALID
    assert refused("contexts", msgspec.structs.replace(CONTEXT, features=bytes(64 * 1024 + 1))) == Reason.TOO_LARGE
    ranges = {code(name)[0]: allowed for name, _, allowed in rows(PAGE, "name", "unit", "must be")}
    assert set(ranges) == {"success", "error", "cost", "latency_ms"}
    for name, allowed in ranges.items():
        assert refused("rewards", msgspec.structs.replace(REWARD, observations={name: -0.1})) == Reason.INVALID
        above = refused("rewards", msgspec.structs.replace(REWARD, observations={name: 1.1}))
        assert above == (Reason.INVALID if allowed == "0 to 1" else None)


def refused(topic, event):
    try:
        wire.decode(topic, wire.encode(event))
    except BadRecordError as error:
        return error.reason
    return None
