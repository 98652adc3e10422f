"""The quality floor: it is held at little cost, and against what the strongest arm may be worth."""

import numpy as np
import pytest

from stream_workers.bandits import pacer, quality
from stream_workers.bandits.pacer import NO_BUDGET, pace_for
from stream_workers.bandits.quality import NO_FLOOR, floor_for
from stream_workers.bandits.steering import begin, constants, steer

PRICES = np.array([1.0, 0.05])


def run(share, n, budget=NO_BUDGET, seed=0):
    """A strong dear arm and a cheap one that is as good for some requests.  Values and costs of the choices (n,)."""
    floor = floor_for(share, 0, PRICES)
    held, paced, lambda_ = np.empty(quality.SIZE), np.empty(pacer.SIZE), np.empty(1)
    begin(lambda_, paced, held, budget, floor)
    of, rng, nothing = constants(budget, floor), np.random.default_rng(seed), np.zeros(1)
    value, cost = np.empty(n), np.empty(n)
    for i in range(n):
        q = np.array([0.9, 0.9 - 0.6 * rng.random()])
        p = np.full(2, 0.01)
        p[np.argmax(q - lambda_[0] * PRICES)] = 0.99
        a = int(rng.random() >= p[0])
        value[i], cost[i] = q[a], PRICES[a]
        reward = np.array([float(rng.random() < q[a])])
        steer(
            lambda_, paced, held, PRICES[a : a + 1], reward, np.array([a]), p[a : a + 1], nothing, nothing, of,
            np.empty(1),
        )  # fmt: skip
    return value, cost, held


@pytest.mark.parametrize("share", [0.8, 0.95])
def test_holds_the_floor(share):
    """The mean value is at least the share, and not much more: the cheapest mix that is good enough."""
    value, cost, _ = run(share, 12_000)
    assert share * 0.9 <= value.mean() < share * 0.9 + 0.03
    best = 0.9 - 0.3 * (1.0 - cost.mean()) ** 2 / 0.95**2  # the cheap arm where it loses least
    assert value[6_000:].mean() > best - 0.02


def test_the_whole_share_saves_next_to_nothing():
    """A floor of 1 cannot be held at less than the strongest arm's price (but for exploration)."""
    value, cost, _ = run(1.0, 6_000)
    assert value.mean() > 0.875
    assert cost[3_000:].mean() > 0.8


def test_estimate():
    """V is the strongest arm's mean under the propensities, and its error what repetitions spread."""
    found = np.array([run(0.8, 3_000, seed=seed)[2] for seed in range(20)])
    errors = np.sqrt(found[:, 4]) / found[:, 3]
    assert np.abs(found[:, 2] - 0.9).max() < 4.0 * errors.mean()
    assert 0.4 < errors.mean() / found[:, 2].std() < 2.5


def test_a_budget_comes_first():
    """Where the budget cannot pay for the floor, the budget holds."""
    _, cost, _ = run(0.99, 8_000, pace_for(0.3, PRICES))
    assert cost[2_000:].mean() == pytest.approx(0.3, rel=0.05)


def test_nothing_to_save():
    """Where all arms cost the same, or the strongest is not known, there is no floor, and lambda stays 0."""
    assert floor_for(0.9, 0, np.ones(3)) == floor_for(0.9, -1, PRICES) == floor_for(0.9, 0, np.empty(0)) == NO_FLOOR
