"""Effective sample size and overlap, in numbers and words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_workers.evaluation.overlap import overlap, overlap_of


@given(st.lists(st.floats(0.0, 1e3), min_size=1, max_size=50))
def test_effective_sample(weights):
    """It is between 0 and n, n for equal weights, and does not change when all weights are scaled."""
    w = np.array(weights)
    found = overlap_of(w)
    assert 0.0 <= found.effective <= len(w) * (1 + 1e-9)
    assert overlap_of(np.full(len(w), 0.7)).effective == pytest.approx(len(w))
    assert overlap_of(w * 8.0).effective == pytest.approx(found.effective)


@pytest.mark.parametrize(
    ("weights", "grade", "part"),
    [
        (np.ones(1000), "good", "1,000 outcomes say as much as 1,000 decisions"),
        (np.r_[np.full(200, 5.0), np.zeros(800)], "fair", "as much as 200"),
        (np.r_[np.full(50, 20.0), np.zeros(950)], "thin", "differs much"),
        (np.r_[np.full(5, 200.0), np.zeros(995)], "poor", "too little to rely on"),
        (np.zeros(1000), "none", "only the reward model speaks"),
        (np.full(1000, 0.6), "good", "about 40% of what it would do was never tried"),
        (np.r_[np.ones(900), 500.0], "poor", "a single outcome carries 36%"),
    ],
)
def test_grades(weights, grade, part):
    """Each grade with its words."""
    found = overlap_of(weights)
    assert found.grade == grade
    assert part in found.words


def test_nothing_yet():
    """No outcome is no error."""
    assert overlap(0, 0.0, 0.0, 0.0).words == "no outcomes yet"
    assert overlap_of(np.empty(0)).grade == "none"
