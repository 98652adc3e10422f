"""Logs worked out by hand: the arithmetic stands in the comments, and the audit must come to the same."""

import pytest
from msgspec.structs import replace

from infra.audit.partition import PartitionReading, audit_partition
from schemas.errors import Reason
from schemas.events import Clock, Context, Reward

from .logs import DOMAIN, FEATURES, SPEC, TENANT, Logs, decision, faults, packed, places

BOTH = {"success": 1.0, "cost": 0.01}
NAME = (TENANT, DOMAIN)


def asked(logs: Logs, time: int, id_: str, **changes: object) -> int:
    """A context, and 5 ms later its decision; the decision's offset."""
    offset = logs.context(time, id_)
    return logs.decision(time + 5, decision(id_, offset, **changes))  # type: ignore[arg-type]


def test_a_complete_and_a_horizon_outcome() -> None:
    """Counts, reward, cost, latency and arms of two decisions are those of the pencil."""
    logs = Logs()
    logs.spec(0, 1)
    a = asked(logs, 1_000, "a")  # decided 1005, deadline 2005
    b = logs.context(1_100, "b")
    b = logs.decision(1_130, decision("b", b, choice=1))  # deadline 2130, latency 30
    logs.reward(1_200, "a", {"success": 1.0})
    logs.reward(1_300, "a", {"cost": 0.01})  # completes a at 1300
    logs.reward(2_130, "b", {"success": 0.0})  # the last millisecond of b
    logs.clock(2_131)
    logs.outcome(1_310, 0, a, "complete", 1_300, BOTH)
    logs.outcome(2_140, 1, b, "horizon", 2_130, {"success": 0.0})

    audit = logs.audit()

    assert faults(audit) == {}
    assert (audit.contexts, audit.decisions, audit.outcomes) == (2, 2, 2)
    assert audit.rewards == {"joined": 3}
    figures = audit.tallies[NAME].audited(*NAME)
    assert (figures.interactions, figures.outcomes, figures.complete, figures.horizon) == (2, 2, 1, 1)
    # a: success u = 1 weight 3, cost u = (0.01 - 0.02) / (0 - 0.02) = 0.5 weight 1: 3.5 / 4.  b: 0, and cost unseen: 0.
    assert figures.reward_mean == pytest.approx((0.875 + 0.0) / 2)
    assert figures.cost_mean == pytest.approx(0.01)  # a's alone
    assert figures.success_mean == pytest.approx(0.5)
    assert figures.latency_ms_p50 == pytest.approx(17.5)  # of 5 and 30
    assert figures.arms == {"small": 1, "large": 1}


def test_every_kind_of_reward() -> None:
    """Joined, duplicate, surplus, late, orphan and early are told apart, at both edges of the window."""
    logs = Logs()
    logs.spec(0, 1)
    logs.reward(999, "a", {"success": 0.0})  # 1 ms before the earliest, 1500 - 500: of nobody
    logs.reward(1_000, "a", {"success": 1.0})  # at the edge: belongs to a, before a is there
    logs.context(1_490, "a")
    a = logs.decision(1_500, decision("a"))
    logs.reward(1_600, "a", {"success": 0.0})  # the first observation counted
    logs.reward(1_700, "a", {"success": 0.0, "cost": 0.01})  # cost is new: joined, and success stays; completes
    logs.reward(1_800, "a", {"thumbs": 1.0})  # new, but it is over: surplus
    logs.reward(1_900, "a", {"cost": 0.5})  # all known: duplicate
    logs.reward(2_500, "a", {"success": 1.0, "thumbs": 1.0})  # the last millisecond, one unknown: surplus
    logs.reward(2_501, "a", {"thumbs": 1.0})  # late
    logs.reward(2_501, "nobody", {"success": 1.0})
    logs.outcome(2_600, 0, a, "complete", 1_700, BOTH)

    audit = logs.audit()

    assert faults(audit) == {}
    assert audit.rewards == {"joined": 2, "early": 1, "duplicate": 2, "surplus": 2, "late": 1, "orphan": 2}
    assert audit.orphans == {TENANT: 2}
    assert audit.tallies[NAME].audited(*NAME).rewards == {
        "joined": 2, "duplicate": 2, "surplus": 2, "late": 1, "early": 1,
    }  # fmt: skip


