"""Elementary functions against those of the C library, within the stated errors."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_workers.bandits import elementary

BOTH = {name: [getattr(elementary, name), getattr(elementary, name).py_func] for name in
        ("cosine_of_turns", "exponential", "normal_cdf", "power")}  # fmt: skip


@pytest.mark.parametrize("run", BOTH["cosine_of_turns"])
@given(st.floats(-1e6, 1e6))
def test_cosine(run, u):
    """cos(2 pi u), the turn reduced exactly."""
    assert run(u) == pytest.approx(math.cos(2 * math.pi * math.fmod(u, 1.0)), abs=2e-10)


@pytest.mark.parametrize("run", BOTH["exponential"])
@given(st.floats(-750, 0))
def test_exponential(run, x):
    """Relative, down to where it is 0."""
    if x < -700:
        assert run(x) == 0
    else:
        assert run(x) == pytest.approx(math.exp(x), rel=1e-14)


@pytest.mark.parametrize("run", BOTH["normal_cdf"])
@given(st.floats(-40, 40))
def test_normal_cdf(run, x):
    """The distribution function of the normal distribution."""
    assert run(x) == pytest.approx(0.5 * math.erfc(-x / math.sqrt(2)), abs=1e-7)


@pytest.mark.parametrize("run", BOTH["power"])
@given(st.floats(0.9, 1.0), st.integers(0, 100_000))
def test_power(run, base, n):
    """A whole power."""
    assert run(base, n) == pytest.approx(base**n, rel=1e-9, abs=1e-300)


def test_compiled_and_interpreted_are_the_same_bits():
    """No fused operations, no library: what Python's floats say."""
    rng = np.random.default_rng(0)
    for x in rng.uniform(-50, 50, 2000):
        for name in ("cosine_of_turns", "normal_cdf"):
            compiled, plain = BOTH[name]
            assert compiled(x) == plain(x)
        compiled, plain = BOTH["exponential"]
        assert compiled(-abs(x)) == plain(-abs(x))
