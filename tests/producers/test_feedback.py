from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.replay.feedback import ON_TIME_SHARE, FeedbackPlan, plan_feedback

HORIZON_S = 8.0
COMPONENTS = ("cost", "quality", "success")
rate = st.floats(0, 0.5)
plans = st.builds(FeedbackPlan, delay_s=st.floats(0, 20), split=rate, lost=rate, late=rate, duplicate=rate, orphan=rate)


@given(plans, st.integers(0, 2**40), st.integers(0, 10**6))
def test_every_component_comes_once_or_is_lost(plan, seed, index):
    """First sendings and losses partition the components; times obey the horizon; a duplicate repeats what came."""
    feedback = plan_feedback(plan, seed, "tenant", index, COMPONENTS, HORIZON_S)
    assert feedback == plan_feedback(plan, seed, "tenant", index, COMPONENTS, HORIZON_S)
    first = [each for each in feedback.planned if each.kind in {"on_time", "late"}]
    sent = [component for each in first for component in each.components]
    assert len(sent) == len(set(sent))
    assert len(first) + feedback.lost in {1, 2}
    if not feedback.lost:
        assert sorted(sent) == sorted(COMPONENTS)
    for each in feedback.planned:
        if each.kind == "on_time":
            assert 0 <= each.after_s <= ON_TIME_SHARE * HORIZON_S
        if each.kind == "late":
            assert each.after_s > HORIZON_S
        if each.kind == "duplicate":
            repeated = next(other for other in first if other.part == each.part)
            assert repeated.components == each.components
            assert repeated.after_s <= each.after_s
    assert [each.after_s for each in feedback.planned] == sorted(each.after_s for each in feedback.planned)


def test_rates_are_the_declared_ones():
    """Over many interactions every kind happens as often as the plan says (within 4 standard errors)."""
    plan = FeedbackPlan(delay_s=0.5, split=0.4, lost=0.05, late=0.08, duplicate=0.1, orphan=0.03)
    n = 20_000
    made = [plan_feedback(plan, 7, "tenant", index, COMPONENTS, HORIZON_S) for index in range(n)]
    kinds = [each.kind for feedback in made for each in feedback.planned]
    records = sum(feedback.lost for feedback in made) + kinds.count("on_time") + kinds.count("late")
    sent = kinds.count("on_time") + kinds.count("late")

    def close(count, of, expected):
        assert count / of == pytest.approx(expected, abs=4 * (expected * (1 - expected) / of) ** 0.5)

    close(records - n, n, plan.split)
    close(sum(feedback.lost for feedback in made), records, plan.lost)
    close(kinds.count("late"), records, plan.late)
    close(kinds.count("duplicate"), sent, plan.duplicate)
    close(kinds.count("orphan"), n, plan.orphan)
    delays = [each.after_s for feedback in made for each in feedback.planned if each.kind == "on_time"]
    assert sum(delays) / len(delays) == pytest.approx(plan.delay_s, rel=0.04)


def test_interactions_and_tenants_are_independent():
    """What happens to one interaction says nothing about another's: keys differ in tenant, index and seed."""
    plan = FeedbackPlan()
    delays = {
        plan_feedback(plan, seed, tenant, index, COMPONENTS, HORIZON_S).planned[0].after_s
        for seed in (1, 2)
        for tenant in ("a", "b")
        for index in (1, 11)
    }
    assert len(delays) == 8


def test_a_plan_without_faults():
    """With every rate at 0 the whole result comes once, at once."""
    plan = FeedbackPlan(delay_s=0, split=0, lost=0, late=0, duplicate=0, orphan=0)
    (only,) = plan_feedback(plan, 1, "tenant", 1, COMPONENTS, HORIZON_S).planned
    assert (only.after_s, only.components, only.kind) == (0.0, COMPONENTS, "on_time")
    assert plan_feedback(replace(plan, lost=1.0), 1, "tenant", 1, COMPONENTS, HORIZON_S).planned == ()


@pytest.mark.parametrize("wrong", [{"split": 1.5}, {"lost": -0.1}, {"delay_s": -1.0}, {"lost": 0.6, "late": 0.6}])
def test_impossible_plans_are_refused(wrong):
    """Rates that are no probabilities are refused by name."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FeedbackPlan(**wrong)
