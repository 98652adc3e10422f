"""The confidence sequence: its formula, that it covers at every moment at once, and that it is not idle."""

import math

import numpy as np
import pytest

from stream_workers.evaluation.confidence import LEAST, TIGHTEST_AT, half_width, interval


def test_formula():
    """Width as in Theorem 2.2 with rho chosen for TIGHTEST_AT, spelled out."""
    n, variance, alpha = 700, 0.21, 0.05
    rho = math.sqrt((-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / TIGHTEST_AT)
    expected = math.sqrt(variance) * math.sqrt(
        2 * (n * rho**2 + 1) / (n**2 * rho**2) * math.log(math.sqrt(n * rho**2 + 1) / alpha)
    )
    assert half_width(n, variance, alpha) == pytest.approx(expected)


def test_nothing_yet():
    """Before LEAST outcomes there is no interval, and with none no error."""
    assert interval(0, 0.0, 0.0).upper == math.inf
    assert math.isinf(half_width(LEAST - 1, 1.0))
    assert math.isfinite(half_width(LEAST, 1.0))


def test_narrows():
    """More outcomes, or more tolerance, give a narrower interval; it shrinks to nothing."""
    widths = [half_width(n, 1.0) for n in (30, 100, 1000, 10_000, 10**8)]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 1e-3
    assert half_width(500, 1.0, 0.01) > half_width(500, 1.0, 0.1)


@pytest.mark.parametrize("skewed", [False, True])
def test_covers_always(skewed):
    """Of 400 streams, watched at every step up to 3,000, not significantly more than alpha ever leave the interval.

    A z-interval watched like this leaves far more often, so the test can fail.
    """
    rng = np.random.default_rng(0)
    streams, steps, alpha = 400, 3000, 0.1
    x = (rng.random((streams, steps)) < 0.05).astype(float) if skewed else rng.random((streams, steps))
    truth = 0.05 if skewed else 0.5
    # Rare events have no variance to go by at first: asymptotic means that the beginning is not promised.
    begin = 300 if skewed else LEAST
    n = np.arange(1, steps + 1)
    mean = (np.cumsum(x, 1) / n)[:, begin:]
    variance = np.maximum((np.cumsum(x * x, 1) / n)[:, begin:] - mean**2, 0)
    unit = np.array([half_width(int(t), 1.0, alpha) for t in n[begin:]])
    gone = (np.abs(mean - truth) > np.sqrt(variance) * unit).any(1).mean()
    z = (np.abs(mean - truth) > 1.645 * np.sqrt(variance / n[begin:])).any(1).mean()
    noise = 2 * math.sqrt(alpha * (1 - alpha) / streams)
    assert gone <= alpha + noise
    assert z > 2 * alpha