def test_held_rewards_complete_at_the_decision() -> None:
    """What was all observed before the decision ends it at its own time, once; the next held reward is surplus."""
    logs = Logs()
    logs.spec(0, 1)
    logs.reward(1_000, "a", BOTH)
    logs.reward(1_100, "a", {"thumbs": 1.0})
    logs.context(1_000, "a")
    a = logs.decision(1_200, decision("a"))
    logs.outcome(1_300, 0, a, "complete", 1_200, BOTH)

    audit = logs.audit()

    assert faults(audit) == {}
    assert audit.rewards == {"joined": 1, "surplus": 1, "early": 2}


def test_nothing_awaited_ends_at_the_horizon_only() -> None:
    """A decision that awaits nothing takes observations until its horizon."""
    logs = Logs()
    logs.spec(0, 1)
    a = asked(logs, 1_000, "a", awaited=())
    logs.reward(1_100, "a", {"success": 1.0})
    logs.reward(2_005, "a", {"cost": 0.01})
    logs.clock(2_006)
    logs.outcome(2_010, 0, a, "horizon", 2_005, BOTH)

    assert faults(logs.audit()) == {}


def test_time_is_the_running_maximum() -> None:
    """A record stamped before its predecessor has its predecessor's time, also if that one cannot be read."""
    logs = Logs()
    logs.spec(0, 1)
    logs.context(900, "a")
    logs.raw("decisions", 1_000, None, b"\xc1")
    logs.dead_letter(1_000, "decisions", 0)
    a = logs.decision(990, decision("a"))  # at 1000: deadline 2000
    logs.reward(2_001, "other", {"success": 1.0})
    logs.reward(1_500, "a", {"success": 1.0})  # at 2001: late
    logs.outcome(2_100, 0, a, "horizon", 2_000, {})

    audit = logs.audit()

    # The builder writes the append time, 990; the rule says 1000.
    assert faults(audit) == {"outcome wrong": 1}
    (problem,) = audit.findings.problems()
    assert "decided_at_ms is 990; 1000 is expected" in problem
    assert audit.rewards == {"late": 1, "orphan": 1}
    assert audit.bad == {"decisions": 1}


def test_an_id_is_taken_until_it_is_forgotten() -> None:
    """D1 + horizon + remember >= D2 is a duplicate decision, at the edge too; 1 ms later it counts again."""
    logs = Logs()
    logs.spec(0, 1)
    a = asked(logs, 995, "a")  # at 1000: taken until 1000 + 1000 + 2000 = 4000
    logs.decision(1_001, decision("a", choice=1))  # the router decided again after a crash
    logs.decision(4_000, decision("a"))
    again = logs.decision(4_001, decision("a"))
    logs.clock(5_002)
    logs.outcome(5_003, 0, a, "horizon", 2_000, {})
    logs.outcome(5_003, 1, again, "horizon", 5_001, {})

    audit = logs.audit()

    assert faults(audit) == {}
    assert (audit.contexts, audit.decisions, audit.duplicate_decisions) == (1, 2, 2)
    figures = audit.tallies[NAME].audited(*NAME)
    assert figures.latency_ms_p99 == pytest.approx(5.0)  # of the first decision record alone
    assert figures.arms == {"small": 2}


def test_an_id_is_its_first_decision_s_until_it_is_forgotten() -> None:
    """A reward after the horizon is late while the first decision is remembered, then the next decision's, or nobody's.

    Taken until 1000 + 1000 + 2000 = 4000; the next with this id, at 4400, takes early rewards from 3900 on.
    """
    logs = Logs()
    logs.spec(0, 1)
    a = asked(logs, 995, "a")
    b = asked(logs, 995, "b")
    again = logs.decision(4_400, decision("a"))
    logs.reward(4_000, "a", {"success": 0.0})  # late, though the next decision could claim it
    logs.reward(4_000, "b", {"success": 0.0})  # late
    logs.reward(4_001, "a", {"success": 1.0})  # early for the next
    logs.reward(4_001, "b", {"success": 1.0})  # nobody's
    logs.clock(5_401)
    logs.outcome(5_500, 0, a, "horizon", 2_000, {})
    logs.outcome(5_500, 1, b, "horizon", 2_000, {})
    logs.outcome(5_500, 2, again, "horizon", 5_400, {"success": 1.0})

    audit = logs.audit()

    assert faults(audit) == {}
    assert audit.rewards == {"late": 2, "joined": 1, "early": 1, "orphan": 1}


