"""Ours and the other programs learn an easy problem through the same protocol."""

import numpy as np
import pytest

from benchmarks.learning.configurations import CONFIGURATIONS
from benchmarks.learning.ours import Ours
from benchmarks.learning.peers import PEERS
from benchmarks.learning.protocol import play
from benchmarks.learning.sets import Problem


def easy(rows: int = 600) -> Problem:
    """Three arms; the feature that is 1 says which is right."""
    right = np.random.default_rng(5).integers(0, 3, rows)
    return Problem("easy", np.eye(3, dtype=np.float32)[right], right, 3)


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_learns(name):
    """From .67 to less than .25 over the second half; an adapter that mixed up arms, rows or rewards would not."""
    posed = easy()
    played = play(posed, PEERS[name].make(posed, 0), 0)
    assert 1.0 - played.rewards[300:].mean() < 0.25
    assert played.microseconds > 0.0


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_ours_learn(name):
    """The same of our configurations, and what was logged is what was decided by."""
    posed = easy()
    learner = Ours(CONFIGURATIONS[name].policy(posed), posed)
    played = play(posed, learner, 0)
    assert 1.0 - played.rewards[300:].mean() < 0.25
    assert learner.probabilities.sum(axis=1) == pytest.approx(1.0)
    rows = np.arange(len(posed.right))
    assert played.propensities == pytest.approx(learner.probabilities[rows, played.arms], rel=1e-6)
