"""Reading in batches and one by one are the same join: all that is written is equal, byte for byte."""

import math
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import msgpack
from msgspec.structs import replace

from schemas.events import MAX_ARMS, MAX_OBSERVATIONS, Clock, Decision, Reward
from schemas.wire import encode
from stream_workers.columnar.rows import FetchedRecords
from stream_workers.joining.batch import BatchReader
from stream_workers.joining.columns import ID, ID_BYTES, NONE, PART, PART_BYTES, PLAIN, SPAN, TIME, UNUSUAL, VERDICT
from stream_workers.joining.entries import Done, Open, decode_entry
from stream_workers.joining.names import SECRET
from stream_workers.joining.parsing import parse_decisions, parse_rewards
from stream_workers.joining.tallies import Tallies
from stream_workers.runtime.stage import MemoryState

from .joiner import Joiner, decision, reward
from .oracle import LogRecord

TENANT = st.sampled_from(("a", "ab", "\u00e9\u00e9", "t" * 64))
ID_ = st.sampled_from(("b", "c", "bc", "\u00fc1", "x" * 128, "0", "1", "2", "3", "4"))
NAMES = (*(f"c{index}" for index in range(40)), "success", "cost", "error", "latency_ms", "\u00f1", "n" * 64)
NAME = st.sampled_from(NAMES)
RESTRICTED = {"x": "unhealthy", "y" * 64: "budget"}
MANY = {f"model-{index}": "disabled" for index in range(MAX_ARMS + 1)}
VALUE = st.sampled_from((0.0, -0.0, 1.0, 0.5, 1, 2, -1.0, math.inf, 1e300))
DECISION = st.builds(
    Decision,
    id=ID_,
    tenant=TENANT,
    domain=st.sampled_from(("model_routing", "\u00e4")),
    arms=st.sampled_from((("x", "y"), tuple(f"model-{index}" for index in range(40)))),
    choice=st.sampled_from((0, 1, 1, 2)),
    propensities=st.sampled_from((bytes(8), bytes(160))),
    scores=st.sampled_from((bytes(8), bytes(256), bytes(257))),
    features=st.sampled_from((b"", bytes(128), bytes(4096), bytes(4097))),
    policy=st.just("dr"),
    spec=st.sampled_from((0, 200, 2**40)),
    learned=st.sampled_from((0, 2**33)),
    horizon_ms=st.sampled_from((0, 3, 10, 40, 500, 2**61 + 1, 2**63 + 5, 2**64 - 1)),
    awaited=st.lists(NAME, max_size=MAX_OBSERVATIONS + 1).map(tuple) | st.sampled_from(((), ("success",))),
    context_offset=st.sampled_from((0, 70_000)),
    unit=st.sampled_from((None, None, "u-5a1f", "u" * 64, "\u00fc", "", "u" * 65)),
    after=st.sampled_from((None, None, "b", "x" * 128, "x" * 129)),
    chain=st.sampled_from((None, None, 0.25, 1.0, 5e-324, 1, 0.0, 1.5, -0.5, math.nan)),
    restrictions=st.sampled_from((None, None, None, {}, RESTRICTED, {"x": "u" * 65}, {"": "x"}, {"y": "\u00fc"}, MANY)),
)
REWARD = st.builds(Reward, st.just("r"), TENANT, ID_, st.dictionaries(NAME, VALUE, max_size=MAX_OBSERVATIONS + 1))
STEP = st.sampled_from((0, 0, 0, 1, 2, 5, 19, 20, 21, 40, 90, -7, -60))


@st.composite
def log(draw: st.DrawFn, events: st.SearchStrategy[Decision] | st.SearchStrategy[Reward]) -> list[LogRecord]:
    """Mostly plain records, and every kind of other ones."""
    now, records = draw(st.sampled_from((-5, 1000))), []
    kinds = draw(st.lists(st.tuples(STEP, st.sampled_from("eeeeeeeeeeouscbrnkl")), max_size=40))
    for offset, (step, kind) in enumerate(kinds):
        now += step
        event = draw(events)
        key: bytes | None = event.tenant.encode()
        value: bytes | None = encode(event)
        assert value is not None
        if kind == "o" and isinstance(event, Decision):
            value = before_units(value)
        elif kind == "u" and isinstance(event, Decision):
            value = before_restrictions(value)
        elif kind == "s":
            value = value[:-1]
        elif kind == "c":
            value = encode(Clock())
        elif kind == "b":
            at = draw(st.integers(0, len(value) - 1))
            value = value[:at] + draw(st.binary(min_size=1, max_size=1)) + value[at + 1 :]
        elif kind == "r":
            value += b"\x00"
        elif kind == "n":
            value = None
        elif kind == "k":
            key = draw(st.sampled_from((None, b"", b"\xff", b"other", b"t" * 65)))
        elif kind == "l" and value[0] < 0x9F:
            value = b"\xdc\x00" + bytes([value[0] & 0x0F]) + value[1:]  # the same, in a longer form
        records.append(LogRecord(offset * 2, now, key, value))
    return records


def before_units(value: bytes) -> bytes:
    """A decision's record as the first releases wrote it."""
    return msgpack.encode(msgpack.decode(value)[:15])


def before_restrictions(value: bytes) -> bytes:
    """A decision's record as it was written when it had units, and no restrictions."""
    return msgpack.encode(msgpack.decode(value)[:18])


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(("decisions", "rewards", "decisions", "rewards", "checkpoint", "crash")), st.integers(1, 20)
    ),
    max_size=25,
)


