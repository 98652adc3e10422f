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


@pytest.mark.parametrize(
    ("after", "chain", "says"),
    [
        (None, None, None),
        ("parent", 0.75, None),
        ("parent", None, None),  # the router did not know it
        ("child", 0.75 * 0.25, None),
        ("twice", 0.75, None),  # the first decision with an id counts
        ("parent", 0.25, "the chain is 0.25; with that of 'parent' it is 0.75"),
        ("child", 0.25, "with that of 'child' it is 0.1875"),
        ("lost", 0.5, "with that of 'lost' it is None"),
        ("nobody", 0.5, "there is no decision 'nobody' before it"),
        (None, 0.5, "it follows from no decision"),
    ],
)
def test_chains_are_products(after: str | None, chain: float | None, says: str | None) -> None:
    """A chain is the product of the probabilities of what was chosen before, to the last bit, or it is not known."""
    logs = Logs()
    logs.spec(0, 1)
    asked(logs, 1_000, "parent", propensities=packed(0.75, 0.25))
    asked(logs, 1_000, "twice", propensities=packed(0.75, 0.25))
    logs.decision(1_007, decision("twice", 1, propensities=packed(0.25, 0.75)))
    follow(logs, "child", "parent", 0.75, choice=1, propensities=packed(0.75, 0.25))
    follow(logs, "lost", "never", None)
    follow(logs, "last", after, chain)
    audit = logs.audit()
    problems = list(audit.findings.problems())
    assert faults(audit) == ({"propensities wrong": 1} if says else {}), problems
    assert says is None or says in problems[0]


def follow(logs: Logs, id_: str, after: str | None, chain: float | None, **changes: object) -> None:
    offset = logs.context(1_010, id_)
    made = decision(id_, offset, **changes)  # type: ignore[arg-type]
    logs.decision(1_015, replace(made, after=after, chain=chain))
