"""Outcomes missing, doubled, repeated and wrong, in logs written by hand."""

from .logs import BOTH, Logs, asked, decision, faults, places


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
