"""Logged probabilities that nobody could learn from are found."""

import pytest
from msgspec.structs import replace

from .logs import NAME, SPEC, Logs, asked, decision, faults, packed, places


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


def test_a_choice_that_is_no_arm() -> None:
    """A choice beyond the arms is found, and counts for no arm."""
    logs = Logs()
    asked(logs, 1_000, "a", choice=2)

    audit = logs.audit()

    assert faults(audit) == {"propensities wrong": 1}
    (problem,) = audit.findings.problems()
    assert problem.endswith("the choice is arm 2 of 2")
    assert audit.tallies[NAME].figures(*NAME).arms == {}


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
