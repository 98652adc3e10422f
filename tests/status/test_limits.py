"""What `croupier status` shows of budgets, hard caps and quality floors."""

import msgspec
import numpy as np

from infra.status.limits import limits
from schemas.domains import Arm, Budget, Component, DomainSpec, LearnerSpec, Quality
from schemas.events import Decision, Outcome
from stream_workers.learning.domain import DomainState

from .shown import shown

SPEC = DomainSpec(
    "acme", "routing", 0, (Arm("small", 0.1, most=0.2), Arm("large", 0.9, most=2.0)),
    {"success": Component(required=True), "cost": Component(weight=0.0)}, LearnerSpec("coin", "uniform"),
    budget=Budget(0.5, 40.0, "day"), quality=Quality(0.9),
)  # fmt: skip
EVEN = np.array([0.5, 0.5], "<f4").tobytes()


def report(n):
    """After n outcomes at their prices, of which the large arm's succeed."""
    state = DomainState(SPEC, 1)
    for i in range(n):
        decision = Decision(
            f"d{i}", "acme", "routing", ("small", "large"), i % 2, EVEN, EVEN, b"", "coin", 1, 0, 100, (), 0
        )
        seen = {"success": float(i % 2), "cost": (0.1, 0.9)[i % 2]}
        outcome = Outcome(i, "complete", 0, 1, seen, i, decision)
        state.charge(outcome)
        state.learn([outcome])
    return msgspec.json.decode(msgspec.json.encode(state.report()))


def test_limits():
    """Target, cap and floor are told with where they stand."""
    text = " ".join(shown(limits([report(60)])).split())
    assert "$0.5 a request" in text
    assert "$40 a day $30 charged" in text
    assert "90% of what large earns" in text
    assert "earned of late, the floor is 0.900" in text


def test_not_known_yet():
    """Before the strongest arm has acted often enough there is no floor to tell."""
    assert "not known yet" in shown(limits([report(3)]))


def test_nothing_to_tell():
    """Domains without limits, and reports of other releases, have no line."""
    assert limits([{"tenant": "a", "domain": "b"}, {"budget": None, "hard_cap": None, "quality": None}]) is None
