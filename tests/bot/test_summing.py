"""What outcomes add up to: against sums by hand, and against the truth that the outcomes were drawn from."""

import math

import numpy as np
import pytest

from infra.bot.summing import DAY_MS, FEWEST, summed
from schemas.observations import COST, THUMBS

from .outcomes import MINUTE, MODELS, NOON, outcomes, spec, unfollowed


def test_sums_are_those_by_hand() -> None:
    log = list(outcomes(1, 600))
    log[::10] = map(unfollowed, log[::10])
    found = summed("model_routing", log, spec())
    assert (found.outcomes, found.unfollowed, found.first_ms) == (600, 60, NOON)
    assert found.last_ms == NOON + 599 * MINUTE
    assert found.cost == pytest.approx(sum(each.observations[COST] for each in log))
    rated = [each.observations[THUMBS] for each in log if THUMBS in each.observations]
    assert found.rated == len(rated)
    assert found.satisfaction is not None
    assert found.satisfaction.estimate == pytest.approx(np.mean(rated))
    assert found.satisfaction.lower < np.mean(rated) < found.satisfaction.upper
    acted = [each for i, each in enumerate(log) if i % 10]
    assert {each.name: each.chosen for each in found.arms} == {
        arm: sum(each.decision.arm == arm for each in acted) for arm in MODELS
    }
    assert math.fsum(each.share for each in found.arms) == pytest.approx(1.0)
    assert sum(each.outcomes for each in found.days) == 600
    assert [each.begin_ms for each in found.days] == [NOON // DAY_MS * DAY_MS]


def test_the_saving_is_the_true_one_as_often_as_the_interval_says() -> None:
    """On 60 logs of which it is known what the strongest model would have cost; 95% of intervals should hold it."""
    spent = strongest = 0.0
    for each in outcomes(0, 40_000):
        spent += each.observations[COST]
        strongest += MODELS["strong"] * float(np.frombuffer(each.decision.features, "<f4")[0])
    truth = 1.0 - spent / strongest
    found = [summed("model_routing", list(outcomes(seed, 300)), spec()).cost_cut for seed in range(1, 61)]
    cuts = [each for each in found if each is not None]
    assert len(cuts) == 60
    assert sum(each.lower <= truth <= each.upper for each in cuts) >= 51  # fewer have probability 0.003 at 93%
    assert np.mean([each.estimate for each in cuts]) == pytest.approx(truth, abs=0.02)
    assert all(each.upper - each.lower < 0.3 for each in cuts)


def test_what_is_not_known_yet_is_not_said() -> None:
    log = list(outcomes(2, 200))
    few = [each for each in log if each.decision.arm != "strong"]
    few += [each for each in log if each.decision.arm == "strong"][: FEWEST - 1]
    assert summed("model_routing", few, spec()).cost_cut is None
    assert summed("model_routing", few, spec()).strongest == "strong"
    assert summed("model_routing", log, None).cost_cut is None
    assert summed("model_routing", log, spec(features=2)).compared == 0  # the log is of a specification before
    nothing = summed("model_routing", [], spec())
    assert (nothing.outcomes, nothing.satisfaction, nothing.cost_cut, nothing.days) == (0, None, None, [])


def test_who_did_not_follow_is_not_compared() -> None:
    """What the fallback cost says nothing about the policy."""
    log = list(outcomes(3, 300))
    mixed = [each for pair in zip(log, map(unfollowed, outcomes(4, 300)), strict=True) for each in pair]
    assert summed("model_routing", mixed, spec()).cost_cut == summed("model_routing", log, spec()).cost_cut
