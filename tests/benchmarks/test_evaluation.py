"""The simulation study's own checks can fail: wrong truths are found, and they are those of the limits."""

import numpy as np
import pytest

from benchmarks.learning import evaluation
from benchmarks.learning.simulated_logs import REGIMES, log_of, log_of_users, setting
from stream_workers.evaluation.bounded import bounded, limits_at


@pytest.mark.parametrize("regime", REGIMES)
def test_a_wrong_truth_is_found(regime):
    """What the interval leaves out in the end is said to be violated, what it never leaves out is not."""
    world = setting(regime, 2)
    log = log_of(world, 1500, 3)
    sides = bounded(log.target, log.propensities, log.predicted, log.chosen, log.reward)
    lower, upper = limits_at(sides, 1500)
    for wrong in (lower - 0.02, upper + 0.02):
        assert evaluation._joint(log, log.target, np.full(1500, wrong), difference=False)
    looks = [limits_at(sides, n) for n in range(1, 1501)]
    inside = (max(low for low, _ in looks) + min(high for _, high in looks)) / 2
    assert not evaluation._joint(log, log.target, np.full(1500, inside), difference=False)


@pytest.mark.parametrize("regime", REGIMES)
def test_logs_are_what_they_say(regime):
    """Propensities sum to 1, arms come as often as they say, and rewards have the means they say."""
    world = setting(regime, 1)
    log = log_of(world, 20_000, 0)
    assert log.propensities.sum(axis=1) == pytest.approx(1.0)
    counts = np.bincount(log.chosen, minlength=log.propensities.shape[1])
    assert counts == pytest.approx(log.propensities.sum(axis=0), rel=0.1, abs=60)
    rows = np.arange(20_000)
    assert log.reward.mean() == pytest.approx(log.means[rows, log.chosen].mean(), abs=0.02)
    if regime != "adaptive":  # whose contexts drift
        assert (log.target * log.means).sum(axis=1).mean() == pytest.approx(world.value, abs=0.01)
    largest = (1.0 / log.propensities).max()
    assert {"bounded": largest < 17, "adaptive": 20 < largest <= 101, "heavy": largest > 1000}[regime]


def test_users_are_alike():
    """Users' outcomes are more alike than chance, and their mean is what it is said to be."""
    unit, reward = log_of_users(20_000, 0)
    sizes = np.bincount(unit)
    means = np.bincount(unit, weights=reward) / sizes
    assert means.mean() == pytest.approx(0.5, abs=0.03)
    assert means[sizes > 10].var() > 2 * 0.25 / sizes[sizes > 10].mean()
