"""Packed triangles against whole matrices."""

import numpy as np
import pytest

from stream_workers.bandits import panels, ridge


def matrix(m, rng):
    """Symmetric and positive definite."""
    root = rng.standard_normal((m, m))
    return root @ root.T + np.eye(m)


@pytest.mark.parametrize("m", [8, 16, 40, 168])
@pytest.mark.parametrize("scale", [1.0, 1.25])
def test_advance(m, scale):
    """One pass is the downdate, the scaling and the product; what is packed is what it was made of."""
    rng = np.random.default_rng(m)
    full, s, x, y = matrix(m, rng), rng.standard_normal(m), rng.standard_normal(m), np.empty(m)
    P = panels.from_square(full)
    assert len(P) == panels.size(m)
    assert (panels.to_square(P, m) == full).all()
    panels.advance(P, s, scale, x, y)
    expected = (full - np.outer(s, s)) * scale
    assert panels.to_square(P, m) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert y == pytest.approx(expected @ x, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("m", [8, 24, 64])
def test_diagonal(m):
    """Read and written where it is."""
    rng = np.random.default_rng(m)
    full, out = matrix(m, rng), np.empty(m)
    P = panels.from_square(full)
    panels.diagonal(P, out)
    assert (out == np.diag(full)).all()
    panels.set_diagonal(P, out)
    assert (panels.to_square(P, m) == np.diag(np.diag(full))).all()


@pytest.mark.parametrize("m", [8, 16, 24, 56])
def test_dot(m):
    """To rounding numpy's."""
    rng = np.random.default_rng(m)
    x, y = rng.standard_normal(m), rng.standard_normal(m)
    assert panels.dot_lanes(x, y) == pytest.approx(x @ y, abs=1e-12)


@pytest.mark.parametrize("weight", [1.0, 0.97])
@pytest.mark.parametrize("run", [ridge.panel_gain, ridge.panel_gain.py_func])
def test_gain_is_least_squares(run, weight):
    """Over a long run P and theta are those of the normal equations in which older rows weigh geometrically less and
    each coordinate has in its turn got back what the prior lost; a direction without data stays near the prior."""
    rng = np.random.default_rng(0)
    rows, m, n, strength = 21, 24, 400, 0.8
    P, waiting, theta = np.empty(panels.size(m)), np.zeros(m), np.zeros((1, m))
    room, y, turn = np.empty((3, m)), np.empty(m), np.zeros(1, np.int64)
    ridge.reset_panels(P, rows, strength, y)
    A, b = strength * np.eye(rows), np.zeros(rows)
    for i in range(n):
        x = np.zeros(m)
        x[: rows - 1] = rng.standard_normal(rows - 1)
        target = rng.standard_normal()
        step = run(P, theta, waiting, weight, rows, strength, turn, x, y, room)
        theta[0] += step * (target - theta[0] @ x) * y
        ridge.panel_wait(waiting, y, step)
        A *= weight
        A[i % rows, i % rows] += (1 - weight) * rows * strength
        A += np.outer(x[:rows], x[:rows])
        b = weight * b + target * x[:rows]
    assert theta[0, :rows] == pytest.approx(np.linalg.solve(A, b), abs=1e-8)
    inverse = (panels.to_square(P, m) - np.outer(waiting, waiting))[:rows, :rows]
    assert inverse == pytest.approx(np.linalg.inv(A), abs=1e-8)
    assert (theta[0, rows:] == 0).all()
    assert 0.5 < inverse[-1, -1] * strength < 2


@pytest.mark.parametrize("run", [ridge.panel_forget, ridge.panel_forget.py_func])
def test_forget_is_that_of_squares(run):
    """Forgetting much at once: P and theta of the square form, coordinates above the limit pulled back to the prior."""
    rng = np.random.default_rng(1)
    rows, m, strength, weight = 13, 16, 0.8, 0.05
    full = np.zeros((m, m))
    full[:rows, :rows] = np.linalg.inv(matrix(rows, rng))
    P, waiting, theta, room = panels.from_square(full), np.zeros(m), np.zeros((2, m)), np.empty((3, m))
    theta[:, :rows] = rng.standard_normal((2, rows))
    square, other = full[:rows, :rows].copy(), theta[:, :rows].copy()
    run(P, theta, waiting, weight, rows, strength, ridge.WIND_UP, room)
    ridge.forget(square, other, weight, strength, np.empty(rows))
    assert (panels.to_square(P, m) - np.outer(waiting, waiting))[:rows, :rows] == pytest.approx(square, abs=1e-9)
    assert theta[:, :rows] == pytest.approx(other, abs=1e-9)
    assert np.diag(square).max() * strength <= ridge.WIND_UP


def test_runaways_come_back():
    """An arm that slept through forgetting again and again does not overflow: all coordinates come back at once."""
    rows = m = 16
    P, waiting, theta = np.empty(panels.size(m)), np.zeros(m), np.zeros((1, m))
    room, y, turn = np.empty((3, m)), np.empty(m), np.zeros(1, np.int64)
    ridge.reset_panels(P, rows, 1.0, y)
    x = np.zeros(m)
    x[3] = 1.0
    for _ in range(300):
        step = ridge.panel_gain(P, theta, waiting, 1e-9, rows, 1.0, turn, x, y, room)
        theta[0] += step * (1.0 - theta[0] @ x) * y
        ridge.panel_wait(waiting, y, step)
        panels.diagonal(P, room[0])
        assert room[0].max() < 1e4
    assert np.isfinite(theta).all()


def test_indefinite_restarts():
    """Should rounding have made P indefinite, it goes on from the prior."""
    m = 8
    P, waiting, theta, y = np.empty(panels.size(m)), np.zeros(m), np.zeros((1, m)), np.empty(m)
    panels.set_diagonal(P, np.full(m, -1.0))
    x = np.ones(m)
    step = ridge.panel_gain(P, theta, waiting, 1.0, m, 2.0, np.zeros(1, np.int64), x, y, np.empty((3, m)))
    assert step == pytest.approx(1 / (1 + 8 / 2.0))
    assert y == pytest.approx(x / 2.0)
