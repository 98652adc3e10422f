"""Probabilities from estimates, arms from probabilities: each kernel against a plain version of itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_workers.bandits.exploration import inverse_gap, sample

finite = st.floats(-5, 5)


def naive(index, eligible, gamma, minimum):
    """SquareCB as in the paper, arm by arm."""
    arms = [a for a in range(len(index)) if eligible[a]]
    p = dict.fromkeys(range(len(index)), 0.0)
    if arms:
        best = max(arms, key=lambda a: (index[a], -a))
        for a in arms:
            if a != best:
                p[a] = 1 / (len(arms) + gamma * (index[best] - index[a]))
        p[best] = 1 - sum(p.values())
        for a in arms:
            p[a] = (1 - minimum) * p[a] + minimum / len(arms)
    return list(p.values())


@given(st.data(), st.integers(1, 12), st.floats(0, 1e6), st.floats(0.001, 1))
@pytest.mark.parametrize("run", [inverse_gap, inverse_gap.py_func])
def test_inverse_gap(run, data, K, gamma, minimum):
    """Compiled and interpreted, it is the paper's formula mixed with the floor; a sum of 1, nothing where masked."""
    index = np.array(data.draw(st.lists(finite, min_size=K, max_size=K)))
    eligible = np.array(data.draw(st.lists(st.booleans(), min_size=K, max_size=K)))
    out = np.full(K, np.nan)
    run(index, eligible, gamma, minimum, out)
    assert out == pytest.approx(naive(index.tolist(), eligible.tolist(), gamma, minimum), abs=1e-12)
    assert (out[~eligible] == 0).all()
    if eligible.any():
        assert out.sum() == pytest.approx(1)
        assert (out[eligible] >= minimum / eligible.sum() * (1 - 1e-9)).all()
        assert out[eligible].max() == pytest.approx(out[np.where(eligible, index, -np.inf).argmax()])


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
