"""Standardising, clipping, freezing and folding of features."""

import itertools

import numpy as np
import pytest

from stream_workers.bandits import feature_map
from stream_workers.bandits.feature_map import CLIP, FREEZE_AFTER, expand, observe, size, waves


class FeatureMap:
    """A map that has seen nothing."""

    def __init__(self, features, width, fourier=0):
        self.mean, self.m2, self.scale = np.zeros(features), np.zeros(features), np.zeros(features)
        self.counts = np.zeros(features, np.int64)
        self.slots, self.signs = feature_map.fold(features, width)
        self.factor = feature_map.factor_of(features, width)
        self.waves = waves(features, fourier)
        self.raw, self.m = feature_map.raw_size(features, width), size(features, width, fourier)


def phi_of(f, x, run=expand):
    phi, w = np.full(f.m, np.nan), f.waves
    z = np.empty(len(x))
    run(x, f.mean, f.scale, f.slots, f.signs, f.factor, f.raw, w.picks, w.weights, w.phases, z, phi)
    return phi


@pytest.mark.parametrize("jit", [True, False])
def test_standardised(jit):
    """phi is [1, 2 z / sqrt d] with the mean and deviation of the rows seen, z clipped at 4."""
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((100, 3)) * [1, 10, 0.01] + [5, 0, -1]).astype(np.float32)
    f = FeatureMap(3, 8)
    for x in X:
        (observe if jit else observe.py_func)(x, f.mean, f.m2, f.scale, f.counts)
    x = np.array([5.5, 1e6, -1.02], np.float32)
    exact = X.astype(np.float64)
    z = np.clip((x.astype(np.float64) - exact.mean(0)) / exact.std(0), -4, 4)
    expected = [1, *(2 * z / np.sqrt(3))]
    assert phi_of(f, x, expand if jit else expand.py_func) == pytest.approx(expected, rel=1e-6)


def test_freezes():
    """After FREEZE_AFTER rows the map is what it was, whatever follows."""
    rng = np.random.default_rng(0)
    f = FeatureMap(2, 8)
    for x in rng.standard_normal((FREEZE_AFTER, 2)).astype(np.float32):
        observe(x, f.mean, f.m2, f.scale, f.counts)
    before = (f.mean.copy(), f.m2.copy(), f.scale.copy())
    for x in 100 + rng.standard_normal((50, 2)).astype(np.float32):
        observe(x, f.mean, f.m2, f.scale, f.counts)
    assert all((a == b).all() for a, b in zip(before, (f.mean, f.m2, f.scale), strict=True))
    assert (f.counts == FREEZE_AFTER).all()


@pytest.mark.parametrize("jit", [True, False])
def test_missing(jit):
    """NaN is z = 0, whatever there is beside it; the others' mean and deviation are those of the rows that have them,
    and each feature freezes by its own count."""
    rng = np.random.default_rng(0)
    X = rng.normal([5.0, -1.0], [2.0, 0.1], (3 * FREEZE_AFTER, 2)).astype(np.float32)
    X[rng.random(len(X)) < 0.5, 0] = np.nan
    f = FeatureMap(2, 8, 16)
    for x in X:
        (observe if jit else observe.py_func)(x, f.mean, f.m2, f.scale, f.counts)
    there = X[~np.isnan(X[:, 0]), 0][:FREEZE_AFTER].astype(np.float64)
    assert f.counts.tolist() == [FREEZE_AFTER, FREEZE_AFTER]
    assert f.mean == pytest.approx([there.mean(), X[:FREEZE_AFTER, 1].astype(np.float64).mean()])
    assert 1 / f.scale[0] == pytest.approx(there.std())
    run = expand if jit else expand.py_func
    same = phi_of(f, np.array([f.mean[0], -1.2], np.float32), run)
    assert phi_of(f, np.array([np.nan, -1.2], np.float32), run) == pytest.approx(same, abs=1e-6)


def test_nothing_seen():
    """Before two rows no feature says anything: only the intercept is there."""
    f = FeatureMap(4, 8)
    assert phi_of(f, np.ones(4, np.float32)).tolist() == [1, 0, 0, 0, 0]


