"""The cases a person would ask about, one by one; random logs are in test_laws.py."""

import pytest

from schemas.errors import Reason
from schemas.events import MAX_OBSERVATIONS, Decision, Outcome
from schemas.wire import decode, encode
from stream_workers.joining.columns import KNOWN
from stream_workers.joining.entries import name_of, tenant_of
from stream_workers.joining.processor import JoinerProcessor
from stream_workers.runtime.stage import MemoryState

from .joiner import CLOCK, Joiner, decision, reward


@pytest.fixture(params=[True, False], ids=["in batches", "one by one"], autouse=True)
def reading(request, monkeypatch) -> None:
    """Every case runs with plain records read by the kernels, and with all records read one by one."""
    monkeypatch.setattr(Joiner, "plain", request.param)


def outcomes(joiner: Joiner) -> list[Outcome]:
    return [decode("outcomes", value) for _, _, value in joiner.emitted]


def test_an_outcome_on_the_wire_is_the_schema_s() -> None:
    """The outcome built around the decision's bytes is, byte for byte, the encoded `schemas.events.Outcome`."""
    joiner = Joiner()
    chosen = decision(awaited=("success", "cost"))
    joiner.append("decisions", 100, chosen)
    joiner.append("rewards", 104, reward(success=1.0))
    joiner.append("rewards", 105, reward(cost=0.25))
    expected = Outcome(0, "complete", 100, 105, {"success": 1.0, "cost": 0.25}, 0, chosen)
    assert joiner.emitted == [("outcomes", b"guild", encode(expected))]


def test_fields_of_a_newer_decision_reach_the_outcome() -> None:
    """A decision with fields this reader does not know is joined and handed on whole, also from the state."""
    joiner = Joiner(cached_bytes=0)
    newer = encode(decision())
    assert newer[:3] == b"\xdc\x00\x13"  # an array of 19
    newer = b"\xdc\x00\x14" + newer[3:] + b"\xa5later"  # an array of 20
    joiner.append("decisions", 100, newer, b"guild")
    joiner.checkpoint()
    joiner.crash()
    joiner.append("rewards", 101, reward())
    ((_, _, value),) = joiner.emitted
    assert value.endswith(newer)
    assert outcomes(joiner)[0].decision == decision()


def test_entries_with_fields_of_a_newer_release_are_read() -> None:
    """What a newer release appended to an entry is skipped; the decision is joined, remembered and handed on whole."""
    joiner = Joiner(cached_bytes=0)
    for index in range(3):
        joiner.append("decisions", 100, decision(f"id{index}", awaited=("success", "cost")))
    joiner.append("rewards", 100, reward("id0", success=1.0, cost=1.0))
    joiner.checkpoint()
    for key, value in joiner.state.items.items():
        if key.startswith(b"d"):
            assert value[0] in (0x98, 0x95)
            joiner.state.items[key] = bytes([value[0] + 1]) + value[1:] + b"\xa5later"
    joiner.checkpoint()
    joiner.crash()
    joiner.append("rewards", 101, reward("id0", success=1.0))
    joiner.append("rewards", 101, reward("id1", success=1.0))
    joiner.checkpoint()
    joiner.append("rewards", 102, reward("id1", cost=1.0))
    joiner.append("rewards", 102, reward("id2", success=0.0, cost=0.0))
    assert joiner.count("rewards_duplicate") == 1
    chosen = [decision(f"id{index}", awaited=("success", "cost")) for index in range(3)]
    assert [outcome.decision for outcome in outcomes(joiner)] == chosen


@pytest.mark.parametrize(
    ("at", "ended_at", "what"),
    [
        (80, 100, "rewards_early"),
        (99, 100, "rewards_early"),
        (100, 100, "rewards_joined"),
        (110, 110, "rewards_joined"),
    ],
)
@pytest.mark.parametrize("rewards_first", [True, False])
def test_both_ends_of_the_time_for_feedback_belong_to_it(at, ended_at, what, rewards_first) -> None:
    """A reward exactly early_ms before, and exactly horizon_ms after its decision joins, whichever is read first."""
    joiner = Joiner()
    steps = [("decisions", 100, decision()), ("rewards", at, reward())]
    for topic, time, event in reversed(steps) if rewards_first else steps:
        joiner.append(topic, time, event)
    (outcome,) = outcomes(joiner)
    assert (outcome.ended, outcome.ended_at_ms) == ("complete", ended_at)
    assert joiner.count("rewards_joined") == joiner.count(what) == 1


