"""One-sided terms over arrays: unbiased, bounded, and their intervals those of `progressive`."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_workers.evaluation.bounded import bounded, limits_at
from stream_workers.evaluation.empirical_bernstein import joint_limit
from stream_workers.evaluation.progressive import Progressive
from stream_workers.evaluation.pseudo_outcomes import BOUNDS, RHOS, VALUE_SCALES, terms_below

seeds = st.integers(0, 2**31)


@given(seeds, st.sampled_from(BOUNDS), st.booleans())
def test_the_mean_is_kept_and_the_bound_holds(seed, bound, difference):
    """Averaged over the arm that acts, a term is what the policy is worth; and none is below its bound.

    For policies and differences, models right or wrong, and propensities down to 1e-6.
    """
    rng = np.random.default_rng(seed)
    K = int(rng.integers(1, 6))
    p = rng.dirichlet(np.full(K, 0.2)) + 1e-6
    p /= p.sum()
    s = rng.dirichlet(np.full(K, 0.5))
    if difference:
        s = s - rng.dirichlet(np.full(K, 0.5))
    q, means = rng.random(K), rng.random(K)
    rewards = rng.random(K)
    for reward in (means, rewards):
        terms = terms_below(
            np.tile(s, (K, 1)), np.tile(p, (K, 1)), np.tile(q, (K, 1)), np.arange(K), reward, bound=bound
        )
        assert p @ terms == pytest.approx(s @ reward, abs=1e-9)
        assert terms.min() >= -bound - (1.0 if difference else 0.0) - 1e-9


@given(seeds)
def test_what_was_never_tried_is_taken_as_the_worst(seed):
    """Where an arm had no chance, the bound below takes its reward as 0, and that above as 1."""
    rng = np.random.default_rng(seed)
    p, s = np.array([0.3, 0.7, 0.0]), rng.dirichlet(np.ones(3))
    q, means = rng.random(3), rng.random(3)
    rows = (np.tile(p, (2, 1)), np.tile(q, (2, 1)), np.arange(2), means[:2])
    below = p[:2] @ terms_below(np.tile(s, (2, 1)), *rows)
    above = -(p[:2] @ terms_below(-np.tile(s, (2, 1)), *rows))
    known = s[:2] @ means[:2]
    assert below == pytest.approx(known)
    assert above == pytest.approx(known + s[2])


@given(seeds)
def test_clipping_only_moves_the_bound_away(seed):
    """A clipped term from below is never more than the unclipped one."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(3, 0.2), 20) + 1e-4
    s = rng.dirichlet(np.ones(3), 20) - rng.dirichlet(np.ones(3), 20)
    given_ = (s, p, rng.random((20, 3)), rng.integers(3, size=20), rng.random(20))
    assert (terms_below(*given_, 5.0) <= terms_below(*given_) + 1e-12).all()


def test_a_single_tiny_propensity():
    """It widens the interval, and ends neither the computation nor what others say."""
    n = 200
    p = np.full((n, 2), 0.5)
    p[7] = (1e-12, 1.0 - 1e-12)
    s, chosen, reward = np.tile([1.0, 0.0], (n, 1)), np.arange(n) % 2, np.full(n, 0.7)
    chosen[7] = 0
    lower, upper = limits_at(bounded(s, p, np.full((n, 2), 0.5), chosen, reward), n)
    assert 0.0 <= lower < 0.7 < upper <= 1.0
    far = joint_limit(10.0, np.array([1e12, 1e12]), np.array([1e20, 1e20]), VALUE_SCALES, RHOS, 0.05)
    assert np.isfinite(far)


def test_as_in_the_stream():
    """The interval of a log at its end is the one that the learner has for it."""
    rng = np.random.default_rng(0)
    n = 400
    p = (rng.dirichlet(np.ones(3), n) * 0.9 + 0.1 / 3).astype(np.float32)
    champion, other = rng.dirichlet(np.ones(3), (2, n))
    q, reward, chosen = rng.random((n, 3)), rng.random(n), rng.integers(3, size=n)
    state = Progressive(("champion", "other"), ("a", "b", "c"))
    eligible = np.ones((n, 3), np.bool_)
    state.update(np.stack([champion, other]), q, eligible, chosen, p, reward, np.full(n, 16))
    given_ = (p.astype(np.float64), q, chosen, reward)
    assert limits_at(bounded(champion, *given_), n) == pytest.approx(state.value("champion")[2:4], abs=1e-7)
    ahead = limits_at(bounded(champion - other, *given_, difference=True), n)
    assert ahead == pytest.approx(state.over_challenger("other")[2:4], abs=1e-7)
    arm = np.tile([0.0, 1.0, 0.0], (n, 1))
    assert limits_at(bounded(arm, *given_), n) == pytest.approx(state.arm_value(1)[2:4], abs=1e-7)
    against = limits_at(bounded(champion - arm, *given_, difference=True), n)
    assert against == pytest.approx(state.over_arm(1)[2:4], abs=1e-7)