def test_an_open_decision_is_not_missing_and_must_have_no_outcome() -> None:
    """At the very deadline a reward in time may still come: no outcome is due, and one that is there is wrong."""
    logs = Logs()
    logs.spec(0, 1)
    a = asked(logs, 1_000, "a")  # deadline 2005
    logs.clock(2_005)
    assert faults(logs.audit()) == {}

    logs.outcome(2_005, 0, a, "horizon", 2_005, {})
    assert faults(logs.audit()) == {"outcome wrong": 1}


def test_missing_outcomes_name_their_decisions() -> None:
    """An outcome is due 1 ms after the deadline, or as soon as it is complete."""
    logs = Logs()
    logs.spec(0, 1)
    asked(logs, 1_000, "a")
    asked(logs, 1_900, "b")
    logs.reward(1_950, "b", BOTH)
    logs.clock(2_006)

    audit = logs.audit()

    assert faults(audit) == {"outcome missing": 2}
    assert places(audit) == ["decisions partition 0 offset 0", "decisions partition 0 offset 1"]


def test_repeated_is_harmless_and_doubled_is_not() -> None:
    """The same bytes again are a repetition; another ordinal, or other content, doubles the outcome, once each."""
    logs = Logs()
    logs.spec(0, 1)
    a, b, c = (asked(logs, 1_000 + i, id_) for i, id_ in enumerate("abc"))
    logs.clock(3_000)
    for _ in range(3):
        logs.outcome(3_000, 0, a, "horizon", 2_005, {})
    logs.outcome(3_000, 1, b, "horizon", 2_006, {})
    for _ in range(2):
        logs.outcome(3_000, 3, b, "horizon", 2_006, {})  # spec change, a, a, a, b: offset 5
    logs.outcome(3_000, 2, c, "horizon", 2_007, {})
    logs.outcome(3_000, 2, c, "complete", 2_007, BOTH)  # ... b, b, c: offset 8

    audit = logs.audit()

    assert faults(audit) == {"outcome doubled": 2}
    assert places(audit) == ["outcomes partition 0 offset 5", "outcomes partition 0 offset 8"]
    assert (audit.outcomes, audit.outcomes_repeated) == (4, 3)  # a reader would count four


def test_a_duplicate_decision_with_an_outcome_of_its_own_is_doubled() -> None:
    """A joiner that numbered the repeated decision record too has two outcomes of one decision."""
    logs = Logs()
    logs.spec(0, 1)
    a = asked(logs, 1_000, "a")
    repeated = logs.decision(1_010, decision("a", choice=1))
    logs.clock(3_000)
    logs.outcome(3_000, 0, a, "horizon", 2_005, {})
    logs.outcome(3_000, 1, repeated, "horizon", 2_010, {})

    assert faults(logs.audit()) == {"outcome doubled": 1}


def test_three_outcomes_are_one_decision_doubled() -> None:
    """Doubled counts decisions, not records."""
    logs = Logs()
    logs.spec(0, 1)
    a = asked(logs, 1_000, "a")
    logs.clock(3_000)
    for ordinal in range(3):
        logs.outcome(3_000, ordinal, a, "horizon", 2_005, {})

    assert faults(logs.audit()) == {"outcome doubled": 1}


def test_an_outcome_is_of_the_decision_at_its_offset() -> None:
    """When an id counts twice, an outcome is judged against the record it names, or the one that this repeats."""
    logs = Logs()
    logs.spec(0, 1)
    a = asked(logs, 995, "a")  # at 1000: taken until 4000
    repeated = logs.decision(1_010, decision("a"))
    again = logs.decision(4_001, decision("a"))
    logs.clock(5_002)
    logs.outcome(5_003, 1, again, "horizon", 5_001, {})
    logs.outcome(5_003, 0, a, "horizon", 2_000, {})
    assert faults(logs.audit()) == {}
    logs.outcome(5_003, 2, repeated, "horizon", 2_010, {})

    audit = logs.audit()

    assert faults(audit) == {"outcome doubled": 1}
    assert next(iter(audit.findings.problems())).endswith("with ordinal 2 after 0")

    (spec, second, _, _) = logs.topics["outcomes"]
    logs.topics["outcomes"] = [spec, second]
    record = logs.topics["decisions"][a]
    logs.topics["decisions"][a] = record._replace(timestamp=1_001)
    logs.outcome(5_003, 0, a, "horizon", 2_000, {})
    logs.topics["decisions"][a] = record  # the outcome says 1001, the log 1000

    (problem,) = logs.audit().findings.problems()
    assert problem.startswith("outcome wrong: ")
    assert "decided_at_ms is 1001; 1000" in problem