@pytest.mark.parametrize("rewards_first", [True, False])
def test_a_moment_outside_the_time_for_feedback_does_not_belong_to_it(rewards_first) -> None:
    """One millisecond too early is an orphan, one too late is late; the outcome ends at the horizon without them."""
    joiner = Joiner()
    order = ("rewards", "decisions") if rewards_first else ("decisions", "rewards")
    for topic in order:
        if topic == "decisions":
            joiner.append(topic, 100, decision())
        else:
            joiner.append(topic, 79, reward())
            joiner.append(topic, 111, reward())
    (outcome,) = outcomes(joiner)
    assert (outcome.ended, outcome.ended_at_ms, outcome.observations) == ("horizon", 110, {})
    assert joiner.count("rewards_orphan") == joiner.count("rewards_late") == 1
    assert joiner.reasons() == [Reason.ORPHAN]


def test_rewards_after_the_end_are_told_apart_until_the_decision_is_forgotten() -> None:
    """After completion: duplicate or surplus within the horizon, late until memory ends, then an orphan."""
    joiner = Joiner()
    joiner.append("decisions", 100, decision())
    for at, event in [(101, reward()), (102, reward()), (103, reward(thumbs=1.0)), (111, reward()), (160, reward())]:
        joiner.append("rewards", at, event)
    joiner.append("rewards", 161, reward())
    assert [joiner.count(f"rewards_{kind}") for kind in ("joined", "duplicate", "surplus", "late")] == [1, 1, 1, 2]
    assert (joiner.count("rewards_orphan"), joiner.processor.pending()) == (0, 1)
    joiner.append("decisions", 182, CLOCK)
    assert (joiner.count("rewards_orphan"), joiner.processor.pending()) == (1, 0)
    assert len(joiner.emitted) == 1


def test_held_rewards_are_told_apart_as_if_they_had_come_after_their_decision() -> None:
    """Of several rewards read before their decision the first completes it, and the others are what they are then."""
    joiner = Joiner()
    for at, event in [(99, reward()), (100, reward()), (101, reward(thumbs=1.0)), (102, reward()), (111, reward())]:
        joiner.append("rewards", at, event)
    joiner.append("decisions", 100, decision())
    (outcome,) = outcomes(joiner)
    assert (outcome.ended, outcome.ended_at_ms, outcome.observations) == ("complete", 100, {"success": 1.0})
    kinds = ("joined", "early", "duplicate", "surplus", "late")
    assert [joiner.count(f"rewards_{kind}") for kind in kinds] == [1, 1, 2, 1, 1]


def test_an_id_can_be_used_again_once_it_is_forgotten_even_while_rewards_lag() -> None:
    """Two decisions of one id, far apart, are both open while rewards lag behind, and each gets its own reward."""
    joiner = Joiner()
    for at in (100, 160, 161):  # remembered until 160
        joiner.append("decisions", at, decision())
    assert (joiner.count("decisions"), joiner.count("duplicate_decisions")) == (2, 1)
    joiner.checkpoint()
    joiner.crash()
    joiner.append("rewards", 105, reward(success=0.0))
    joiner.append("rewards", 165, reward(success=1.0))
    assert [(each.ordinal, each.observations["success"]) for each in outcomes(joiner)] == [(0, 0.0), (1, 1.0)]
    assert outcomes(joiner)[1].decision_offset == 2


@pytest.mark.parametrize("second_is_known", [True, False])
def test_a_reward_in_reach_of_two_decisions_of_one_id_is_the_first_one_s(second_is_known) -> None:
    """Late for the first, early for the second: it is late, whether or not the second had been read before it."""
    joiner = Joiner()
    steps = [("decisions", 100), ("rewards", 150), ("decisions", 161)]
    if second_is_known:
        steps[1:] = reversed(steps[1:])
    for topic, at in steps:
        joiner.append(topic, at, decision() if topic == "decisions" else reward())
    assert (joiner.count("decisions"), joiner.count("rewards_late"), joiner.count("rewards_joined")) == (2, 1, 0)


