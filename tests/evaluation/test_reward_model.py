"""Cross-fitted reward models: what an outcome was never changes its own prediction."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream_workers.evaluation.reward_model import FOLDS, cross_fitted, folds_of


def log(n=600, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 3)).astype(np.float32)
    chosen = rng.integers(0, 2, n)
    means = np.stack([0.5 + 0.2 * x[:, 0], 0.6 - 0.1 * x[:, 1]], axis=1)
    return x, chosen, np.clip(means[np.arange(n), chosen] + rng.normal(0, 0.1, n), 0, 1), np.full(n, 2.0), means


@given(st.integers(0, 599), st.floats(0.0, 1.0))
def test_an_outcome_does_not_predict_itself(row, reward):
    """Another reward changes nothing in its own fold, and something in the others."""
    x, chosen, r, w, _ = log()
    fold = folds_of(np.arange(600) // 3)
    before = cross_fitted(x, chosen, r, w, 2, fold)
    changed = r.copy()
    changed[row] = reward if abs(reward - r[row]) > 0.1 else 1.0 - r[row]
    after = cross_fitted(x, chosen, changed, w, 2, fold)
    assert (before[fold == fold[row]] == after[fold == fold[row]]).all()
    if abs(changed[row] - r[row]) > 0.05:
        assert (before != after).any()


def test_it_learns():
    """Predictions come near the means of linear rewards; weights that are all alike change nothing."""
    x, chosen, r, w, means = log(4000)
    fold = folds_of(np.arange(4000))
    found = cross_fitted(x, chosen, r, w, 2, fold)
    assert np.abs(found - np.clip(means, 0, 1)).mean() < 0.02
    assert np.allclose(found, cross_fitted(x, chosen, r, 3 * w, 2, fold))


def test_folds_keep_clusters_together():
    """A cluster is in one fold, folds are of about one size, and neighbours part."""
    cluster = np.arange(5000) // 5
    fold = folds_of(cluster)
    assert all(len(set(fold[cluster == c])) == 1 for c in range(50))
    assert np.bincount(fold, minlength=FOLDS).min() > 5000 / FOLDS * 0.8
    assert (fold[5:] != fold[:-5]).mean() > 0.5


def test_arms_nobody_took_and_features_that_never_change():
    """An arm without outcomes is predicted at the mean of all; constants and no features at all are no error."""
    x, chosen, r, w, _ = log()
    x[:, 2] = 7.0
    fold = folds_of(np.arange(600))
    found = cross_fitted(x, chosen, r, w, 3, fold)
    assert np.abs(found[:, 2] - r.mean()).max() < 0.02
    assert np.isfinite(found).all()
    assert np.isfinite(cross_fitted(x[:, :0], chosen, r, w, 3, fold)).all()
    assert (cross_fitted(x[:1], chosen[:1], r[:1], w[:1], 2, fold[:1]) == 0.5).all()