def test_wrong_outcomes_say_what_was_expected() -> None:
    """Each field that is not what the join says is named, with both values."""
    wrong: dict[str, tuple[int, str, int, dict[str, float]]] = {
        "ended is": (0, "horizon", 1_100, BOTH),
        "ended_at_ms is 1101; 1100": (0, "complete", 1_101, BOTH),
        "observations is": (0, "complete", 1_100, {"success": 1.0, "cost": 0.02}),
        "ordinal is 1; 0": (1, "complete", 1_100, BOTH),
    }
    for sentence, (ordinal, ended, ended_at, observations) in wrong.items():
        logs = Logs()
        logs.spec(0, 1)
        a = asked(logs, 1_000, "a")
        logs.reward(1_100, "a", BOTH)
        logs.outcome(3_000, ordinal, a, ended, ended_at, observations)
        audit = logs.audit()
        assert faults(audit) == {"outcome wrong": 1}
        (problem,) = audit.findings.problems()
        assert problem.startswith("outcome wrong: outcomes partition 0 offset 1: ")
        assert sentence in problem


def test_lost_contexts_and_dead_letters() -> None:
    """A context is settled by a decision or a dead letter; one that cannot be read, by its dead letter only."""
    logs = Logs()
    settled = logs.context(1_000, "refused")
    logs.dead_letter(1_001, "contexts", settled, Reason.UNKNOWN_DOMAIN)
    logs.dead_letter(1_002, "contexts", settled, Reason.UNKNOWN_DOMAIN)  # again, after a crash
    logs.context(1_010, "lost")  # 1
    logs.context(1_011, "lost")  # 2: the same id is the same context
    kept = logs.raw("contexts", 1_020, b"acme", b"\xc1")
    logs.dead_letter(1_021, "contexts", kept)
    logs.raw("contexts", 1_030, None, b"\xc1")  # 4: vanished
    logs.event("contexts", 1_040, Context("x", "other", DOMAIN, FEATURES), key="acme")  # 5: vanished

    audit = logs.audit()

    assert faults(audit) == {"decision lost": 3}
    assert sorted(places(audit)) == [f"contexts partition 0 offset {offset}" for offset in (1, 4, 5)]
    assert audit.contexts == 2
    assert audit.bad == {"contexts": 3}
    assert audit.dead_letters == {"unknown-domain": 1, "not-messagepack": 1}
    assert audit.dead_letters_repeated == 1


def test_a_dead_letter_must_hold_the_record_it_names() -> None:
    """Another value, another partition and a record that is not there are faults, and settle no context."""
    logs = Logs(partition=3)
    logs.context(1_000, "a")
    logs.dead_letter(1_001, "contexts", 0)
    (letter,) = logs.topics["dead-letters"]
    assert letter.value is not None
    elsewhere = Logs(partition=2)
    elsewhere.context(1_000, "a")
    elsewhere.dead_letter(1_001, "contexts", 0)
    for value in (letter.value.replace(FEATURES, packed(9.0, 9.0)), elsewhere.topics["dead-letters"][0].value):
        logs.topics["dead-letters"] = [letter._replace(value=value)]
        assert faults(logs.audit()) == {"dead letter wrong": 1, "decision lost": 1}

    logs.topics["dead-letters"] = [letter]
    assert faults(logs.audit()) == {}
    logs.topics["contexts"] = []
    assert faults(logs.audit()) == {"dead letter wrong": 1}


def test_decisions_without_a_context() -> None:
    """A decision of an id, or a tenant, that nobody asked for is found; its context is lost."""
    logs = Logs()
    offset = logs.context(1_000, "a")
    logs.decision(1_001, decision("a", offset, tenant="other"))
    assert faults(logs.audit()) == {"decision without context": 1, "decision lost": 1}


def test_records_of_the_wrong_tenant_count_for_nothing() -> None:
    """A decision, reward or outcome whose key is not its tenant is bad, changes no figure and needs a dead letter."""
    logs = Logs()
    logs.spec(0, 1)
    a = asked(logs, 1_000, "a")
    logs.event("decisions", 1_010, decision("b"), key="other")
    logs.event("rewards", 1_020, Reward("r", TENANT, "a", BOTH), key="other")
    logs.raw("rewards", 1_030, b"acme", b"")
    logs.event("rewards", 3_000, Clock(), key="anything")
    logs.outcome(3_000, 0, a, "horizon", 2_005, {})
    logs.topics["outcomes"].append(logs.topics["outcomes"][1]._replace(offset=2, key=b"other"))

    audit = logs.audit()

    assert faults(audit) == {"record vanished": 4}
    assert audit.bad == {"decisions": 1, "rewards": 2, "outcomes": 1}
    assert (audit.decisions, audit.outcomes, audit.rewards.total()) == (1, 1, 0)

    for topic, offset in (("decisions", 1), ("rewards", 0), ("rewards", 1), ("outcomes", 2)):
        logs.dead_letter(3_100, topic, offset)
    assert faults(logs.audit()) == {}