def test_decisions_are_forgotten_in_order_of_time_after_a_crash_too() -> None:
    """A decision with a short horizon does not wait for older ones with longer horizons to be forgotten."""
    joiner = Joiner(cached_bytes=0)
    for index, horizon in enumerate((1000, 900, 10, 20)):
        joiner.append("decisions", 100, decision(f"id{index}", horizon=horizon))
        joiner.append("rewards", 100, reward(f"id{index}"))
    joiner.checkpoint()
    joiner.crash()
    for topic in ("decisions", "rewards"):
        joiner.append(topic, 161, CLOCK)
    joiner.checkpoint()
    assert joiner.kept(b"d") == 3


def test_names_of_different_decisions_differ_whatever_they_hold() -> None:
    """Tenants cannot reach each other's decisions by ids that run into the name, NUL and non-ASCII included."""
    pairs = [("a", "bc"), ("ab", "c"), ("a\0", "b"), ("a", "\0b"), ("\u00e9" * 64, "x"), ("\u00e9" * 63, "\u00e9x")]
    assert len({name_of(*pair) for pair in pairs}) == len(pairs)
    assert [tenant_of(name_of(*pair)) for pair in pairs] == [tenant for tenant, _ in pairs]


def test_observations_never_outgrow_an_outcome_nor_push_out_what_is_awaited() -> None:
    """However many components a sender invents, the outcome decodes, and what is awaited still completes it."""
    joiner = Joiner()
    joiner.append("decisions", 100, decision(awaited=("success", "cost")))
    joiner.append("rewards", 101, reward(**{f"x{index}": 1.0 for index in range(MAX_OBSERVATIONS)}))
    joiner.append("rewards", 102, reward(extra=1.0))
    joiner.append("rewards", 103, reward(x1=0.0))
    joiner.append("rewards", 104, reward(cost=1.0, extra=1.0, success=1.0))
    (outcome,) = outcomes(joiner)
    assert (outcome.ended, len(outcome.observations)) == ("complete", MAX_OBSERVATIONS)
    assert list(outcome.observations)[-2:] == ["cost", "success"]
    kinds = ("joined", "surplus", "duplicate")
    assert [joiner.count(f"rewards_{kind}") for kind in kinds] == [2, 1, 1]


