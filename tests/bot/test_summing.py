"""What outcomes add up to: against sums by hand, and against the truth that the outcomes were drawn from."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from infra.bot.summing import DAY_MS, FEWEST, DomainFigures, Interval, summed
from schemas.domains import Component
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


@pytest.fixture(scope="module")
def summaries() -> list[DomainFigures]:
    """Of 24 logs; all models please as often."""
    domain = spec(reward={"thumbs": Component()}, default_reward=0.5)
    return [summed("model_routing", list(outcomes(seed, 250)), domain) for seed in range(1, 25)]


def _holds(intervals: Sequence[Interval | None], truth: float) -> bool:
    """Whether as many of 24 hold the truth as 95% intervals should: with 93%, fewer than 19 have probability 0.005."""
    return sum(each is not None and each.lower <= truth <= each.upper for each in intervals) >= 19


def test_the_saving_is_the_true_one_as_often_as_the_interval_says(summaries: list[DomainFigures]) -> None:
    """It is known what the strongest model would have cost."""
    spent = strongest = 0.0
    for each in outcomes(0, 20_000):
        spent += each.observations[COST]
        strongest += MODELS["strong"] * float(np.frombuffer(each.decision.features, "<f4")[0])
    truth = 1.0 - spent / strongest
    cuts = [each.cost_cut for each in summaries]
    assert _holds(cuts, truth)
    assert np.mean([each.estimate for each in cuts if each is not None]) == pytest.approx(truth, abs=0.02)
    assert all(each is not None and each.upper - each.lower < 0.3 for each in cuts)


def test_the_value_is_the_true_one_as_often_as_the_interval_says(summaries: list[DomainFigures]) -> None:
    """What was earned is as much as the strongest would have earned: a share of 1."""
    shares = [each.value_share for each in summaries]
    assert _holds(shares, 1.0)
    assert np.mean([each.estimate for each in shares if each is not None]) == pytest.approx(1.0, abs=0.03)


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


def test_a_single_user_makes_nothing_certain() -> None:
    """A bootstrap over one user would draw that one again and again, and give an interval without width."""
    log = [
        msgspec.structs.replace(each, decision=msgspec.structs.replace(each.decision, unit="user-1"))
        for each in outcomes(5, 300)
    ]
    cut = summed("model_routing", log, spec()).cost_cut
    assert cut is not None
    assert cut.upper - cut.lower > 0.05


def test_who_did_not_follow_is_not_compared() -> None:
    """What the fallback cost says nothing about the policy."""
    log = list(outcomes(3, 300))
    mixed = [each for pair in zip(log, map(unfollowed, outcomes(4, 300)), strict=True) for each in pair]
    assert summed("model_routing", mixed, spec()).cost_cut == summed("model_routing", log, spec()).cost_cut
