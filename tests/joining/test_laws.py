"""Laws of the join, for random logs, any interleaving of them and crashes at any point, against a naive oracle."""

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import Clock, Outcome
from schemas.wire import decode, encode

from .joiner import CLOCK, CountingState, Joiner, decision, reward
from .oracle import LogRecord, truth

EARLY, REMEMBER = 20, 50
COMPONENTS = ("success", "cost", "thumbs")
TENANTS = ("a", "ab")
IDS = ("b", "c", "bc")  # "a" + "bc" and "ab" + "c" are one string
STEPS = st.sampled_from((0, 0, 1, 2, 5, 19, 20, 21, 40, 90, -7, -60))  # ms from one append to the next
BAD = st.sampled_from((b"", b"\xc1", b"\x91\xa9context.1", encode(Clock())[:-1], None))


@st.composite
def logs(draw: st.DrawFn) -> tuple[list[LogRecord], list[LogRecord]]:
    """Two logs over few ids and a short time, so that everything that can meet does."""
    tenant, id_ = st.sampled_from(TENANTS), st.sampled_from(IDS)
    awaited = st.sampled_from(((), ("success",), ("success", "cost"), ("cost", "cost")))
    observed = st.dictionaries(st.sampled_from(COMPONENTS), st.sampled_from((0.0, 0.5, 1.0)), min_size=1)
    decisions = st.builds(
        decision,
        id_,
        tenant=tenant,
        horizon=st.sampled_from((0, 3, 10, 40)),
        awaited=awaited,
        choice=st.sampled_from((0, 1, 1, 1, 2)),
    )
    rewards = st.builds(lambda id_, tenant, values: reward(id_, tenant=tenant, **values), id_, tenant, observed)
    both = []
    for events in (decisions, rewards):
        kinds = draw(st.lists(st.tuples(STEPS, st.sampled_from("eeeeeeeecbk")), max_size=25))
        now, log = 1000, []
        for offset, (step, kind) in enumerate(kinds):
            now = max(0, now + step)
            key: bytes | None
            value: bytes | None
            if kind == "c":
                key, value = b"clock", CLOCK
            elif kind == "b":
                key, value = draw(st.sampled_from((b"a", None))), draw(BAD)
            else:
                event = draw(events)
                key, value = event.tenant.encode(), encode(event)
                if kind == "k":
                    key = b"other"
            log.append(LogRecord(offset * 2, now, key, value))  # offsets may have holes
        both.append(log)
    return both[0], both[1]


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(("decisions", "rewards", "decisions", "rewards", "checkpoint", "crash")), st.integers(1, 6)
    ),
    max_size=40,
)


def play(joiner: Joiner, actions: list[tuple[str, int]]) -> None:
    """Read in the order given, crash where told, and at last read what is left."""
    for action, count in actions:
        if action == "checkpoint":
            joiner.checkpoint()
        elif action == "crash":
            joiner.crash()
        else:
            joiner.read(action, count)
    joiner.read_all()


def first_outcomes(joiner: Joiner) -> dict[int, Outcome]:
    """Outcomes by ordinal, after a check that repetitions have the very same bytes."""
    first: dict[int, bytes] = {}
    for topic, key, value in joiner.emitted:
        assert topic == "outcomes"
        outcome = decode("outcomes", value)
        assert key == outcome.decision.tenant.encode()
        assert first.setdefault(outcome.ordinal, value) == value
    return {ordinal: decode("outcomes", value) for ordinal, value in first.items()}


