"""The budget's multiplier: its arithmetic, its laws, and that it holds a budget."""

import numpy as np
import pytest

from stream_workers.bandits.exploration import sample
from stream_workers.bandits.linear import DoublyRobust
from stream_workers.bandits.pacer import NO_BUDGET, pace, pace_for
from stream_workers.bandits.policy import Batch, Setting


@pytest.mark.parametrize("run", [pace, pace.py_func])
def test_arithmetic(run):
    """lambda before each outcome follows the documented step; an unseen cost changes nothing; never below 0."""
    p = pace_for(2.0, np.array([1.0, 4.0]))
    step = 0.02 / (4.0 * np.sqrt(2.0 * 4.0))
    before = np.empty(4)
    after = run(0.0, np.array([4.0, np.nan, 1.0, 0.0]), *p, before)
    first = step * 2.0
    assert before == pytest.approx([0, first, first, first - step])
    assert after == 0.0


def test_no_budget():
    """Without a budget, or without prices, lambda stays where it can do nothing."""
    for p in (pace_for(None, np.array([1.0])), pace_for(1.0, np.zeros(3)), pace_for(1.0, np.empty(0))):
        assert p == NO_BUDGET
        assert pace(0.0, np.array([5.0]), *p, np.empty(1)) == 0.0


def test_units():
    """Costs in another currency give the same penalties."""
    costs, prices = np.random.default_rng(0).exponential(size=200), np.array([0.2, 1.0, 3.0])
    penalties = []
    for unit in (1.0, 1e-6, 1e4):
        before = np.empty(200)
        pace(0.0, costs * unit, *pace_for(0.5 * unit, prices * unit), before)
        penalties.append(before[:, None] * prices * unit)
    assert penalties[1] == pytest.approx(penalties[0])
    assert penalties[2] == pytest.approx(penalties[0])


def test_bounded():
    """A budget that cannot be met does not wind lambda up beyond what outweighs every reward."""
    p = pace_for(1e-3, np.array([1.0, 1.5]))
    assert pace(0.0, np.full(100_000, 1.5), *p, np.empty(100_000)) == p.ceiling == 4.0


@pytest.mark.parametrize("share", [0.15, 0.3, 0.6])
def test_holds_a_budget(share):
    """A strong dear arm and a weak cheap one: mean cost comes to the target, and buys reward above the mixture's."""
    n, prices = 8000, np.array([1.0, 0.05])
    budget = share * 1.0
    rng = np.random.default_rng(0)
    features = rng.uniform(-1, 1, (n, 1)).astype(np.float32)
    gap = 0.4 * (features[:, 0] + 1) / 2  # how much better the dear arm is depends on the request
    means = np.stack([0.4 + gap, np.full(n, 0.4)], 1)
    policy = DoublyRobust(Setting(("dear", "cheap"), 1, 0.02))
    p, lambda_, before = pace_for(budget, prices), 0.0, np.empty(1)
    full, arm = np.ones((1, 2), np.bool_), np.empty(1, np.int64)
    cost, value = np.empty(n), np.empty(n)
    for i in range(n):
        x = features[i : i + 1]
        logged = policy.distribution(x, full, prices[None], lambda_)[0].astype(np.float32)
        sample(logged, rng.random(1), arm)
        a = arm[0]
        cost[i], value[i] = prices[a] * rng.uniform(0.5, 1.5), means[i, a]
        reward = np.array([float(rng.random() < means[i, a])])
        lambda_ = pace(lambda_, cost[i : i + 1], *p, before)
        policy.update(Batch(x, full, arm.copy(), logged[0, arm].astype(float), reward, prices[None], before))
    assert cost[2000:].mean() == pytest.approx(budget, rel=0.1)
    mixture = 0.4 + (budget - 0.05) / 0.95 * gap[2000:].mean()
    assert value[2000:].mean() > mixture
