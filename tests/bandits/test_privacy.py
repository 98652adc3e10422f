"""What the Gaussian mechanism gives away, against the definition of differential privacy itself."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_workers.bandits.privacy import composed, delta_of, epsilon_of, mu_of

MUS = st.floats(0.05, 4.0)


def hockey_stick(mu, epsilon):
    """sup over events of P(event) - exp(epsilon) Q(event), by quadrature: P is normal about mu, Q about 0."""
    x = np.linspace(-12.0, 12.0 + mu, 400_001)
    p, q = (np.exp(-0.5 * (x - centre) ** 2) / math.sqrt(2 * math.pi) for centre in (mu, 0.0))
    return np.trapezoid(np.maximum(p - math.exp(epsilon) * q, 0.0), x)


@pytest.mark.parametrize("mu", [0.1, 0.237, 0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.5, 1.0, 3.0, 8.0])
def test_delta_is_that_of_the_definition(mu, epsilon):
    """The formula is the largest difference that any test between the two outputs could find."""
    assert delta_of(mu, epsilon) == pytest.approx(hockey_stick(mu, epsilon), abs=1e-9)


def test_two_publications_are_one():
    """Two outputs seen together give away what one with the composed mu does: by quadrature over the plane."""
    first, second, epsilon = 0.6, 0.9, 0.7
    x = np.linspace(-9.0, 10.0, 2_001)
    a, b = np.meshgrid(x, x)
    p = np.exp(-0.5 * ((a - first) ** 2 + (b - second) ** 2)) / (2 * math.pi)
    q = np.exp(-0.5 * (a**2 + b**2)) / (2 * math.pi)
    both = np.trapezoid(np.trapezoid(np.maximum(p - math.exp(epsilon) * q, 0.0), x), x)
    assert delta_of(composed([first, second]), epsilon) == pytest.approx(both, abs=1e-5)


@given(st.floats(0.05, 5.0), st.floats(1e-9, 1e-3))
def test_the_three_say_the_same(epsilon, delta):
    """The largest mu for (epsilon, delta) has that delta, and that epsilon."""
    mu = mu_of(epsilon, delta)
    assert delta_of(mu, epsilon) == pytest.approx(delta, rel=1e-6)
    assert epsilon_of(mu, delta) == pytest.approx(epsilon, rel=1e-6)


@given(st.lists(MUS, min_size=1, max_size=5), st.floats(1e-9, 1e-3))
def test_more_gives_away_more(mus, delta):
    """No publication is for free, and together they are at most what naive addition of epsilons and deltas says."""
    total = composed(mus)
    assert epsilon_of(total, delta) >= max(epsilon_of(mu, delta) for mu in mus) - 1e-9
    share = delta / len(mus)
    assert epsilon_of(total, delta) <= sum(epsilon_of(mu, share) for mu in mus) + 1e-9


def test_at_the_ends():
    """Nothing published, a delta that is given away anyway, and a mu that protects nobody."""
    assert composed([]) == 0.0
    assert delta_of(0.0, 1.0) == 0.0
    assert epsilon_of(0.0, 1e-6) == 0.0
    assert epsilon_of(500.0, 1e-6) == math.inf
    assert delta_of(1.0, 800.0) == 0.0
