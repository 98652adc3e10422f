"""Intervals over seeds and questions."""

import numpy as np
import pytest

from benchmarks.cost.bootstrap import interval, over, weights


def test_every_resample_draws_as_many_as_there_are():
    """So many seeds and so many questions in every one, and not always the same."""
    drawn = list(weights(4, 30, 20))
    assert all(seeds.sum() == 4 and questions.sum() == 30 for seeds, questions in drawn)
    assert len({tuple(questions) for _, questions in drawn}) == len(drawn)


def test_the_value_is_the_ratio_of_what_was_seen():
    """The figure of the data as they are, whatever is drawn."""
    above, below = np.array([[1.0, 0.0, 3.0], [1.0, 2.0, 1.0]]), np.array([[2.0, 2.0, 4.0], [3.0, 2.0, 1.0]])
    found = interval(over(above, below), 2, 3, 200)
    assert found.value == pytest.approx(8.0 / 14.0)
    assert found.low <= found.value <= found.high


@pytest.mark.parametrize(("of_questions", "of_seeds"), [(1.0, 0.0), (0.0, 1.0), (0.7, 0.7)])
def test_intervals_cover_what_varies_by_question_or_by_seed(of_questions, of_seeds):
    """A mean whose questions and seeds both have effects of their own is covered in at least 85 of 100 worlds.

    Leaving either out of the resampling covers about none of those where it is all that varies.
    """
    covered = 0
    for world in range(100):
        rng = np.random.default_rng(world)
        values = of_questions * rng.normal(size=(1, 60)) + of_seeds * rng.normal(size=(12, 1))
        found = interval(over(values + 0.05 * rng.normal(size=(12, 60)), np.ones((12, 60))), 12, 60, 200)
        covered += found.low <= 0.0 <= found.high
    assert covered >= 85
