"""Standardising, clipping, freezing and folding of features."""

import numpy as np
import pytest

from stream_workers.bandits import feature_map
from stream_workers.bandits.feature_map import FREEZE_AFTER, FeatureMap, expand, observe, size


def phi_of(f, x, width, run=expand):
    phi = np.empty(size(len(x), width))
    run(x, f.mean, f.scale, f.slots, f.signs, f.factor, phi)
    return phi


@pytest.mark.parametrize("jit", [True, False])
def test_standardised(jit):
    """phi is [1, 2 z / sqrt d] with the mean and deviation of the rows seen, z clipped at 4."""
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((100, 3)) * [1, 10, 0.01] + [5, 0, -1]).astype(np.float32)
    f = FeatureMap.fresh(3, 8)
    for x in X:
        (observe if jit else observe.py_func)(x, f.mean, f.m2, f.scale, f.counts)
    x = np.array([5.5, 1e6, -1.02], np.float32)
    exact = X.astype(np.float64)
    z = np.clip((x.astype(np.float64) - exact.mean(0)) / exact.std(0), -4, 4)
    expected = [1, *(2 * z / np.sqrt(3))]
    assert phi_of(f, x, 8, expand if jit else expand.py_func) == pytest.approx(expected, rel=1e-6)


def test_freezes():
    """After FREEZE_AFTER rows the map is what it was, whatever follows."""
    rng = np.random.default_rng(0)
    f = FeatureMap.fresh(2, 8)
    for x in rng.standard_normal((FREEZE_AFTER, 2)).astype(np.float32):
        observe(x, f.mean, f.m2, f.scale, f.counts)
    before = (f.mean.copy(), f.m2.copy(), f.scale.copy())
    for x in 100 + rng.standard_normal((50, 2)).astype(np.float32):
        observe(x, f.mean, f.m2, f.scale, f.counts)
    assert all((a == b).all() for a, b in zip(before, (f.mean, f.m2, f.scale), strict=True))
    assert f.counts[0] == FREEZE_AFTER


def test_nothing_seen():
    """Before two rows no feature says anything: only the intercept is there."""
    f = FeatureMap.fresh(4, 8)
    assert phi_of(f, np.ones(4, np.float32), 8).tolist() == [1, 0, 0, 0, 0]


@pytest.mark.parametrize("value", [0.0, 0.1, 3e38, -1e-30])
def test_constant_feature(value):
    """A feature that never moves is 0, stays finite, and is at the clip when it first moves."""
    f = FeatureMap.fresh(1, 8)
    for _ in range(10):
        observe(np.array([value], np.float32), f.mean, f.m2, f.scale, f.counts)
    assert phi_of(f, np.array([value], np.float32), 8)[1] == pytest.approx(0, abs=1e-6)
    assert abs(phi_of(f, np.array([1e5], np.float32), 8)[1]) == (8 if value < 1e30 else pytest.approx(8, abs=8))


def test_folding():
    """More features than slots: every feature lands in one slot, the slots are about evenly filled, signs balanced."""
    f = FeatureMap.fresh(1024, 128)
    assert size(1024, 128) == 129
    filled = np.bincount(f.slots, minlength=128)
    assert filled.sum() == 1024
    assert filled.max() <= 24
    assert abs(f.signs.sum()) < 4 * np.sqrt(1024)
    f.mean[:], f.scale[:] = 0, 1
    x = np.random.default_rng(0).uniform(-1, 1, 1024).astype(np.float32)
    expected = np.zeros(128)
    np.add.at(expected, f.slots, f.signs * x * f.factor)
    assert phi_of(f, x, 128) == pytest.approx([1, *expected])
    assert feature_map.size(0, 128) == 1
