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
def test_gain_is_that_of_squares(run, weight):
    """Over a long run P, theta and steps are those of the square form, to rounding, whose updates do not wait."""
    rng = np.random.default_rng(0)
    rows, m, n, strength = 21, 24, 300, 0.8
    P, waiting, theta = np.empty(panels.size(m)), np.zeros(m), np.zeros((1, m))
    room, y = np.empty((3, m)), np.empty(m)
    ridge.reset_panels(P, rows, strength, y)
    square, other, scratch = np.empty((rows, rows)), np.zeros((1, rows)), np.empty(rows)
    ridge.reset(square, strength)
    for _ in range(n):
        x = np.zeros(m)
        x[: rows - 1] = rng.standard_normal(rows - 1)  # the last direction never has data: forgetting winds it up
        target = rng.standard_normal()
        step = run(P, theta, waiting, weight, rows, strength, x, y, room)
        theta[0] += step * (target - theta[0] @ x) * y
        ridge.panel_wait(waiting, y, step)
        if weight < 1:
            ridge.forget(square, other, weight, strength, scratch)
        one = ridge.gain(square, x[:rows], strength, scratch)
        other[0] += one * (target - other[0] @ x[:rows]) * scratch
        ridge.shrink(square, scratch, one)
        assert step == pytest.approx(one, rel=1e-9)
    assert theta[0, :rows] == pytest.approx(other[0], abs=1e-9)
    assert (panels.to_square(P, m) - np.outer(waiting, waiting))[:rows, :rows] == pytest.approx(square, abs=1e-9)
    assert (theta[0, rows:] == 0).all()


def test_indefinite_restarts():
    """Should rounding have made P indefinite, it goes on from the prior."""
    m = 8
    P, waiting, theta, y = np.empty(panels.size(m)), np.zeros(m), np.zeros((1, m)), np.empty(m)
    panels.set_diagonal(P, np.full(m, -1.0))
    x = np.ones(m)
    step = ridge.panel_gain(P, theta, waiting, 1.0, m, 2.0, x, y, np.empty((3, m)))
    assert step == pytest.approx(1 / (1 + 8 / 2.0))
    assert y == pytest.approx(x / 2.0)
