"""Confidence sequences for every sample size: the package confseq's values, the limits' definition, and coverage.

The values of confseq 0.0.11 are committed and not computed here, because it has to be built with Boost
(`oracles/write_confseq.py`).
"""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_workers.evaluation.empirical_bernstein import (
    RHO,
    boundary,
    joint_limit,
    limit,
    limits,
    log_mixture,
    predictable_mixture,
    rho_of,
)
from stream_workers.evaluation.incomplete_gamma import log_lower

ORACLE = json.loads((Path(__file__).parent / "oracles" / "confseq.json").read_text())
TERMS = np.array(ORACLE["terms"])


def test_incomplete_gamma():
    """The share of a gamma distribution below a point, against scipy."""
    for a, x, expected in ORACLE["gamma"]:
        assert math.exp(log_lower(a, x)) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_mixture_and_boundary():
    """The gamma-exponential mixture, and where it reaches 1 / alpha."""
    for at, mixtures, boundaries in zip(ORACLE["tightest_at"], ORACLE["log_mixture"], ORACLE["boundary"], strict=True):
        rho = rho_of(at, 0.025)
        for v, mixture, row in zip(ORACLE["v"], mixtures, boundaries, strict=True):
            for s, expected in zip(ORACLE["s"], mixture, strict=True):
                assert log_mixture(s, v, rho) == pytest.approx(expected, rel=1e-8, abs=1e-8)
            for alpha, expected in zip(ORACLE["alphas"], row, strict=True):
                assert boundary(v, alpha, rho) == pytest.approx(expected, rel=1e-8)


def test_sequences():
    """The conjugate-mixture and the predictable-mixture sequence of 500 terms, at every one of them."""
    _, _, conjugate = limits(TERMS, 0.0, 1.0, 0.025)
    assert conjugate == pytest.approx(np.array(ORACLE["conjugate"]), abs=1e-8)
    predictable = predictable_mixture(TERMS, 0.0, 1.0, 0.025)
    assert np.maximum(predictable, 0.0) == pytest.approx(np.array(ORACLE["predictable"]), abs=1e-10)


@given(
    st.floats(1.0, 10_000.0), st.floats(-1.0, 1.0), st.floats(-1.0, 1.0), st.floats(0.1, 1e5), st.floats(0.1, 1e5),
    st.floats(1e-4, 0.2),
)  # fmt: skip
def test_joint_limit_is_its_definition(n, first, second, v1, v2, alpha):
    """At the joint limit the average of the mixtures is 1 / alpha; it is between what each alone would give."""
    means, spreads = np.array([first, second]), np.array([v1, v2])
    scales, rhos = np.array([2.0, 26.0]), np.array([rho_of(60.0), rho_of(10.0)])
    found = joint_limit(n, means, spreads, scales, rhos, alpha)
    alone = [limit(1, 0.0, v, c, alpha, rho) for v, c, rho in zip(spreads, scales, rhos, strict=True)]
    assert found <= max(means + np.array(alone) / n) + 1e-6

    def average(m):
        logs = [
            log_mixture(n * (mean - m) / c, v / c**2, rho)
            for mean, v, c, rho in zip(means, spreads, scales, rhos, strict=True)
        ]
        return sum(math.exp(min(each, 700.0)) for each in logs) / 2

    assert average(found - 1e-6) >= 1.0 / alpha * (1 - 1e-6)
    assert average(found + 1e-6) <= 1.0 / alpha * (1 + 1e-6)


@given(st.integers(1, 100_000), st.floats(0.0, 1e6), st.floats(1e-4, 0.4))
def test_limits_give_way(n, spread, alpha):
    """More variance, or less tolerance, and the limit is lower; terms scaled scale it."""
    here = limit(n, 0.5, spread, 2.0, alpha)
    assert limit(n, 0.5, spread * 1.5 + 1.0, 2.0, alpha) < here
    assert limit(n, 0.5, spread, 2.0, alpha / 2.0) < here
    assert limit(n, 5.0, spread * 100.0, 20.0, alpha) == pytest.approx(10.0 * here, rel=1e-9, abs=1e-9)
    assert limit(0, 0.0, 0.0, 1.0, alpha) == -math.inf


@pytest.mark.parametrize("tail", ["bernoulli", "pareto"])
def test_covers_always(tail):
    """Of 500 streams, watched at every fourth of 2,000 steps, not more than alpha leave a limit from below: also with
    terms that have no bound above and no variance.  And it is not idle: in the end it is near.

    A limit by the normal approximation, watched like this, is left far more often.
    """
    rng = np.random.default_rng(0)
    streams, n, alpha = 500, 2000, 0.1
    if tail == "bernoulli":
        x, mean = (rng.random((streams, n)) < 0.1).astype(float), 0.1
    else:
        x, mean = 0.05 * rng.pareto(1.8, (streams, n)), 0.05 / 0.8
    steps = np.arange(1, n + 1)
    running = np.cumsum(x, axis=1) / steps
    guesses = np.concatenate([np.zeros((streams, 1)), np.minimum(running[:, :-1], 1.0)], axis=1)
    spread = np.cumsum((x - guesses) ** 2, axis=1)
    # The limit passes the truth exactly where the mixture at the truth passes 1 / alpha.
    gone = [
        any(log_mixture(t * (m - mean), v, RHO) >= -math.log(alpha) for t, m, v in zip(steps, a, b, strict=True))
        for a, b in zip(running[:, ::4], spread[:, ::4], strict=True)
        for steps in (np.arange(1, n + 1, 4),)
    ]
    assert np.mean(gone) <= alpha + 2 * math.sqrt(alpha * (1 - alpha) / streams)
    if tail == "bernoulli":
        last = [limit(n, m, v, 1.0, alpha) for m, v in zip(running[:, -1], spread[:, -1], strict=True)]
        assert np.mean(last) > mean - 0.03
        deviation = np.sqrt(running * (1 - running) / steps)
        assert (running - mean > 1.28 * deviation)[:, 30:].any(axis=1).mean() > 2 * alpha