@pytest.mark.parametrize(
    ("propensities", "says"),
    [
        (packed(0.5, 0.49998), "sum to"),
        (packed(0.96, 0.04), "arm 'large' has propensity"),  # 0.1 / 2 = 0.05 is the least
        (packed(0.5), "4 bytes"),
        (packed(float("nan"), 1.0), "sum to nan"),
        (packed(1.2, -0.2), "none may be negative"),
    ],
    ids=["sum", "floor", "length", "nan", "negative"],
)
def test_propensities(propensities: bytes, says: str) -> None:
    """Propensities that do not sum to 1, miss an arm or leave the floor are found in every decision record."""
    logs = Logs()
    logs.spec(0, 1)
    asked(logs, 1_000, "fine", propensities=packed(0.95, 0.05))
    asked(logs, 1_000, "a", propensities=propensities)
    logs.decision(1_010, decision("a", propensities=propensities))

    audit = logs.audit()

    assert faults(audit) == {"propensities wrong": 2}
    assert all(says in problem for problem in audit.findings.problems())
    assert places(audit) == ["decisions partition 0 offset 1", "decisions partition 0 offset 2"]


def test_the_floor_is_that_of_the_version_that_decided() -> None:
    """A lower minimum in a later version excuses nothing, and an unknown version is not checked for its floor."""
    logs = Logs()
    logs.spec(0, 1)
    logs.spec(0, 2, replace(SPEC, exploration_minimum=0.01))
    low = packed(0.99, 0.01)
    asked(logs, 1_000, "two", spec=2, propensities=low)
    asked(logs, 1_000, "unknown", spec=7, propensities=low)
    assert faults(logs.audit()) == {}
    asked(logs, 1_000, "one", spec=1, propensities=low)
    assert faults(logs.audit()) == {"propensities wrong": 1}


def test_reward_is_that_of_the_specification_in_force() -> None:
    """An outcome is worth what the newest version before it in the log says; without one its reward is not known."""
    only_success = replace(SPEC, reward={"success": SPEC.reward["success"]})
    logs = Logs()
    offsets = [asked(logs, 1_000, f"a{i}") for i in range(4)]
    for i in range(4):
        logs.reward(1_100, f"a{i}", BOTH)
    logs.outcome(1_200, 0, offsets[0], "complete", 1_100, BOTH)  # nothing in force
    logs.spec(1_200, 2)
    logs.outcome(1_200, 1, offsets[1], "complete", 1_100, BOTH)  # 3.5 / 4
    logs.spec(1_200, 1, only_success)  # older: ignored
    logs.spec(1_200, 3, only_success)
    logs.outcome(1_200, 2, offsets[2], "complete", 1_100, BOTH)  # 1
    logs.spec(1_200, 4, None)
    logs.outcome(1_200, 3, offsets[3], "complete", 1_100, BOTH)  # removed

    audit = logs.audit()

    assert faults(audit) == {}
    figures = audit.tallies[NAME].audited(*NAME)
    assert figures.outcomes == 4
    assert figures.reward_mean == pytest.approx((0.875 + 1.0) / 2)


def test_examples_are_ten_and_the_rest_a_number() -> None:
    """A hundred faults of one kind are ten sentences and a count."""
    logs = Logs()
    for i in range(100):
        logs.context(1_000, f"c{i}")
    problems = list(logs.audit().findings.problems())
    assert len(problems) == 11
    assert problems[-1] == "decision lost: and 90 more"


def test_topics_must_come_in_order() -> None:
    """Decisions shown after outcomes would be judged wrongly: refused; an empty deployment is fine."""
    reading = PartitionReading(0, early_ms=1, remember_ms=1)
    reading.feed("outcomes", [])
    with pytest.raises(ValueError, match="decisions after outcomes"):
        reading.feed("decisions", [])
    assert faults(audit_partition(0, {}, early_ms=1, remember_ms=1)) == {}
