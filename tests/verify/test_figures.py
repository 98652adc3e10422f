"""Figures of tenants and domains, worked out by hand."""

import pytest
from msgspec.structs import replace

from infra.verify.partition import PartitionFigures
from schemas.errors import Reason

from .logs import BOTH, NAME, SPEC, TENANT, Logs, asked, decision, faults


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
    figures = audit.tallies[NAME].figures(*NAME)
    assert (figures.interactions, figures.outcomes, figures.complete, figures.horizon) == (2, 2, 1, 1)
    # a: success u = 1 weight 3, cost u = (0.01 - 0.02) / (0 - 0.02) = 0.5 weight 1: 3.5 / 4.  b: 0, and cost unseen: 0.
    assert figures.reward_mean == pytest.approx((0.875 + 0.0) / 2)
    assert figures.cost_mean == pytest.approx(0.01)  # a's alone
    assert figures.success_mean == pytest.approx(0.5)
    assert figures.latency_ms_p50 == pytest.approx(17.5)  # of 5 and 30
    assert figures.arms == {"small": 1, "large": 1}


def test_reward_is_that_of_the_specification_in_force() -> None:
    """An outcome is worth what the newest version before it in the log says; without one its reward is not known."""
    only_success = replace(SPEC, reward={"success": SPEC.reward["success"]})
    logs = Logs()
    offsets = [asked(logs, 1_000, f"a{i}") for i in range(4)]
    for i in range(4):
        logs.reward(1_100, f"a{i}", BOTH)
    logs.outcome(1_200, 0, offsets[0], "complete", 1_100, BOTH)  # nothing in force
    logs.spec(1_200, 2)
    logs.spec(1_200, 1, only_success)  # older: ignored
    logs.outcome(1_200, 1, offsets[1], "complete", 1_100, BOTH)  # 3.5 / 4
    logs.spec(1_200, 3, only_success)
    logs.outcome(1_200, 2, offsets[2], "complete", 1_100, BOTH)  # 1
    logs.spec(1_200, 4, None)
    logs.outcome(1_200, 3, offsets[3], "complete", 1_100, BOTH)  # removed

    audit = logs.audit()

    assert faults(audit) == {}
    figures = audit.tallies[NAME].figures(*NAME)
    assert figures.outcomes == 4
    assert figures.reward_mean == pytest.approx((0.875 + 1.0) / 2)


def test_partitions_add_up() -> None:
    """Figures of partitions are sums, means are over all records, percentiles over all latencies, examples ten."""
    total = PartitionFigures()
    for number, (cost, delay) in enumerate(((0.01, 10), (0.03, 30))):
        logs = Logs(number)
        logs.spec(0, 1 + number)
        context = logs.context(1_000, "a")
        a = logs.decision(1_000 + delay, decision("a", context))
        logs.reward(1_100, "a", {"success": float(number), "cost": cost})
        logs.reward(1_100, "nobody", BOTH)
        logs.outcome(1_200, 0, a, "complete", 1_100, {"success": float(number), "cost": cost})
        for i in range(7):
            logs.context(2_000, f"lost{i}")
        logs.dead_letter(2_000, "rewards", 1, Reason.ORPHAN)
        total.merge(logs.audit())

    assert (total.contexts, total.decisions, total.outcomes) == (16, 2, 2)
    assert total.dead_letters == {"orphan": 2}
    assert total.rewards == {"joined": 2, "orphan": 2}
    assert total.orphans == {TENANT: 2}
    assert total.announced[NAME].version == 2
    figures = total.tallies[NAME].figures(*NAME)
    assert figures.cost_mean == pytest.approx(0.02)
    assert figures.success_mean == pytest.approx(0.5)
    # u_cost = 0.5 and 0 (0.03 is beyond the worst, 0.02): (0 * 3 + 0.5) / 4 and (1 * 3 + 0) / 4
    assert figures.reward_mean == pytest.approx((0.125 + 0.75) / 2)
    assert figures.latency_ms_p50 == pytest.approx(20.0)
    assert figures.latency_ms_p99 == pytest.approx(10.0 + 0.99 * 20.0)
    problems = list(total.findings.problems())
    assert len(problems) == 11
    assert problems[-1] == "decision lost: and 4 more"


def test_examples_are_ten_and_the_rest_a_number() -> None:
    """A hundred faults of one kind are ten sentences and a count."""
    logs = Logs()
    for i in range(100):
        logs.context(1_000, f"c{i}")
    problems = list(logs.audit().findings.problems())
    assert len(problems) == 11
    assert problems[-1] == "decision lost: and 90 more"
