"""The routing benchmarks' own arithmetic, against what can be worked out by hand."""

import itertools

import numpy as np
import pytest

from benchmarks.learning.llmrouter import at_share
from benchmarks.learning.pareto import static
from benchmarks.learning.routellm import curve


def test_curve():
    """A ranking that is right comes first, one that is wrong last, and a random one has an APGR of one half."""
    rng = np.random.default_rng(0)
    rewards = (rng.random((4_000, 2)) < np.array([0.8, 0.6])).astype(float)
    gain = rewards[:, 0] - rewards[:, 1]
    best, share = curve(gain, rewards)
    worst, other = curve(-gain, rewards)
    random = np.mean([curve(rng.random(4_000), rewards)[0] for _ in range(20)])
    assert best > 0.9
    assert worst < 0.1
    assert share < 0.95 * 0.8 < other
    assert random == pytest.approx(0.5, abs=0.02)


def test_curve_by_hand():
    """Three questions, of which the strong model alone answers the second."""
    rewards = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
    assert curve(np.array([0.0, 1.0, 0.5]), rewards) == (0.75, 1 / 3)
    assert curve(np.array([1.0, 0.0, 0.5]), rewards) == (0.25, 1.0)


def test_static():
    """The best mix is that of all pairs in a fine grid of shares."""
    rewards, costs = np.array([0.9, 0.5, 0.8, 0.2]), np.array([10.0, 1.0, 3.0, 2.0])
    for budget in (1.0, 2.5, 4.0, 20.0):
        found = max(
            share * rewards[i] + (1 - share) * rewards[j]
            for i, j in itertools.product(range(4), repeat=2)
            for share in np.linspace(0, 1, 2001)
            if share * costs[i] + (1 - share) * costs[j] <= budget + 1e-12
        )
        assert static(rewards, costs, budget) == pytest.approx(found, abs=1e-3)


def test_at_share():
    """Never above the share, close to it where a better arm is dearer, and the best arms where all can be paid for."""
    rng = np.random.default_rng(1)
    prices = np.array([0.1, 0.2, 0.9])
    estimates = rng.random((5_000, 3)) + np.array([0.0, 0.2, 0.5])
    chosen = at_share(estimates, prices, 0.4)
    assert 0.39 * 0.9 < prices[chosen].mean() <= 0.4 * 0.9
    assert (at_share(estimates, prices, 1.0) == estimates.argmax(axis=1)).all()
