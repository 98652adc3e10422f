"""Time-uniform intervals: valid at every moment at once, however often somebody looks.

Asymptotic confidence sequence (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2024, "Time-uniform central limit theory
and asymptotic confidence sequences", Theorem 2.2), closed form:

    mean_t +- sd_t sqrt( 2 (t rho^2 + 1) / (t^2 rho^2) * log( sqrt(t rho^2 + 1) / alpha ) )

For terms that depend on the past (a policy that learns) it covers the running mean of their conditional means: the
average value of the policies that were in force.
"""

import math
from typing import NamedTuple

ALPHA = 0.05
#: The number of outcomes at which the interval is tightest (its width there is within a third of a z-interval's).
TIGHTEST_AT = 2000
#: Below this the central limit theorem says nothing yet, and no interval is given.
LEAST = 30


class Interval(NamedTuple):
    """An estimate with its time-uniform interval.  n: outcomes it is made of.

    asymptotic_lower, asymptotic_upper: where lower and upper hold for every n (`empirical_bernstein`), those of the
    asymptotic one beside them, which is narrower and promises nothing early; infinite below LEAST.
    """

    n: int
    estimate: float
    lower: float
    upper: float
    asymptotic_lower: float = -math.inf
    asymptotic_upper: float = math.inf


def half_width(n: int, variance: float, alpha: float = ALPHA, tightest_at: int = TIGHTEST_AT) -> float:
    """Half the interval's width after n terms of that sample variance."""
    if n < LEAST:
        return math.inf
    x = -2.0 * math.log(alpha)
    rho2 = (x + math.log(x + 1.0)) / tightest_at
    grown = n * rho2 + 1.0
    return math.sqrt(variance * 2.0 * grown / (n * n * rho2) * math.log(math.sqrt(grown) / alpha))


def interval(n: int, mean: float, m2: float, alpha: float = ALPHA) -> Interval:
    """From Welford's n, mean and sum of squared deviations."""
    width = half_width(n, m2 / n if n else 0.0, alpha)
    return Interval(n, mean, mean - width, mean + width)
