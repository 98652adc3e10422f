"""Fixed and uniform policies say what they are."""

import numpy as np
import pytest

from stream_workers.bandits.constant import constant


@pytest.mark.parametrize("run", [constant, constant.py_func])
def test_shares(run):
    """All but the minimum goes to the arm where it may act; elsewhere, and without an arm, all are equal."""
    eligible = np.array([[True, True, True, True], [True, False, True, False], [False, True, True, False], [False] * 4])
    out = np.empty((4, 4))
    run(eligible, 0, 0.2, out)
    assert out == pytest.approx(np.array([[0.85, 0.05, 0.05, 0.05], [0.9, 0, 0.1, 0], [0, 0.5, 0.5, 0], [0, 0, 0, 0]]))
    run(eligible, -1, 0.2, out)
    assert out == pytest.approx(np.array([[0.25] * 4, [0.5, 0, 0.5, 0], [0, 0.5, 0.5, 0], [0] * 4]))
