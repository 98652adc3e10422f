"""Targets: what is met and missed, how sure that is, what is left of a budget, and mistakes in files."""

import re
from typing import get_args

import pytest
from hypothesis import given, settings

from infra.kpis.targets import EXAMPLE, Measure, Target, TargetsError, judge, read_targets, seconds_of
from stream_workers.analytics.summary import ArmName, ArmSummary, Summary, merge
from stream_workers.analytics.sums import Sums
from tests.analytics.logs import Run, event_lists, log
from tests.docs.pages import text


def summary(latency_ms=None, arms=(), **sums) -> Summary:
    return Summary(Sums(**sums), latency_ms or {}, {}, tuple(arms))


def test_the_example_has_the_five_targets():
    """Satisfaction, response time, errors, cost efficiency and availability, each with its number."""
    found = {each.name: each for each in read_targets(EXAMPLE).target}
    assert found["satisfaction"].at_least == 0.80
    assert (found["response time"].limit_ms, found["response time"].at_least) == (2000, 0.95)
    assert found["errors"].at_most == 0.02
    assert found["cost efficiency"].at_least == 0.30
    assert found["availability"].at_least == 0.999


@pytest.mark.parametrize(
    ("target", "of", "status", "value", "allowed", "spent"),
    [
        (Target("s", "satisfaction", 0.8), summary(thumbs_sum=85.0, thumbs_count=100), "met", 0.85, 20, 15),
        (Target("s", "satisfaction", 0.8), summary(thumbs_sum=70.0, thumbs_count=100), "missed", 0.70, 20, 30),
        (Target("e", "errors", at_most=0.02), summary(error_sum=5.0, error_count=500), "met", 0.01, 10, 5),
        (Target("e", "errors", at_most=0.02), summary(error_sum=20.0, error_count=500), "missed", 0.04, 10, 20),
        (Target("a", "availability", 0.999), summary(answered_sum=9990.0, observed=10_000), "met", 0.999, 10, 10),
        (Target("f", "fast", 0.95, limit_ms=2000.0), summary({300: 90, 500: 10}), "missed", 0.9, 5, 10),
    ],
)  # fmt: skip
def test_shares_leave_an_error_budget(target, of, status, value, allowed, spent):
    """The budget is what the target allows of the interactions that it is about; what failed has spent it."""
    found = judge(target, of)
    assert (found.status, found.value) == (status, pytest.approx(value))
    assert (found.budget.allowed, found.budget.spent) == (pytest.approx(allowed), pytest.approx(spent))
    assert found.budget.left == pytest.approx(1 - spent / allowed)
    assert found.budget.burn_rate == pytest.approx(spent / allowed)


def test_a_few_interactions_make_nothing_certain():
    """The status is that of the estimate; certain is what Wilson's interval has on one side."""
    few = judge(Target("s", "satisfaction", 0.8), summary(thumbs_sum=9.0, thumbs_count=10))
    many = judge(Target("s", "satisfaction", 0.8), summary(thumbs_sum=900.0, thumbs_count=1000))
    assert (few.status, few.certain) == ("met", False)
    assert (many.status, many.certain) == ("met", True)


def test_nothing_observed_is_no_data():
    """Neither met nor missed: a window without feedback is no success."""
    for target in read_targets(EXAMPLE).target:
        found = judge(target, summary(interactions=100))
        assert (found.status, found.value, found.budget, found.certain) == ("no data", None, None, False)


def test_cost_efficiency_names_the_numbers_it_comes_from():
    """The cut is of the cost per interaction against the baseline arm's, as if that had always acted."""
    dear = Sums(cost_sum=2.0, cost_count=50, weight_sum=100.0, weight_squares=200.0, weighted_cost_sum=4.0)
    cheap = Sums(cost_sum=0.5, cost_count=50)
    arms = [ArmSummary(ArmName("t", "d", name), sums, 1.0, name == "dear")
            for name, sums in (("dear", dear), ("cheap", cheap))]  # fmt: skip
    found = judge(Target("c", "cost_cut", 0.3), summary(arms=arms))
    assert found.value == pytest.approx(1 - 0.025 / 0.04)
    assert (found.status, found.n, found.budget) == ("met", 100, None)
    assert "0.025 USD / 0.04 USD" in found.trace
    assert "t/d: dear" in found.trace


@settings(max_examples=30)
@given(event_lists())
def test_every_target_can_be_judged_of_anything(events):
    """No sums make it fail, and a share stays one."""
    found = merge(Run().whole(log(events)).last("day").values())
    for target in read_targets(EXAMPLE).target:
        judged = judge(target, found)
        assert judged.as_json()["status"] in {"met", "missed", "no data"}
        assert judged.value is None or target.measure == "cost_cut" or 0 <= judged.value <= 1


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("[[target]]\nname='a'\nmeasure='errors'", "exactly one of at_least and at_most"),
        ("[[target]]\nname='a'\nmeasure='errors'\nat_most=2", "Expected `float` < 1.0"),
        ("[[target]]\nname='a'\nmeasure='speed'\nat_most=0.1", "speed"),
        ("[[target]]\nname='a'\nmeasure='fast'\nat_least=0.9", "limit_ms"),
        ("[[target]]\nname='a'\nmeasure='errors'\nat_mots=0.1", "at_mots"),
        ("windows=['1w']\n[[target]]\nname='a'\nmeasure='errors'\nat_most=0.1", "'1w' is no window"),
        ("target = 3 4", "no TOML"),
    ],
)
def test_mistakes_are_named(written, says, tmp_path):
    """What is wrong with a file is said with the file and the target."""
    path = tmp_path / "targets.toml"
    path.write_text(written)
    with pytest.raises(TargetsError, match=re.escape(says)) as caught:
        read_targets(path)
    assert str(path) in str(caught.value) or "window" in says


def test_windows():
    """Minutes, hours and days."""
    assert [seconds_of(each) for each in ("30m", "24h", "7d")] == [1800, 86_400, 604_800]
    for wrong in ("", "0h", "24", "-1d", "9999d", "1.5h"):
        with pytest.raises(TargetsError):
            seconds_of(wrong)


def test_the_page_has_every_measure():
    """docs/kpis.md explains each measure that a target may name."""
    page = text("kpis.md")
    for measure in get_args(Measure):
        assert f"| `{measure}` |" in page
