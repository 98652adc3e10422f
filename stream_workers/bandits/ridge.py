"""Ridge regression one row at a time: theta and the inverse P of (ridge I + sum of x x'), by Sherman-Morrison.

Sums run in a fixed order, without BLAS, and P stays symmetric to the last bit (its updates are products s_i s_j), so
that its upper triangle is all of it.  float32 would lose positive definiteness.
"""

import math

import numpy as np
from numpy.typing import NDArray

from .kernel import kernel
from .panels import advance, diagonal, dot_lanes, set_diagonal
from .product import multiply

Array = NDArray[np.float64]

#: A slept-through arm's covariance grows at most this much at once; more would cost precision and change nothing.
LEAST_WEIGHT = 1e-3
#: Coordinates are pulled back to the prior's variance when forgetting has let them grow to this multiple of it.
WIND_UP = 2.0
#: Where coordinates take turns in coming back, they all do at once when one has passed this multiple.
RUNAWAY = 8.0


@kernel()
def dot(a: Array, b: Array) -> float:
    """Sum of a_i b_i in a fixed order, in four lanes."""
    n = a.shape[0]
    s0 = 0.0
    s1 = 0.0
    s2 = 0.0
    s3 = 0.0
    i = 0
    while i + 3 < n:
        s0 += a[i] * b[i]
        s1 += a[i + 1] * b[i + 1]
        s2 += a[i + 2] * b[i + 2]
        s3 += a[i + 3] * b[i + 3]
        i += 4
    while i < n:
        s0 += a[i] * b[i]
        i += 1
    return (s0 + s1) + (s2 + s3)


@kernel()
def product(P: Array, x: Array, y: Array) -> float:
    """Write y = P x; return x' P x."""
    multiply(P, x, y)
    return dot(x, y)


@kernel()
def shrink(P: Array, y: Array, factor: float) -> None:
    """P -= factor y y', keeping P exactly symmetric.  Overwrites y."""
    s = math.sqrt(factor)
    m = y.shape[0]
    for i in range(m):
        y[i] *= s
    for i in range(m):
        yi = y[i]
        for j in range(m):
            P[i, j] -= yi * y[j]


@kernel()
def reset(P: Array, ridge: float) -> None:
    """P = I / ridge, the prior."""
    P[:] = 0.0
    for i in range(P.shape[0]):
        P[i, i] = 1.0 / ridge


@kernel()
def gain(P: Array, x: Array, ridge: float, y: Array) -> float:
    """Write y = P x and return the step 1 / (1 + x' P x): theta moves by step * error * y, then `shrink(P, y, step)`.

    Should rounding ever have made P indefinite, it restarts from the prior (theta is not touched).
    """
    v = product(P, x, y)
    if not v >= 0.0:
        reset(P, ridge)
        v = product(P, x, y)
    return 1.0 / (1.0 + v)


@kernel()
def forget(P: Array, theta: Array, weight: float, ridge: float, y: Array) -> None:
    """Give the past `weight` (0..1) of its weight.  theta: (m,) or (K, m), all with covariance P.

    Dividing P by the weight alone lets a direction without data wind up for ever.  A coordinate whose variance has
    passed WIND_UP times the prior's gets a pseudo-observation of 0 that brings it back to the prior's: the prior's
    share of the evidence, given back when it is needed.
    """
    m = P.shape[0]
    inverse = 1.0 / max(weight, LEAST_WEIGHT)
    for i in range(m):
        for j in range(m):
            P[i, j] *= inverse
    for c in range(m):
        if P[c, c] * ridge > WIND_UP:
            evidence = ridge - 1.0 / P[c, c]
            factor = evidence / (1.0 + evidence * P[c, c])
            for i in range(m):
                y[i] = P[c, i]
            for a in range(theta.shape[0]):
                pull = factor * theta[a, c]
                for i in range(m):
                    theta[a, i] -= pull * y[i]
            shrink(P, y, factor)