@settings(max_examples=400, deadline=None)
@given(logs(), ACTIONS, st.booleans(), st.sampled_from((0, 300, 1 << 20)))
def test_what_comes_out_is_a_function_of_the_logs(both, actions, plain, cached_bytes) -> None:
    """Outcomes, dead letters, counts and what is pending equal the oracle's in any interleaving, with any crashes."""
    expected = truth(*both, EARLY, REMEMBER)
    joiner = Joiner(*both, early=EARLY, remember=REMEMBER, plain=plain, cached_bytes=cached_bytes)
    play(joiner, actions)
    assert first_outcomes(joiner) == expected.outcomes
    assert {(topic, record.offset, error.reason) for topic, record, error in joiner.dead} == expected.dead
    for topic, record, _ in joiner.dead:
        (source,) = (each for each in joiner.logs[topic] if each.offset == record.offset)
        assert (record.timestamp, record.key, record.value) == (source.timestamp, source.key, source.value)
    counted = {
        tenant: {what: count for what, count in counts.items() if count}
        for tenant, counts in joiner.processor.tallies().items()
    }
    assert counted == {tenant: dict(counts) for tenant, counts in expected.tallies.items()}
    assert joiner.processor.pending() == expected.open + expected.held


@settings(max_examples=200, deadline=None)
@given(logs(), ACTIONS)
def test_the_state_holds_what_the_rules_need_and_no_more(both, actions) -> None:
    """At a checkpoint there is an entry for each decision still remembered and for each reward still held; both end."""
    expected = truth(*both, EARLY, REMEMBER)
    joiner = Joiner(*both, early=EARLY, remember=REMEMBER)
    play(joiner, actions)
    joiner.checkpoint()
    assert joiner.kept(b"d") == expected.remembered
    assert joiner.kept(b"h") == expected.held
    for topic in ("decisions", "rewards"):
        joiner.append(topic, 1_000_000, CLOCK)
    joiner.crash()
    joiner.read_all()
    joiner.checkpoint()
    assert joiner.processor.pending() == 0
    assert joiner.kept(b"d") == joiner.kept(b"h") == 0
    decisions = sum(counts["decisions"] for counts in joiner.processor.tallies().values())
    assert sorted(first_outcomes(joiner)) == list(range(decisions))


@settings(max_examples=150, deadline=None)
@given(logs(), ACTIONS)
def test_a_processor_built_from_a_checkpoint_is_the_one_that_wrote_it(both, actions) -> None:
    """What memory holds beyond the state is a cache: a new processor answers the same, and has nothing to write."""
    joiner = Joiner(*both, early=EARLY, remember=REMEMBER)
    play(joiner, actions)
    joiner.checkpoint()
    before, items = joiner.processor, dict(joiner.state.items)
    joiner.crash()
    after = joiner.processor
    assert (after.tallies(), after.pending(), after.watermarks) == (
        before.tallies(),
        before.pending(),
        before.watermarks,
    )
    for idle in (0, 1, 15, 100, 10_000):
        idle_ms = {"decisions": idle, "rewards": idle}
        assert after.clock_wanted(idle_ms) == before.clock_wanted(idle_ms)
    joiner.checkpoint()
    assert joiner.state.items == items
    assert isinstance(joiner.state, CountingState)
    assert joiner.state.puts == joiner.state.deletes == 0


@settings(max_examples=200, deadline=None)
@given(logs(), ACTIONS)
def test_clocks_drain_an_idle_partition_and_then_are_asked_for_no_more(both, actions) -> None:
    """Given the clocks it wants a partition without traffic ends everything, and none of them is in vain."""
    joiner = Joiner(*both, early=EARLY, remember=REMEMBER)
    play(joiner, actions)
    now = max([record.timestamp for log in both for record in log], default=0)
    applied = {"decisions": now, "rewards": now}
    for _ in range(2000):
        if not joiner.processor.pending():
            break
        now += 1
        for topic in joiner.processor.clock_wanted({topic: now - at for topic, at in applied.items()}):
            before = joiner.processor.pending()
            joiner.append(topic, now, CLOCK)
            applied[topic] = now
            assert joiner.processor.pending() < before, "a clock that ended nothing"
    assert joiner.processor.pending() == 0
    assert joiner.processor.clock_wanted({"decisions": 10**9, "rewards": 10**9}) == ()
