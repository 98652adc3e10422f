"""What `croupier status` shows of a champion against its baseline and its challengers."""

import numpy as np

from infra.status.comparisons import comparisons
from schemas.domains import Arm, Component, DomainSpec, LearnerSpec
from schemas.events import Decision, Outcome
from stream_workers.learning.domain import DomainState

from .shown import shown

SPEC = DomainSpec(
    "acme",
    "routing",
    0,
    (Arm("small", 0.1), Arm("large", 0.9)),
    {"success": Component(required=True)},
    LearnerSpec("always-small", "fixed", {"arm": "small"}),
    (LearnerSpec("coin", "uniform"), LearnerSpec("always-large", "fixed", {"arm": "large"})),
)
EVEN = np.array([0.5, 0.5], "<f4").tobytes()


def learned(n):
    """A domain in which the small arm always succeeds, and the large one never."""
    state = DomainState(SPEC, 1)
    outcomes = []
    for i in range(n):
        decision = Decision(
            f"d{i}", "acme", "routing", ("small", "large"), i % 2, EVEN, EVEN, b"", "always-small", 1, 0, 100, (), 0
        )
        outcomes.append(Outcome(i, "complete", 0, 1, {"success": float(i % 2 == 0)}, i, decision))
    state.learn(outcomes)
    return state.report()


def test_baseline_and_challengers():
    """The highest-priced arm is the baseline; every challenger has its difference, interval, and overlap in words."""
    report = learned(600)
    text = " ".join(shown(comparisons([report])).split())
    assert "acme/routing always large +0.9" in text
    assert "coin +0.4" in text
    assert "always-large +0.9" in text
    assert "good (600 of 600)" in text
    assert report["champion_less_baseline"]["lower"] > 0.5


def test_nothing_to_compare():
    """Before any outcome, and of processes of older releases, there is no table."""
    assert comparisons([learned(0)]) is None
    assert comparisons([{"tenant": "a", "domain": "b"}, {"policies": [{"name": "x"}]}]) is None
