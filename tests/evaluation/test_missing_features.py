"""The model of rewards with features of which some are missing."""

import numpy as np
import pytest

from stream_workers.evaluation.reward_model import cross_fitted


def logged(n=3000):
    rng = np.random.default_rng(0)
    x, chosen = rng.normal([3.0, -1.0], [2.0, 0.5], (n, 2)), rng.integers(2, size=n)
    reward = np.clip(0.5 + 0.1 * np.where(chosen == 1, 1, -1) * (x[:, 0] - 3.0), 0, 1)
    return x.astype(np.float32), chosen, reward, np.full(n, 2.0), np.arange(n) % 5


def test_missing_is_at_the_mean():
    """A request without features is predicted as one at their means; what is there still says what it says."""
    x, chosen, reward, weight, fold = logged()
    rng = np.random.default_rng(1)
    x[rng.random(x.shape) < 0.3] = np.nan
    x[0], x[5], x[10] = np.nan, np.nanmean(x, axis=0), (7.0, np.nan)  # of one fold
    q = cross_fitted(x, chosen, reward, weight, 2, fold)
    assert np.isfinite(q).all()
    assert q[0] == pytest.approx(q[5], abs=0.01)
    assert q[10, 1] > q[0, 1] + 0.2


def test_a_feature_that_is_never_there_changes_nothing():
    """Predictions are those without it."""
    x, chosen, reward, weight, fold = logged()
    more = np.column_stack([x, np.full(len(x), np.nan, np.float32)])
    assert cross_fitted(more, chosen, reward, weight, 2, fold) == pytest.approx(
        cross_fitted(x, chosen, reward, weight, 2, fold), abs=1e-12
    )