@kernel()
def reset_panels(P: Array, rows: int, ridge: float, diagonal_of: Array) -> None:
    """P = I / ridge for the first `rows` coordinates, 0 for the padding.  P: packed (`panels`); diagonal_of: (M,)."""
    for j in range(diagonal_of.shape[0]):
        diagonal_of[j] = 1.0 / ridge if j < rows else 0.0
    set_diagonal(P, diagonal_of)


@kernel()
def _pull(theta: Array, waiting: Array, coordinate: int, precision: float, column: Array) -> None:
    """Let a pseudo-observation of 0, with that precision at a coordinate, wait.  column: P e_coordinate."""
    factor = precision / (1.0 + precision * column[coordinate])
    for a in range(theta.shape[0]):
        pull = factor * theta[a, coordinate]
        for j in range(column.shape[0]):
            theta[a, j] -= pull * column[j]
    root = math.sqrt(factor)
    for j in range(column.shape[0]):
        waiting[j] = root * column[j]


@kernel("void(f8[::1], f8[:,::1], f8[::1], f8, i8, f8, f8, f8[:,::1])")
def panel_forget(
    P: Array, theta: Array, waiting: Array, weight: float, rows: int, ridge: float, limit: float, room: Array
) -> None:
    """`forget` for a packed P with what waits for it: coordinates above `limit` times the prior's variance come back.

    P: (size(M),); theta: (K, M), all with covariance P; rows: coordinates that are no padding; room: (3, M).
    """
    unit, column, variances = room[0], room[1], room[2]
    unit[:] = 0.0
    advance(P, waiting, 1.0 / max(weight, LEAST_WEIGHT), unit, column)
    waiting[:] = 0.0
    diagonal(P, variances)
    for c in range(rows):
        if variances[c] * ridge > limit:
            unit[c] = 1.0
            advance(P, waiting, 1.0, unit, column)
            unit[c] = 0.0
            _pull(theta, waiting, c, ridge - 1.0 / column[c], column)
            for j in range(rows):
                variances[j] -= waiting[j] * waiting[j]


@kernel("f8(f8[::1], f8[:,::1], f8[::1], f8, i8, f8, i8[::1], f8[::1], f8[::1], f8[:,::1])")
def panel_gain(
    P: Array,
    theta: Array,
    waiting: Array,
    weight: float,
    rows: int,
    ridge: float,
    turn: NDArray[np.int64],
    x: Array,
    y: Array,
    room: Array,
) -> float:
    """`gain` for a packed P with what waits for it, in one pass (`panels.advance`); in two with a weight below 1.

    Then the past keeps that share of its weight, and the prior what it had: in turn each coordinate gets the share of
    the prior's evidence that forgetting has taken from all of them, so that a direction without data does not wind up
    and every outcome costs the same.  turn: (1,) whose turn it is; room: (3, M); others: as `panel_forget`.

    Writes y = P x, returns the step; the caller moves theta and calls `panel_wait`.
    """
    if weight < 1.0:
        unit, column = room[0], room[1]
        c = turn[0] % rows
        turn[0] = c + 1
        unit[:] = 0.0
        unit[c] = 1.0
        advance(P, waiting, 1.0 / max(weight, LEAST_WEIGHT), unit, column)
        _pull(theta, waiting, c, (1.0 - weight) * rows * ridge, column)
        diagonal(P, room[2])
        highest = 0.0
        for j in range(rows):
            highest = max(highest, room[2, j])
        if not highest * ridge < RUNAWAY:
            panel_forget(P, theta, waiting, 1.0, rows, ridge, WIND_UP, room)
    advance(P, waiting, 1.0, x, y)
    v = dot_lanes(x, y)
    if not v >= 0.0:
        reset_panels(P, rows, ridge, room[0])
        waiting[:] = 0.0
        advance(P, waiting, 1.0, x, y)
        v = dot_lanes(x, y)
    return 1.0 / (1.0 + v)


@kernel()
def panel_wait(waiting: Array, y: Array, step: float) -> None:
    """Let P's update by y = P x wait for the next pass."""
    root = math.sqrt(step)
    for j in range(y.shape[0]):
        waiting[j] = root * y[j]
