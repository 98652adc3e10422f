"""Probabilities from estimates, arms from probabilities: each kernel against a plain version of itself."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from stream_workers.bandits import exploration
from stream_workers.bandits.exploration import explore, sample

finite = st.floats(-5, 5)
RULES = {
    "inverse_gap": exploration.INVERSE_GAP,
    "greedy": exploration.GREEDY,
    "epsilon": exploration.EPSILON,
    "softmax": exploration.SOFTMAX,
    "fast": exploration.FAST,
    "thompson": exploration.THOMPSON,
}


def naive(rule, net, deviation, bonus, sharpness, cooling, t, minimum):
    """Probabilities over eligible arms alone, arm by arm, as the papers have them."""
    K = len(net)
    y = [m + bonus * s for m, s in zip(net, deviation, strict=True)]
    best = max(range(K), key=lambda a: (y[a], -a))
    p = [0.0] * K
    if rule == "inverse_gap":
        p = [1 / (K + sharpness * math.sqrt(t) * (y[best] - each)) for each in y]
    elif rule == "fast":
        loss = [1 - min(max(each, 0.0), 1.0) for each in y]
        least, gamma = loss[best], sharpness * math.sqrt(t)
        divisors = [K * least + gamma * (each - least) for each in loss]
        p = [least / x if x > 0 else 1 / K for x in divisors]
    elif rule == "softmax":
        e = [math.exp(sharpness * math.sqrt(1 + cooling * t) * (each - y[best])) for each in y]
        p = [each / sum(e) for each in e]
    if rule != "softmax":
        p[best] = 1 - sum(x for a, x in enumerate(p) if a != best)
    shared = max(minimum, min(1.0, sharpness / math.sqrt(1 + cooling * t))) if rule == "epsilon" else minimum
    return [(1 - shared) * each + shared / K for each in p]


def thompson(mean, deviation):
    """The integral on a fine grid."""
    mean, deviation = np.array(mean), np.maximum(np.array(deviation), 1e-12)
    if not deviation.max() > 1e-9:
        return np.eye(len(mean))[mean.argmax()].tolist()
    x = np.linspace((mean - 8 * deviation).min(), (mean + 8 * deviation).max(), 20_001)[:, None]
    F = stats.norm.cdf((x - mean) / deviation)
    others = np.stack([np.delete(F, a, 1).prod(1) for a in range(len(mean))], 1)
    p = ((others[1:] + others[:-1]) / 2 * np.diff(F, axis=0)).sum(0)
    return (p / p.sum()).tolist()


def probabilities(run, rule, net, deviation, eligible, bonus=0.5, sharpness=3.0, cooling=0.1, t=10.0, minimum=0.05):
    K = len(net)
    out = np.full(K, np.nan)
    arrays = np.array(net, float), np.array(deviation, float), np.array(eligible, bool)
    rooms = np.empty(K), np.empty((2, K, 2))
    run(RULES[rule], *arrays, bonus, sharpness, cooling, t, minimum, *rooms, out)
    return out


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("run", [explore, explore.py_func])
@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 12), st.floats(0, 1e4), st.floats(0, 1e4), st.floats(0.001, 1))
def test_rules(run, rule, data, K, sharpness, t, minimum):
    """Compiled and interpreted, each rule is its paper's formula mixed with the floor, over eligible arms."""
    net = np.array(data.draw(st.lists(finite, min_size=K, max_size=K)))
    deviation = np.array(data.draw(st.lists(st.floats(0, 3), min_size=K, max_size=K)))
    eligible = np.array(data.draw(st.lists(st.booleans(), min_size=K, max_size=K)))
    bonus, cooling = data.draw(st.floats(0, 2)), data.draw(st.floats(0, 10))
    out = probabilities(run, rule, net, deviation, eligible, bonus, sharpness, cooling, t, minimum)
    assert (out[~eligible] == 0).all()
    if not eligible.any():
        return
    if rule != "thompson":  # its own tests are below: the integral is not a formula
        expected = naive(
            rule, net[eligible].tolist(), deviation[eligible].tolist(), bonus, sharpness, cooling, t, minimum
        )
        assert out[eligible] == pytest.approx(expected, abs=1e-9)
    assert out.sum() == pytest.approx(1)
    assert (out[eligible] >= minimum / eligible.sum() * (1 - 1e-9)).all()


def test_thompson_is_close_to_the_integral():
    """Of arms that are about as good and about as well known, probabilities are near those of a fine grid."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        K = int(rng.integers(2, 12))
        mean, deviation = rng.normal(0.5, 0.2, K), rng.uniform(0.02, 0.3, K)
        out = probabilities(explore, "thompson", mean, deviation, [True] * K, bonus=1.0, minimum=1e-9)
        assert out == pytest.approx(thompson(mean, deviation), abs=0.02)


def test_thompson_is_the_frequency_of_its_draws():
    """What it logs is how often a draw of every arm from its posterior makes an arm the best."""
    mean, deviation, rng = np.array([0.5, 0.6, 0.3]), np.array([0.2, 0.05, 0.4]), np.random.default_rng(0)
    draws = rng.normal(mean, deviation, (400_000, 3)).argmax(1)
    out = probabilities(explore, "thompson", mean, deviation, [True] * 3, bonus=1.0, minimum=1e-9)
    assert out == pytest.approx(np.bincount(draws) / len(draws), abs=0.01)


@given(st.data(), st.integers(1, 8))
@pytest.mark.parametrize("run", [sample, sample.py_func])
def test_sample(run, data, K):
    """The arm is where the draw falls in the cumulated probabilities; an arm with probability 0 is never drawn."""
    weights = np.array(data.draw(st.lists(st.floats(0, 1, width=32), min_size=K, max_size=K)), np.float32)
    draw = data.draw(st.floats(0, 1, exclude_max=True))
    out = np.empty(1, np.int64)
    run(weights[None], np.array([draw]), out)
    cumulated = np.cumsum(weights.astype(np.float64))
    if not weights.any():
        assert out[0] == -1
    else:
        inside = np.flatnonzero(cumulated > draw * cumulated[-1])
        assert out[0] == (inside[0] if len(inside) else np.flatnonzero(weights)[-1])
        assert weights[out[0]] > 0


def test_frequencies():
    """Over evenly spread draws each arm comes up as often as its probability says."""
    p = np.array([0.1, 0.0, 0.65, 0.25], np.float32)
    n = 10_000
    out = np.empty(n, np.int64)
    sample(np.tile(p, (n, 1)), (np.arange(n) + 0.5) / n, out)
    assert np.bincount(out, minlength=4) / n == pytest.approx(p, abs=2e-4)
