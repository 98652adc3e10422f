"""How much a noisy publication says about one of those it was made of: the Gaussian mechanism, exactly accounted.

A sum to which everybody adds a vector of length at most C, published with normal noise of deviation sigma C in every
coordinate, is mu-Gaussian differentially private with mu = 1 / sigma (Dong, Roth, Su 2019, theorem 2.7), that is
(epsilon, delta)-differentially private for every epsilon with

    delta = Phi(-epsilon / mu + mu / 2) - exp(epsilon) Phi(-epsilon / mu - mu / 2)

(their corollary 2.13; Balle, Wang 2018, theorem 8), and for no smaller delta.  Publications compose exactly:
mu = sqrt(mu_1^2 + mu_2^2 + ...) (their corollary 3.3), whatever the later ones made of the earlier.
"""

import math
from collections.abc import Iterable
from typing import Final

_STEPS: Final = 200
_LARGEST: Final = 1e4


def _below(x: float) -> float:
    """The standard normal distribution function."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def delta_of(mu: float, epsilon: float) -> float:
    """The least delta for an epsilon of 0 or more."""
    if mu <= 0.0:
        return 0.0
    tail = _below(-epsilon / mu - mu / 2.0)
    # exp(epsilon) may overflow where the tail is 0 all the same.
    weighted = math.exp(epsilon + math.log(tail)) if tail > 0.0 else 0.0
    return max(0.0, _below(-epsilon / mu + mu / 2.0) - weighted)


def epsilon_of(mu: float, delta: float) -> float:
    """The least epsilon for a delta in (0, 1); infinite above 10,000."""
    if delta_of(mu, 0.0) <= delta:
        return 0.0
    low, high = 0.0, 1.0
    while delta_of(mu, high) > delta:
        low, high = high, 2.0 * high
        if high > _LARGEST:
            return math.inf
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if delta_of(mu, middle) > delta else (low, middle)
    return high


def mu_of(epsilon: float, delta: float) -> float:
    """The largest mu that is (epsilon, delta)-private."""
    low, high = 0.0, 1.0
    while delta_of(high, epsilon) <= delta:
        low, high = high, 2.0 * high
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if delta_of(middle, epsilon) <= delta else (low, middle)
    return low


def composed(mus: Iterable[float]) -> float:
    """The mu of several publications together."""
    return math.sqrt(math.fsum(mu * mu for mu in mus))
