"""Incremental ridge regression against the normal equations, and what forgetting does to its covariance."""

import numpy as np
import pytest

from stream_workers.bandits import ridge


@pytest.fixture(params=["compiled", "interpreted"])
def run(request):
    """A kernel by name, compiled or as plain Python."""
    return lambda name: (
        getattr(getattr(ridge, name), "py_func", None) if request.param == "interpreted" else getattr(ridge, name)
    )


def fit(run, X, y, strength, weight=1.0):
    m = X.shape[1]
    P, theta, scratch = np.empty((m, m)), np.zeros((1, m)), np.empty(m)
    run("reset")(P, strength)
    for x, target in zip(X, y, strict=True):
        if weight < 1:
            run("forget")(P, theta, weight, strength, scratch)
        step = run("gain")(P, x, strength, scratch)
        theta[0] += step * (target - ridge.dot(x, theta[0])) * scratch
        run("shrink")(P, scratch, step)
    return P, theta[0]


@pytest.mark.parametrize("m", [1, 2, 7, 33])
def test_normal_equations(run, m):
    """After n rows P and theta are those of the closed form (ridge I + X'X)^-1, ... X'y."""
    rng = np.random.default_rng(m)
    X, y = rng.standard_normal((50, m)), rng.standard_normal(50)
    P, theta = fit(run, X, y, 0.7)
    expected = np.linalg.inv(0.7 * np.eye(m) + X.T @ X)
    assert pytest.approx(expected, abs=1e-10) == P
    assert theta == pytest.approx(expected @ X.T @ y, abs=1e-10)


def test_symmetric_to_the_bit(run):
    """P equals its transpose exactly, so its upper triangle is all of it."""
    rng = np.random.default_rng(0)
    P, _ = fit(run, rng.standard_normal((40, 9)), rng.standard_normal(40), 1.0, 0.95)
    assert (P.T == P).all()


def test_geometric_weights(run):
    """With data in every direction, forgetting is least squares in which older rows weigh geometrically less."""
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((400, 3)), rng.standard_normal(400)
    P, theta = fit(run, X, y, 1e-3, 0.98)
    w = 0.98 ** np.arange(399, -1, -1)
    A = X.T @ (w[:, None] * X)
    assert theta == pytest.approx(np.linalg.solve(A, X.T @ (w * y)), abs=1e-3)
    assert pytest.approx(np.linalg.inv(A), rel=1e-2, abs=1e-4) == P


def test_dead_direction_does_not_wind_up():
    """A feature that has gone silent: its variance stays within the bound, and what it taught returns to the prior."""
    rng = np.random.default_rng(2)
    X = rng.standard_normal((20_000, 4))
    X[200:, 3] = 0.0
    y = X[:, 0] + X[:, 3]
    P, theta = fit(lambda name: getattr(ridge, name), X, y, 1.0, 0.99)
    assert P[3, 3] <= ridge.WIND_UP
    assert np.linalg.eigvalsh(P).min() > 0
    assert abs(theta[3]) < 0.1
    assert theta[0] == pytest.approx(1, abs=0.02)


def test_indefinite_covariance_restarts(run):
    """Should P ever have become indefinite, it goes back to the prior instead of poisoning what is learned."""
    P, scratch = -np.eye(2), np.empty(2)
    step = run("gain")(P, np.array([1.0, 1.0]), 2.0, scratch)
    assert (np.eye(2) / 2 == P).all()
    assert step == 0.5
