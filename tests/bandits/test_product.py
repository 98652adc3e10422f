"""Products in registers: the bits of plain loops."""

import numpy as np
import pytest

from stream_workers.bandits.product import multiply


def plain(P, x):
    """Every product and every sum rounded, in the order of the rows."""
    y = np.zeros(len(x))
    for row, number in zip(P, x, strict=True):
        y += row * number
    return y


@pytest.mark.parametrize("m", [*range(1, 42), 63, 64, 65, 100, 129])
def test_the_bits_of_plain_loops(m):
    """Whatever the size, and with zeros among the numbers; nothing beyond y is written."""
    rng = np.random.default_rng(m)
    for _ in range(5):
        P = rng.normal(size=(m, m)) * 10.0 ** rng.integers(-9, 9, size=(m, m))
        P = P + P.T
        x = rng.normal(size=m) * (rng.random(m) < 0.8)
        room = np.full(m + 16, 7.0)
        multiply(P, x, room[8 : 8 + m])
        assert room[8 : 8 + m].tobytes() == plain(P, x).tobytes()
        assert (room[:8] == 7.0).all()
        assert (room[8 + m :] == 7.0).all()
