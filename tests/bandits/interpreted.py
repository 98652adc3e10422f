"""The learners' kernels as plain Python, for a process with NUMBA_DISABLE_JIT=1.

Most kernels are Python as they stand.  Those written in LLVM's terms have an equivalent here, operation for operation:
`install` puts these in their place.
"""

import ctypes

import numpy as np

from stream_workers.bandits import address, panels, product, quadratic

LANES = panels.LANES
_SPLIT = 134217729.0  # 2^27 + 1


def two_sum(a, b):
    """a + b rounded, and what that lost (Knuth 1969)."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def two_product(a, b):
    """a * b rounded, and what that lost (Veltkamp; Dekker 1971).  Exact short of overflow and underflow."""
    p = a * b
    high_a, high_b = (each * _SPLIT - (each * _SPLIT - each) for each in (a, b))
    low_a, low_b = a - high_a, b - high_b
    return p, ((high_a * high_b - p) + high_a * low_b + low_a * high_b) + low_a * low_b


def fma(a, b, c):
    """a * b + c rounded once (Boldo, Melquiond 2008: the last addition's second summand is rounded to odd)."""
    a, b, c = np.broadcast_arrays(*(np.asarray(each, np.float64) for each in (a, b, c)))
    product_high, product_low = two_product(a, b)
    t_high, t_low = two_sum(c, product_low)
    v_high, v_low = two_sum(product_high, t_high)
    z, lost = two_sum(t_low, v_low)
    even = (z.view(np.int64) & 1) == 0 if z.ndim else (np.float64(z).view(np.int64) & 1) == 0
    z = np.where((lost != 0) & even, np.nextafter(z, np.where(lost > 0, np.inf, -np.inf)), z)
    return v_high + z


def lane_sum(vector):
    """Halves on halves."""
    while len(vector) > 1:
        vector = vector[: len(vector) // 2] + vector[len(vector) // 2 :]
    return vector[0]


def one_pass(P, s, scale, x, y):
    """`panels._plain` and `_scaled`."""
    n = len(x) // LANES
    blocks = P.reshape(-1, LANES, LANES)
    y[:] = 0.0
    place = 0
    for p in range(n):
        rows = slice(p * LANES, (p + 1) * LANES)
        sums = np.zeros((LANES, LANES))
        for q in range(p, n):
            here, block = slice(q * LANES, (q + 1) * LANES), blocks[place]
            block[:] = fma(-s[rows, None], s[None, here], block)
            if scale != 1.0:
                block *= scale
            sums = fma(block, x[None, here], sums)
            if q > p:
                column = [np.zeros(LANES), np.zeros(LANES)]
                for r in range(LANES):
                    column[r % 2] = fma(x[p * LANES + r], block[r], column[r % 2])
                y[here] += column[0] + column[1]
            place += 1
        for r in range(LANES):
            y[p * LANES + r] += lane_sum(sums[r])


def dot(x, y):
    """`panels._dot`."""
    sums = [np.zeros(LANES), np.zeros(LANES)]
    for k in range(len(x) // LANES):
        last = k == len(x) // LANES - 1 and k % 2 == 0
        to = 0 if last else k % 2
        here = slice(k * LANES, (k + 1) * LANES)
        sums[to] = fma(x[here], y[here], sums[to])
    return lane_sum(sums[0] + sums[1])


def forms(width):
    """`quadratic._forms_8` and its like, `_forms_1`, too."""

    def run(P, w, columns, quadratic_form, linear):
        x = columns[:, :width]
        v, e = np.zeros(width), np.zeros(width)
        for j in range(len(w)):
            y = np.zeros(width)
            for i in range(j):
                y = fma(P[j, i], x[i], y)
            v = fma(x[j], fma(P[j, j], x[j], y + y), v)
            e = fma(w[j], x[j], e)
        quadratic_form[:width], linear[:width] = v, e

    return run


def columns(count):
    """`product._columns_8` and its like."""

    def run(P, x, y, first):
        here = slice(first, first + 8 * count)
        total = np.zeros(8 * count)
        for i in range(len(x)):
            total = total + P[i, here] * x[i]
        y[here] = total

    return run


def install():
    """Let the modules use these.  Only where numba compiles nothing."""
    panels._plain = panels._scaled = one_pass
    panels._dot = dot
    for width, name in ((1, "_forms_1"), (8, "_forms_8"), (16, "_forms_16"), (32, "_forms_32")):
        setattr(quadratic, name, forms(width))
    for count, name in ((1, "_columns_8"), (2, "_columns_16"), (4, "_columns_32")):
        setattr(product, name, columns(count))
    address._float64_at = lambda place: ctypes.cast(int(place), ctypes.POINTER(ctypes.c_double))
    address._int64_at = lambda place: ctypes.cast(int(place), ctypes.POINTER(ctypes.c_int64))
    address._prefetch_line = lambda _: None
