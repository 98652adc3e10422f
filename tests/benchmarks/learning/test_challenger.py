"""What a log says about a fixed challenger is its doubly robust value, and well explored logs say the truth."""

import numpy as np
import pytest

from benchmarks.learning.challenger import challenger, judge
from benchmarks.learning.sets import Problem

ARMS = 3


def logged(seed: int, rows: int = 2_000):
    """Uniformly explored decisions about requests whose first feature says the right arm, four times of five."""
    generator = np.random.default_rng(seed)
    features = generator.random((rows, 2), np.float32)
    right = np.where(
        generator.random(rows) < 0.8, (features[:, 0] * ARMS).astype(int), generator.integers(0, ARMS, rows)
    )
    chosen = generator.integers(0, ARMS, rows)
    return Problem("logged", features, right, ARMS), chosen, (chosen == right).astype(float)


def test_the_value_is_the_formula():
    """Against the sum written out, row by row."""
    posed, chosen, reward = logged(0, 50)
    estimates = np.random.default_rng(1).normal(0.3, 0.6, (50, ARMS))
    propensities = np.full((50, ARMS), 1 / ARMS)
    asked = challenger(posed, 0)
    total = 0.0
    for i in range(50):
        q = [min(max(value, 0.0), 1.0) for value in estimates[i]]
        total += q[asked[i]]
        if asked[i] == chosen[i]:
            total += (reward[i] - q[chosen[i]]) / propensities[i, chosen[i]]
    judged = judge(posed, chosen, reward, propensities, estimates, asked)
    assert judged.estimate == pytest.approx(total / 50)
    assert judged.truth == (asked == posed.right).mean()


def test_uniform_exploration_is_evaluable():
    """Plain intervals of uniformly explored logs cover about as often as they say, reported ones more; both small."""
    judged = []
    for seed in range(60):
        posed, chosen, reward = logged(seed)
        even = np.full((len(chosen), ARMS), 1 / ARMS)
        judged.append(judge(posed, chosen, reward, even, even, challenger(posed, seed)))
    assert np.mean([each.in_plain for each in judged]) >= 0.85
    assert np.mean([each.in_reported for each in judged]) >= 0.95
    assert np.mean([each.plain for each in judged]) < 0.06
    assert np.mean([each.reported for each in judged]) < 0.15


def test_what_nobody_tries_is_not_known():
    """An arm that earns, with a probability that never came up: the plain interval misses, the reported one is wide."""
    posed, _, _ = logged(0)
    chosen = np.full(len(posed.right), 2)
    asked = np.zeros_like(chosen)
    propensities = np.tile([1e-5, 0.0, 1.0 - 1e-5], (len(chosen), 1))
    estimates = np.zeros((len(chosen), ARMS))
    judged = judge(posed, chosen, (chosen == posed.right).astype(float), propensities, estimates, asked)
    assert judged.truth > 0.3
    assert not judged.in_plain
    assert judged.in_reported
    assert judged.reported > 0.3


def test_the_challenger_is_fixed_and_better_than_chance():
    """The same arms for the same seed, others for another; right more often than a third of the time."""
    posed, _, _ = logged(0)
    asked = challenger(posed, 0)
    assert (asked == challenger(posed, 0)).all()
    assert (asked != challenger(posed, 1)).any()
    assert (asked == posed.right).mean() > 0.5
