"""What routing saves: the protocol, and the share of strong calls."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.cost.always_best import measure, route
from benchmarks.cost.settings import SETTINGS
from benchmarks.cost.strong_calls import strong_calls
from benchmarks.learning.routellm import curve
from benchmarks.learning.texts import Texts


def _queries(rng):
    """500 queries of two sorts: on the first the cheap model is as good as the dear one, on the second it is not."""
    hard = rng.random(500) < 0.5
    features = np.column_stack([hard, rng.random(500)]).astype(np.float32)
    right = np.column_stack([np.full(500, 0.9), np.where(hard, 0.2, 0.9), np.full(500, 0.1)])
    rewards = (rng.random((500, 3)) < right).astype(np.float64)
    costs = np.tile([0.01, 0.001, 0.001], (500, 1))
    return Texts(features, rewards, ("dear", "cheap", "poor"), {}), costs


def test_what_was_not_asked_is_not_seen():
    """Answers and costs of the models that were not asked can be anything: the same are asked, at the same cost."""
    found, costs = _queries(np.random.default_rng(5))
    order, played = route(found, costs, SETTINGS["llmrouter"], 0)
    asked = np.zeros(costs.shape, np.bool_)
    asked[order, played.arms] = True
    # The means stay, of which prices and the model in use are made before anything is played.
    others = found.rewards.copy()
    for arm in range(3):
        unseen = np.flatnonzero(~asked[:, arm])
        others[unseen, arm] = others[np.random.default_rng(arm).permutation(unseen), arm]
    assert (others != found.rewards).sum() > 100
    _, again = route(found._replace(rewards=others), costs, SETTINGS["llmrouter"], 0)
    assert np.array_equal(again.arms, played.arms)
    assert np.array_equal(again.rewards, played.rewards)


def test_it_saves_where_the_cheap_model_is_as_good(monkeypatch):
    """About half of the queries need the dear model: less is paid, by at most that half, and hardly less is earned."""
    found, costs = _queries(np.random.default_rng(6))
    found.raw["observed"] = {"cost": costs.T.tolist()}
    monkeypatch.setattr("benchmarks.cost.always_best.recorded", lambda *_, **__: found)
    report = measure("made", SETTINGS["llmrouter"], 4)
    assert 0.1 < report["made_cost_cut"] < 0.6
    assert report["made_cost_cut_low"] <= report["made_cost_cut"] <= report["made_cost_cut_high"]
    assert report["made_quality_difference"] > -0.06


@given(st.integers(0, 10_000))
def test_strong_calls_are_those_of_the_curve(seed):
    """With every question counting once, the share is the one that `benchmarks.learning` reports."""
    rng = np.random.default_rng(seed)
    rewards = (rng.random((80, 2)) < (0.8, 0.6)).astype(np.float64)
    if rewards[:, 0].mean() <= rewards[:, 1].mean():
        return
    gain = rng.normal(size=80)
    found = strong_calls(np.argsort(-gain, kind="stable"), rewards, np.ones(80))
    assert found == pytest.approx(curve(gain, rewards)[1])


def test_a_question_that_counts_twice_is_two():
    """A weight of two is the same as the question standing there twice."""
    rng = np.random.default_rng(3)
    rewards = (rng.random((60, 2)) < (0.9, 0.5)).astype(np.float64)
    weights = rng.integers(0, 3, 60)
    rank = rng.permutation(60)
    longer = np.repeat(np.arange(60), weights)
    place = np.empty(60, np.int64)
    place[rank] = np.arange(60)
    spelled = np.argsort(place[longer], kind="stable")
    found = strong_calls(rank, rewards, weights.astype(np.float64))
    assert abs(found - strong_calls(spelled, rewards[longer], np.ones(len(longer)))) <= 1.01 / len(longer)
