"""The regularised lower incomplete gamma function, which the standard library does not have.

Series and continued fraction as in DLMF 8.11.4 and 8.9.2 (the latter by Lentz's method); where each converges fast.
"""

import math
from typing import Final

from stream_workers.bandits.kernel import kernel

_PRECISION: Final = 1e-15
_TINY: Final = 1e-300
_STEPS: Final = 1_000_000


@kernel()
def log_lower(a: float, x: float) -> float:
    """Log of P(a, x), the share of gamma(a) that lies below x: the logarithm, because P may underflow.  a, x > 0."""
    front = a * math.log(x) - x - math.lgamma(a)
    if x < a + 1.0:
        term = total = 1.0 / a
        for k in range(1, _STEPS):
            term *= x / (a + k)
            total += term
            if term < total * _PRECISION:
                break
        return front + math.log(total)
    b = x + 1.0 - a
    c = 1.0 / _TINY
    d = 1.0 / b
    fraction = d
    for k in range(1, _STEPS):
        factor = -k * (k - a)
        b += 2.0
        d = factor * d + b
        d = 1.0 / (d if abs(d) > _TINY else _TINY)
        c = b + factor / c
        c = c if abs(c) > _TINY else _TINY
        fraction *= d * c
        if abs(d * c - 1.0) < _PRECISION:
            break
    upper = math.exp(front) * fraction
    return math.log1p(-upper) if upper < 1.0 else -math.inf
