"""The join, worked out by hand: the arithmetic stands in the comments, and the audit must come to the same."""

import pytest

from infra.verify.findings import Pending
from infra.verify.partition import PartitionReading
from schemas.errors import Reason

from .logs import BOTH, NAME, TENANT, Logs, asked, decision, examine, faults


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
    logs.dead_letter(2_600, "rewards", 0, Reason.ORPHAN)  # a decision after 1 499 has been seen; 3 001 is to come

    audit = logs.audit()

    assert faults(audit) == {}
    assert audit.findings.pending == {Pending.HELD: 1}
    assert audit.rewards == {"joined": 2, "early": 1, "duplicate": 2, "surplus": 2, "late": 1, "orphan": 2}
    assert audit.orphans == {TENANT: 2}
    assert audit.tallies[NAME].figures(*NAME).rewards == {
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
    figures = audit.tallies[NAME].figures(*NAME)
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
    logs.dead_letter(5_500, "rewards", 3, Reason.ORPHAN)

    audit = logs.audit()

    assert faults(audit) == {}
    assert audit.rewards == {"late": 2, "joined": 1, "early": 1, "orphan": 1}


def test_topics_must_come_in_order() -> None:
    """Decisions shown after outcomes would be judged wrongly: refused; an empty deployment is fine."""
    reading = PartitionReading(0, early_ms=1, remember_ms=1)
    reading.feed("outcomes", [])
    with pytest.raises(ValueError, match="decisions after outcomes"):
        reading.feed("decisions", [])
    assert faults(examine(0, {})) == {}
