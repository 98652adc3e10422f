"""What came of an answer is the chosen model's outcome, whoever answered (intention to treat)."""

import pytest

from producers.discord.journal import Acted
from producers.discord.observed import of_answer
from producers.providers import Attempt, Usage

ACTED = Acted("r-1-0", "large", ("large", "small"), ("small", "large"))


def attempt(arm, how, cost=0.01):
    return Attempt(arm, how, "", Usage(1, 1), cost, 1.0, None)


@pytest.mark.parametrize(
    ("attempts", "answered_by", "success", "error", "fallback"),
    [
        ([("large", "answered")], "large", 1, 0, 0),
        ([("large", "failed"), ("large", "answered")], "large", 1, 0, 0),  # its own second attempt
        ([("large", "failed"), ("small", "answered")], "small", 0, 1, 1),
        ([("large", "cancelled"), ("small", "answered")], "small", 0, 0, 1),  # overtaken: slow is no failure
        ([("large", "timeout"), ("small", "cut")], None, 0, 1, 0),
        ([("large", "refused"), ("small", "answered")], "small", 0, 1, 1),
    ],
)
def test_who_failed_and_who_answered(attempts, answered_by, success, error, fallback):
    seen = of_answer(ACTED, [attempt(*each) for each in attempts], answered_by=answered_by, ms=5.0, first_ms=2.0)
    assert (seen["success"], seen["error"], seen["fallback"]) == (success, error, fallback)
    assert seen["cost"] == pytest.approx(0.01 * len(attempts)), "whoever was asked is paid"
    assert ("latency_ms" in seen) == ("first_token_ms" in seen) == (answered_by is not None)
    assert seen.get("answered_by") == (0.0 if answered_by == "small" else None)


def test_times_that_are_not_the_models_doing_are_left_out():
    seen = of_answer(ACTED, [attempt("large", "answered")], answered_by="large", ms=None, first_ms=None)
    assert "latency_ms" not in seen and "first_token_ms" not in seen


def test_without_a_decision_nobody_knows_its_arms():
    late = Acted("r-1-0", "large", ("large", "small"), None)
    seen = of_answer(
        late, [attempt("large", "failed"), attempt("small", "answered")], answered_by="small", ms=1, first_ms=1
    )
    assert "answered_by" not in seen
