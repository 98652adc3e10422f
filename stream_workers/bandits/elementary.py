"""Cosine, exponential, normal distribution and powers from additions and multiplications alone.

A C library's differ in the last bit from one version or machine to the next, and what a learner has learned must not.
"""

import math
from typing import Final

from .kernel import kernel

_TURN: Final = 2.0 * math.pi


def _cosine_terms(count: int) -> tuple[float, ...]:
    terms, term = [], 1.0
    for k in range(count):
        terms.append(term)
        term *= -_TURN * _TURN / ((2 * k + 1) * (2 * k + 2))
    return tuple(terms)


C0, C1, C2, C3, C4, C5, C6, C7, C8, C9, C10 = _cosine_terms(11)


@kernel()
def cosine_of_turns(u: float) -> float:
    """cos(2 pi u), to 3e-11: Taylor's series to the 20th power over half a turn each way."""
    r = u - math.floor(u + 0.5)
    t = r * r
    high = C6 + t * (C7 + t * (C8 + t * (C9 + t * C10)))
    return C0 + t * (C1 + t * (C2 + t * (C3 + t * (C4 + t * (C5 + t * high)))))


@kernel()
def power(base: float, exponent: int) -> float:
    """base^exponent for exponent >= 0, by squaring."""
    result = 1.0
    while exponent > 0:
        if exponent & 1:
            result *= base
        base *= base
        exponent >>= 1
    return result


_LOG2_E: Final = 1.4426950408889634
_LN2_HIGH: Final = 0.693147180369123816490  # its last 21 bits are 0: a whole multiple of it is exact
_LN2_LOW: Final = 1.90821492927058770002e-10
_LEAST: Final = -700.0
_RECIPROCALS: Final = tuple(1.0 / k for k in range(1, 14))


@kernel()
def exponential(x: float) -> float:
    """e^x for x <= 0, relative error below 1e-14; 0 below -700."""
    if x < _LEAST:
        return 0.0
    n = math.floor(x * _LOG2_E + 0.5)
    f = (x - n * _LN2_HIGH) - n * _LN2_LOW
    total = 1.0
    for k in range(12, -1, -1):
        total = 1.0 + total * (f * _RECIPROCALS[k])
    return total * power(0.5, int(-n))


@kernel()
def normal_cdf(x: float) -> float:
    """Phi(x), to 8e-8 (Abramowitz, Stegun 1964, 7.1.26)."""
    z = abs(x) * 0.7071067811865476
    t = 1.0 / (1.0 + 0.3275911 * z)
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    tail = 0.5 * poly * exponential(-z * z)
    return tail if x < 0.0 else 1.0 - tail
