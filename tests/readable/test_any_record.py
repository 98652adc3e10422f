"""Whatever is in a record, it can be shown."""

import json
import math
import struct
from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.readable.characters import preview, printable
from infra.readable.line import line
from infra.readable.plain import plain_record
from schemas.errors import BadRecordError
from schemas.events import (
    Audit,
    Clock,
    Context,
    DeadLetter,
    Decision,
    FleetStatistics,
    HourlyKpi,
    Kpi,
    Outcome,
    Reward,
    SpecChange,
)
from schemas.wire import TYPES, decode, encode

NAMES = st.text(min_size=1, max_size=64)
FLOATS = st.floats()
COUNTS = st.integers(0, 2**63 - 1)
INTS = st.integers(-(2**63), 2**63 - 1)
BYTES = st.binary(max_size=64)
ARMS = st.lists(NAMES, min_size=1, max_size=8).map(tuple)
OBSERVATIONS = st.dictionaries(NAMES, FLOATS, max_size=8)
RESTRICTIONS = st.none() | st.dictionaries(NAMES, NAMES, max_size=8)
CONTEXT = st.builds(Context, NAMES, NAMES, NAMES, BYTES, st.none() | ARMS, restrictions=RESTRICTIONS)
DECISION = st.builds(
    Decision, NAMES, NAMES, NAMES, ARMS, st.integers(0, 9), BYTES, BYTES, BYTES, NAMES, COUNTS, COUNTS, COUNTS,
    ARMS, COUNTS, restrictions=RESTRICTIONS,
)  # fmt: skip


def _of_kpi(name):
    if name in {"tenant", "domain", "arm", "policy"}:
        return NAMES
    if name in {"latency_ms", "feedback_ms"}:
        return st.lists(st.tuples(INTS, COUNTS), max_size=5).map(tuple)
    own = {"granularity": st.sampled_from(["minute", "hour", "day"]), "start": INTS, "baseline": st.booleans()}
    counts = {"spec", "applied", "interactions", "observed", "with_feedback", "unfollowed", "eligible"}
    return own.get(name, COUNTS if name in counts or name.endswith("_count") else FLOATS)


EVENTS = {
    "contexts": CONTEXT,
    "decisions": DECISION | st.just(Clock()),
    "rewards": st.builds(Reward, NAMES, NAMES, NAMES, OBSERVATIONS),
    "outcomes": st.builds(
        Outcome, COUNTS, st.sampled_from(["complete", "horizon"]), INTS, INTS, OBSERVATIONS, COUNTS, DECISION
    ),
    "kpis": st.builds(
        HourlyKpi, NAMES, NAMES, NAMES, INTS, COUNTS, COUNTS, FLOATS, FLOATS, COUNTS, FLOATS, COUNTS, FLOATS, COUNTS,
        st.none() | FLOATS, st.none() | FLOATS, BYTES, COUNTS,
    ) | st.builds(Kpi, **{field.name: _of_kpi(field.name) for field in msgspec.structs.fields(Kpi)}),
    "specs": st.builds(SpecChange, COUNTS, NAMES, NAMES, st.none()),
    "fleet": st.builds(
        FleetStatistics, NAMES, COUNTS, ARMS, COUNTS, st.lists(COUNTS).map(tuple), BYTES, BYTES, BYTES,
        st.tuples(FLOATS, FLOATS, FLOATS), FLOATS, FLOATS, FLOATS,
    ),
    "audit": st.builds(Audit, NAMES, INTS, st.text(), st.text(), NAMES, st.text(), st.text(), st.text(), st.text()),
    "dead-letters": st.builds(
        DeadLetter, NAMES, st.text(), st.text(), st.text(), INTS, INTS, INTS, st.none() | BYTES, st.none() | BYTES
    ),
}  # fmt: skip


@dataclass
class Record:
    value: bytes | None
    key: bytes | None = b"acme"
    partition: int = 3
    offset: int = 17
    timestamp: int = 1_700_000_000_123


def check_shown(topic, record):
    """Both forms exist, the line is one line without control characters, and the JSON is JSON."""
    text = line(topic, record).plain
    assert text.isprintable()
    assert "3/17" in text
    shown = plain_record(topic, record)
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown
    return text, shown


@given(st.sampled_from(sorted(TYPES)), st.none() | st.binary(max_size=300), st.none() | st.binary(max_size=20))
def test_any_bytes(topic, value, key):
    """Random bytes with a random key on any topic are shown, with the reason if they are no event."""
    _, shown = check_shown(topic, Record(value, key))
    try:
        decode(topic, value)
        expected = None
    except BadRecordError as error:
        expected = {"reason": error.reason.value, "detail": error.detail}
    assert shown.get("error") == expected


@given(st.data(), st.sampled_from(sorted(TYPES)))
def test_any_event(data, topic):
    """Every event that its type allows, however hostile its strings and numbers, is shown in both forms."""
    event = data.draw(EVENTS[topic])
    text, shown = check_shown(topic, Record(encode(event)))
    if "error" not in shown:
        assert shown["type"] == type(event).__struct_config__.tag
        assert set(msgspec.structs.asdict(event)) <= set(shown["event"])
        tenant = getattr(event, "tenant", None)
        assert tenant is None or printable(tenant) in text


@given(st.lists(st.floats(width=32), max_size=20))
def test_packed_numbers_come_back(values):
    """Features become a list with the very float32 that were packed; those JSON cannot carry become null."""
    packed = struct.pack(f"<{len(values)}f", *values)
    shown = plain_record("contexts", Record(encode(Context("a", "b", "c", packed))))
    back = shown["event"]["features"]
    expected = [value if math.isfinite(value) else None for value in values]
    assert [None if each is None else struct.unpack("<f", struct.pack("<f", each))[0] for each in back] == expected


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "no value"),
        (b"", "0 bytes"),
        (b"\x01", "1 byte: 1"),
        (b"\xc1\xff", "2 bytes: c1 ff"),
        (b"\x92\x01\xa3\x1b[2", "6 bytes: [1, '\\x1b[2']"),
    ],
)
def test_previews(value, shown):
    """A preview says how large the value is and what it begins with, decoded if it can be, and never as it came."""
    assert preview(value) == shown