BROKEN: dict[str, tuple[str, bytes | None, bytes | None, Reason]] = {
    "random bytes": ("decisions", b"guild", b"\xc1\x00\xff", Reason.NOT_MESSAGEPACK),
    "truncated": ("rewards", b"guild", encode(reward())[:-3], Reason.NOT_MESSAGEPACK),
    "empty": ("rewards", b"guild", b"", Reason.NOT_MESSAGEPACK),
    "no value": ("decisions", b"guild", None, Reason.INVALID),
    "another version": ("decisions", b"guild", encode(["decision.9", "one"]), Reason.UNKNOWN_VERSION),
    "another type": ("rewards", b"guild", encode(decision()), Reason.UNKNOWN_TYPE),
    "another tenant's key": ("rewards", b"other", encode(reward()), Reason.WRONG_KEY),
    "no key": ("decisions", None, encode(decision()), Reason.WRONG_KEY),
    "key that is no text": ("decisions", b"\xff", encode(decision()), Reason.WRONG_KEY),
    "choice outside the arms": ("decisions", b"guild", encode(decision(choice=2)), Reason.INVALID),
    "propensities of another length": ("decisions", b"guild", encode(decision(propensities=bytes(7))), Reason.INVALID),
    "too much awaited": (
        "decisions",
        b"guild",
        encode(decision(awaited=tuple(f"c{index}" for index in range(MAX_OBSERVATIONS + 1)))),
        Reason.INVALID,
    ),
    "negative cost": ("rewards", b"guild", encode(reward(cost=-1.0)), Reason.INVALID),
    "not a number": ("rewards", b"guild", encode(reward(cost=float("nan"))), Reason.INVALID),
    "two megabytes of reward": ("rewards", b"guild", bytes(2_000_000), Reason.TOO_LARGE),
    "two megabytes of decision": (
        "decisions",
        b"guild",
        b"\xdc\x00\x10" + encode(decision())[1:] + b"\xc6" + (2_000_000).to_bytes(4, "big") + bytes(2_000_000),
        Reason.TOO_LARGE,
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_bad_record_is_dead_lettered_whole_and_the_stream_goes_on(what) -> None:
    """Each kind of bad record is kept with its reason, counted, moves the watermark, and what follows is joined."""
    topic, key, value, reason = BROKEN[what]
    joiner = Joiner()
    joiner.append(topic, 90, value, key)
    assert joiner.processor.watermarks[topic] == 90
    joiner.append("decisions", 100, decision())
    joiner.append("rewards", 101, reward())
    assert joiner.reasons() == [reason]
    ((dead_topic, record, _),) = joiner.dead
    assert (dead_topic, record.key, record.value, record.timestamp) == (topic, key, value, 90)
    assert sum(counts["bad"] for counts in joiner.processor.tallies().values()) == 1
    assert [outcome.ended for outcome in outcomes(joiner)] == ["complete"]


def test_a_topic_the_joiner_does_not_read_is_refused() -> None:
    """Wiring a wrong source is an error at once, not silence."""
    with pytest.raises(ValueError, match="reads decisions and rewards, not 'contexts'"):
        Joiner().processor.apply("contexts", [])


def test_intervals_cannot_be_negative() -> None:
    """A joiner that could never join is not built."""
    with pytest.raises(ValueError, match="remember_ms is -1"):
        JoinerProcessor(0, MemoryState(), lambda *_: None, lambda *_: None, remember_ms=-1)


def test_clocks_are_asked_for_where_something_is_due_and_nowhere_else() -> None:
    """Nothing due, no clock; a deadline passed, one on rewards; a held reward given up, one on decisions."""
    idle = {"decisions": 5.0, "rewards": 5.0}
    joiner = Joiner()
    assert joiner.processor.clock_wanted(idle) == ()
    joiner.append("decisions", 100, decision())  # rewards never had a record: the present is told by decisions
    assert joiner.processor.clock_wanted({"decisions": 10, "rewards": 10**6}) == ()
    assert joiner.processor.clock_wanted({"decisions": 11, "rewards": 0}) == ("rewards",)
    assert joiner.processor.clock_wanted({"decisions": 11}) == ()  # rewards lag: what is there must be read first
    joiner.append("rewards", 111, CLOCK)
    assert joiner.processor.clock_wanted({"decisions": 10**6, "rewards": 10**6}) == ()

    joiner = Joiner()
    joiner.append("rewards", 100, reward())  # and here decisions never had one
    assert joiner.processor.clock_wanted({"decisions": 10**6, "rewards": 20}) == ()
    assert joiner.processor.clock_wanted({"decisions": 0, "rewards": 21}) == ("decisions",)
    joiner.append("decisions", 121, CLOCK)
    assert joiner.reasons() == [Reason.ORPHAN]
    assert joiner.processor.clock_wanted({"decisions": 10**6, "rewards": 10**6}) == ()


def test_a_watermark_from_before_a_long_stop_does_not_delay_a_horizon() -> None:
    """Rewards last came an hour ago and the worker started anew: a decision of now still ends at its own horizon."""
    joiner = Joiner()
    joiner.append("rewards", 100, CLOCK)
    joiner.append("decisions", 3_600_100, decision())
    assert joiner.processor.clock_wanted({"decisions": 11, "rewards": 30}) == ("rewards",)


def test_an_outcome_that_begins_and_ends_between_checkpoints_costs_what_is_remembered() -> None:
    """One put for the decision's memory, none for the reward it took; nothing is deleted that was not put; no reads."""
    joiner = Joiner(cached_bytes=1 << 20)
    joiner.append("rewards", 99, reward())
    joiner.append("decisions", 100, decision())
    reads = joiner.state.reads
    for index in range(50):
        joiner.append("decisions", 100, decision(f"fresh{index}"))
        joiner.append("rewards", 100, reward(f"fresh{index}"))
    assert joiner.state.reads == reads, "a decision in memory was read from the state"
    joiner.checkpoint()
    assert joiner.kept(b"d") == 51
    assert (joiner.state.puts, joiner.state.deletes) == (51 + 2, 0)  # the tenant's tally and the position
    assert max(len(value) for key, value in joiner.state.items.items() if key.startswith(b"d")) < 40
    joiner.checkpoint()
    assert joiner.state.puts == 51 + 2, "a checkpoint without change writes"
    joiner.append("decisions", 100, decision("brief", horizon=0))
    for topic in ("decisions", "rewards"):
        joiner.append(topic, 1000, CLOCK)
    joiner.checkpoint()
    assert (joiner.kept(b"d"), joiner.state.deletes, joiner.state.puts) == (0, 51, 51 + 4)


def test_memory_holds_no_more_entries_than_asked() -> None:
    """After a checkpoint decisions and held rewards are in memory within `cached_bytes`, the rest in the state."""
    size = len(encode(decision("known10")))
    joiner = Joiner(cached_bytes=3 * size, early=1000)
    for index in range(20):
        joiner.append("decisions", 100, decision(f"known{index}"))
        joiner.append("rewards", 100, reward(f"unknown{index}"))
    joiner.checkpoint()
    assert joiner.processor._decisions.in_ring == 3 * size
    assert joiner.processor._held.in_ring == 3 * size
    for index in range(20):
        reads = joiner.state.reads
        joiner.append("rewards", 101, reward(f"known{index}"))
        assert joiner.state.reads == reads + (index < 17)
        joiner.append("decisions", 101, decision(f"unknown{index}"))
    assert (joiner.processor.pending(), len(joiner.emitted)) == (0, 40)
    assert all(isinstance(outcome.decision, Decision) for outcome in outcomes(joiner))


def test_what_is_over_leaves_memory_too() -> None:
    """After all is forgotten and given up, memory holds no entry or name, and a checkpoint deletes nothing twice."""
    joiner = Joiner(cached_bytes=1 << 20)
    joiner.append("decisions", 100, decision())
    joiner.append("rewards", 100, reward())
    for _ in range(2):
        joiner.append("rewards", 100, reward("unknown"))
    joiner.checkpoint()
    for topic in ("decisions", "rewards"):
        joiner.append(topic, 1000, CLOCK)
    for _ in range(2):
        joiner.checkpoint()
    decisions, held = joiner.processor._decisions, joiner.processor._held
    assert (decisions.known, decisions.open, len(decisions._due), len(decisions._over)) == (0, 0, 0, 0)
    assert (decisions._slots == -1).all()
    assert (len(held), held._marks[KNOWN], len(held._order)) == (0, 0, 0)
    assert (held._slots == -1).all()
    assert joiner.state.deletes == 3


def test_open_decisions_are_found_with_what_was_observed() -> None:
    """A decision is found by tenant and id while its outcome is open, from memory and from the state, and then not."""
    joiner = Joiner(cached_bytes=0)
    name = "n" * 40
    made = decision("one", awaited=("success", name))
    joiner.append("decisions", 100, decision("other"))
    joiner.append("decisions", 100, made)
    joiner.append("rewards", 101, reward("one", success=0.25))
    assert joiner.processor.find_open("guild", "one") == (made, {"success": 0.25})
    joiner.checkpoint()
    joiner.append("rewards", 102, reward("one", comment=-3.0))
    assert joiner.processor.find_open("guild", "one") == (made, {"success": 0.25, "comment": -3.0})
    joiner.checkpoint()
    joiner.crash()
    assert joiner.processor.find_open("guild", "one") == (made, {"success": 0.25, "comment": -3.0})
    for tenant, id_ in (("guild", "two"), ("stranger", "one"), ("guild", "")):
        assert joiner.processor.find_open(tenant, id_) is None
    joiner.append("rewards", 103, reward("one", **{name: 1.0}))
    assert joiner.processor.find_open("guild", "one") is None
    assert joiner.processor.find_open("guild", "other") == (decision("other"), {})