def written(joiner: Joiner) -> tuple[object, ...]:
    """All that anybody sees of a joiner."""
    dead = [(topic, each.offset, each.key, each.value, str(error)) for topic, each, error in joiner.dead]
    return joiner.emitted, dead, joiner.processor.tallies(), joiner.processor.pending(), joiner.state.items


@settings(max_examples=300, deadline=None)
@given(log(DECISION), log(REWARD), ACTIONS, st.sampled_from((0, 5000, 1 << 20)))
def test_batches_and_single_records_write_the_same(decisions, rewards, actions, cached_bytes) -> None:
    """Outcomes, dead letters, counts and state are equal at every step, whatever is odd about the records."""
    batches = Joiner(decisions, rewards, cached_bytes=cached_bytes)
    single = Joiner(decisions, rewards, plain=False)
    for action, size in (*actions, ("decisions", 99), ("rewards", 99), ("checkpoint", 0)):
        for joiner in (batches, single):
            if action == "checkpoint":
                joiner.checkpoint()
            elif action == "crash":
                joiner.crash()
            else:
                joiner.read(action, size)
        assert written(batches) == written(single)


@settings(max_examples=150, deadline=None)
@given(log(DECISION), log(REWARD), st.lists(st.integers(1, 9), min_size=1))
def test_how_records_are_cut_into_batches_changes_nothing(decisions, rewards, sizes) -> None:
    """One batch, or many small ones in the same order, end in the same outcomes and state."""
    whole, cut = Joiner(decisions, rewards), Joiner(decisions, rewards)
    whole.read_all()
    for topic in ("decisions", "rewards"):
        for index in range(len(cut.logs[topic])):
            cut.read(topic, sizes[index % len(sizes)])
    for joiner in (whole, cut):
        joiner.checkpoint()
    assert sorted(whole.emitted) == sorted(cut.emitted)
    assert written(whole)[2:] == written(cut)[2:]
    assert [(topic, each.offset) for topic, each, _ in whole.dead if topic == "decisions"] == [
        (topic, each.offset) for topic, each, _ in cut.dead if topic == "decisions"
    ]


def parsed(topic: str, values: Iterable[bytes], key: bytes = b"guild") -> list[list[int]]:
    """What a kernel says of records alone."""
    tallies = Tallies(MemoryState())
    records = FetchedRecords.of([LogRecord(offset, 5, key, value) for offset, value in enumerate(values)])
    reader = BatchReader(tallies, plain=False)
    read = reader.decisions if topic == "decisions" else reader.rewards
    batch = read(records, records.timestamps)  # makes the columns, and the tenants known
    kernel = parse_decisions if topic == "decisions" else parse_rewards
    kernel(
        records.data, records.key_at, records.key_size, records.value_at, records.value_size, tallies.slots,
        tallies.places, tallies.names, SECRET, batch.parsed,
    )  # fmt: skip
    return batch.parsed.tolist()


def test_what_our_own_writers_write_is_plain() -> None:
    """The kernel itself reads a router's decision and a client's reward; single records are the exception."""
    one = decision("one", horizon=77, awaited=("success", "cost"))
    chained = replace(one, unit="u-5a1f", after="b", chain=0.25)
    ours = (one, chained, replace(one, after="b"), replace(one, restrictions=RESTRICTED), replace(one, restrictions={}))
    for value in (before_units(encode(one)), before_restrictions(encode(chained)), *map(encode, ours)):
        ((*decided,),) = parsed("decisions", [value])
        assert (decided[VERDICT], decided[SPAN], decided[TIME]) == (PLAIN, 77, 5)
        data = b"guild" + value
        assert data[decided[ID] :][: decided[ID_BYTES]] == b"one"
        assert data[decided[PART] :][: decided[PART_BYTES]] == b"\xa7success\xa4cost"
    value = encode(reward("two", cost=0.25))
    ((*rewarded,),) = parsed("rewards", [value])
    data = b"guild" + value
    assert (rewarded[VERDICT], rewarded[SPAN]) == (PLAIN, NONE)
    assert data[rewarded[ID] :][: rewarded[ID_BYTES]] == b"two"
    assert data[rewarded[PART] :][: rewarded[PART_BYTES]] == b"\xa4cost" + msgpack.encode(0.25)


@pytest.mark.parametrize("topic", ["decisions", "rewards"])
def test_no_cut_record_is_plain(topic) -> None:
    """However a plain record is cut short, the kernel reads no further than its end and takes it for unusual."""
    decided = replace(
        decision(awaited=("success",)), unit="u-5a1f", after="b", chain=0.25, restrictions={"x": "unhealthy"}
    )
    value = encode(decided if topic == "decisions" else reward(success=1.0, cost=2.0))
    verdicts = [row[VERDICT] for row in parsed(topic, [value[:size] for size in range(len(value))])]
    assert verdicts == [UNUSUAL] * len(value)
    assert parsed(topic, [value + b"\x00"])[0][VERDICT] == UNUSUAL
    assert parsed(topic, [value], b"guilt")[0][VERDICT] == UNUSUAL


@settings(max_examples=100, deadline=None)
@given(log(DECISION), log(REWARD))
def test_what_is_stored_is_what_msgspec_would_write(decisions, rewards) -> None:
    """Every entry that the kernels write decodes as an `Open` or `Done`, and encodes to the same bytes again."""
    joiner = Joiner(decisions, rewards)
    joiner.read_all()
    joiner.checkpoint()
    for key, value in joiner.state.items.items():
        if key.startswith(b"d"):
            entry = decode_entry(value)
            assert isinstance(entry, Open | Done)
            assert encode(entry) == value