@pytest.mark.parametrize("value", [0.0, 0.1, 3e38, -1e-30])
def test_constant_feature(value):
    """A feature that never moves is 0, stays finite, and is at the clip when it first moves."""
    f = FeatureMap(1, 8)
    for _ in range(10):
        observe(np.array([value], np.float32), f.mean, f.m2, f.scale, f.counts)
    assert phi_of(f, np.array([value], np.float32))[1] == pytest.approx(0, abs=1e-6)
    assert abs(phi_of(f, np.array([1e5], np.float32))[1]) == (8 if value < 1e30 else pytest.approx(8, abs=8))


def test_folding():
    """More features than slots: every feature lands in one slot, the slots are about evenly filled, signs balanced."""
    f = FeatureMap(1024, 128)
    assert size(1024, 128, 0) == 129
    filled = np.bincount(f.slots, minlength=128)
    assert filled.sum() == 1024
    assert filled.max() <= 24
    assert abs(f.signs.sum()) < 4 * np.sqrt(1024)
    f.mean[:], f.scale[:] = 0, 1
    x = np.random.default_rng(0).uniform(-1, 1, 1024).astype(np.float32)
    expected = np.zeros(128)
    np.add.at(expected, f.slots, f.signs * x * f.factor)
    assert phi_of(f, x) == pytest.approx([1, *expected])
    assert feature_map.size(0, 128, 0) == 1


@pytest.mark.parametrize("d", [1, 2, 3, 40])
@pytest.mark.parametrize("jit", [True, False])
def test_fourier_features(d, jit):
    """After the raw part come cosines of sums of three features, then zeros up to a multiple of eight."""
    rng = np.random.default_rng(d)
    f = FeatureMap(d, 128, 128)
    f.mean[:], f.scale[:] = rng.standard_normal(d), rng.uniform(0.5, 9, d)
    x = rng.standard_normal(d).astype(np.float32)
    phi = phi_of(f, x, expand if jit else expand.py_func)
    z = np.clip((x - f.mean) * f.scale, -CLIP, CLIP)
    w = f.waves
    turns = (z[w.picks.reshape(-1, 3)] * w.weights.reshape(-1, 3)).sum(1) + w.phases
    assert phi[f.raw : f.raw + 128] == pytest.approx(2 * np.sqrt(2 / 128) * np.cos(2 * np.pi * turns), abs=1e-9)
    assert len(phi) % 8 == 0
    assert (phi[f.raw + 128 :] == 0).all()


def test_waves():
    """Three different features each, all about as often; weights with the stated deviation; phases all around."""
    w = waves(24, 512)
    picks, weights = w.picks.reshape(-1, 3), w.weights.reshape(-1, 3) * 2 * np.pi
    assert all(len(set(row)) == 3 for row in picks.tolist())
    assert np.bincount(picks.ravel(), minlength=24).min() > 30
    assert weights.std() == pytest.approx(1 / (0.7 * np.sqrt(3)), rel=0.05)
    assert abs(weights.mean()) < 0.1
    assert np.histogram(w.phases, 8, (0, 1))[0].min() > 40
    assert (waves(24, 128).weights == w.weights[: 3 * 128]).all()
    assert len(waves(0, 128).phases) == 0
    two = waves(2, 64)
    assert (two.weights.reshape(-1, 3)[:, 2] == 0).all()


def test_waves_are_the_same_everywhere():
    """They are part of what a state means: these must never change."""
    w = waves(10, 128)
    assert w.picks[:6].tolist() == [4, 0, 9, 3, 2, 1]
    assert w.weights[:3].tolist() == [0.005268018744892369, 0.15544034722752426, -0.09680585098375365]
    assert w.phases[:2].tolist() == [0.8833108082136426, 0.6458033001667277]


def test_kernels_of_gaussian_shape():
    """Averaged over many waves, phi'phi is close to the kernel it stands for: the mean over triples of Gaussians."""
    d, count = 6, 4096
    w = waves(d, count)
    rng = np.random.default_rng(0)
    scale = 0.7 * np.sqrt(3)
    picks, weights = w.picks.reshape(-1, 3), w.weights.reshape(-1, 3)
    for _ in range(5):
        a, b = rng.standard_normal((2, d)) * 0.7
        one, two = (
            2 * np.sqrt(2 / count) * np.cos(2 * np.pi * ((z[picks] * weights).sum(1) + w.phases)) for z in (a, b)
        )
        triples = [np.exp(-((a - b)[list(t)] ** 2).sum() / (2 * scale**2)) for t in itertools.combinations(range(d), 3)]
        assert one @ two / 4 == pytest.approx(np.mean(triples), abs=0.06)
