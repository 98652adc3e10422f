"""Empirical Bernstein confidence sequences: intervals that hold at every moment at once, for every sample size.

Let terms x_t have conditional means m_t, given all before, and let predictions g_t be made before x_t with
x_t - g_t >= -c.  With S_t = sum (x_i - m_i) / c and V_t = sum (x_i - g_i)^2 / c^2 the process

    exp(l S_t - psi(l) V_t),   psi(l) = -log(1 - l) - l,   0 <= l < 1

is a supermartingale (Fan, Grama, Liu 2015; Howard, Ramdas, McAuliffe, Sekhon 2021, "Time-uniform, nonparametric,
nonasymptotic confidence sequences", Theorem 4).  Nothing is asked of the largest x_t, so weights may be as heavy as
they like, the variance may be infinite, and terms may depend on the past: a policy that learns, contexts that drift.

Mixed over l with a gamma density (ibid., Proposition 9, gamma-exponential mixture) it bounds the running mean of m_t,
whatever m_t does; that is `limit`.  The same means can have terms of several scales (`pseudo_outcomes` has them: a
small scale is good early, a large one where weights are large); the average of their supermartingales is one again,
so that `joint_limit` is nearly as good as the best of them, whichever that is.  Bets l_t that follow the variance
(Waudby-Smith, Ramdas 2023, "Estimating means of bounded random variables by betting", Theorem 2) bound a weighted mean
of m_t, so they are for means that stay the same: `predictable_mixture`.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream_workers.bandits.kernel import kernel

from .incomplete_gamma import log_lower

Array = NDArray[np.float64]

#: The error probability for which a limit is tightest: one of the two sides of a 95% interval.
TIGHTEST_FOR: Final = 0.025


def rho_of(tightest_at: float, alpha: float = TIGHTEST_FOR) -> float:
    """The mixing density's parameter (Howard et al. 2021, eq. 53).

    tightest_at: the intrinsic time V, in units of c^2, at which the limit shall be tightest.
    """
    x = 2.0 * math.log(1.0 / (2.0 * alpha))
    return tightest_at / (x + math.log1p(x))


#: Precision of what brackets a joint limit (relative), and of the limit (in units of rewards).
_COARSE: Final = 1e-3
_FINE: Final = 1e-7
#: For terms of one scale.
RHO: Final = rho_of(60.0)


@kernel()
def _start(rho: float) -> float:
    """What makes the mixture 1 at S = V = 0."""
    return rho * math.log(rho) - math.lgamma(rho) - log_lower(rho, rho)


@kernel()
def _rest(s: float, v: float, rho: float) -> float:
    """Log of the mixture less `_start`."""
    a, x = v + rho, s + v + rho
    if x <= 0.0:
        return -math.inf  # less would be right, too; far below 0 it does not matter how little
    return math.lgamma(a) + log_lower(a, x) - a * math.log(x) + s + v


@kernel()
def log_mixture(s: float, v: float, rho: float) -> float:
    """Log of the gamma-exponential mixture at S = s, V = v >= 0, both in units of the scale c."""
    return _start(rho) + _rest(s, v, rho)


@kernel()
def _boundary(v: float, alpha: float, rho: float, precision: float) -> float:
    """`boundary`, up to so much more, relatively."""
    wanted = -math.log(alpha) - _start(rho)
    low, high = 0.0, 1.0 + math.sqrt(v)
    while _rest(high, v, rho) < wanted:
        low, high = high, 2.0 * high
    for _ in range(200):
        if high - low <= precision * high:
            break
        middle = 0.5 * (low + high)
        if _rest(middle, v, rho) < wanted:
            low = middle
        else:
            high = middle
    return high


@kernel("f8(f8, f8, f8)")
def boundary(v: float, alpha: float, rho: float) -> float:
    """What S exceeds at any time with probability of at most alpha, at V = v; in units of c.  0 < alpha < 1."""
    return _boundary(v, alpha, rho, 1e-12)


def limit(n: int, mean: float, spread: float, scale: float, alpha: float, rho: float = RHO) -> float:
    """Lower limit of the running mean of m_t.

    n: terms; mean: theirs; spread: sum of (x_t - g_t)^2; scale: c.  -inf before the first term.  A limit from above is
    minus that of the negated terms.
    """
    if n == 0:
        return -math.inf
    return mean - scale * float(boundary(spread / (scale * scale), alpha, rho)) / n


@kernel("f8(f8, f8[::1], f8[::1], f8[::1], f8[::1], f8)")
def joint_limit(n: float, means: Array, spreads: Array, scales: Array, rhos: Array, alpha: float) -> float:
    """As `limit`, of terms of J scales with the same conditional means.  All (J,).

    The lower limit is the largest m at which the average of their mixtures is 1 / alpha.
    """
    J = means.shape[0]
    if n == 0.0:
        return -math.inf
    # With 1 / alpha as the average, one of them has at least that, and none more than J times it.
    low = high = -math.inf
    v, start = np.empty(J), np.empty(J)
    for j in range(J):
        v[j], start[j] = spreads[j] / (scales[j] * scales[j]), _start(rhos[j])
        low = max(low, means[j] - scales[j] * _boundary(v[j], alpha / J, rhos[j], _COARSE) / n)
        least = _boundary(v[j], alpha, rhos[j], _COARSE) * (1.0 - _COARSE)
        high = max(high, means[j] - scales[j] * least / n)
    for _ in range(100):
        if not high - low > _FINE:
            break
        middle = 0.5 * (low + high)
        average = 0.0
        for j in range(J):
            log = start[j] + _rest(n * (means[j] - middle) / scales[j], v[j], rhos[j])
            average += math.exp(min(log, 500.0)) / J
        if average < 1.0 / alpha:
            high = middle
        else:
            low = middle
    return low


@kernel("void(f8[::1], f8, f8, f8, f8, f8[::1], f8[::1], f8[::1])")
def _limits(
    terms: Array, scale: float, highest: float, alpha: float, rho: float, means: Array, spreads: Array, out: Array
) -> None:
    total = spread = 0.0
    for t in range(terms.shape[0]):
        guess = min(total / t, highest) if t else min(0.0, highest)
        total += terms[t]
        spread += (terms[t] - guess) ** 2
        means[t], spreads[t] = total / (t + 1), spread
        out[t] = means[t] - scale * boundary(spread / (scale * scale), alpha, rho) / (t + 1)


def limits(terms: Array, least: float, highest: float, alpha: float, rho: float = RHO) -> tuple[Array, Array, Array]:
    """Running mean of terms (n,), sum of squared errors of its predictions, and lower limit after each; all (n,).

    least: below all terms; highest: at least all conditional means.  g_t is the mean so far, at most `highest`, so the
    scale is highest - least.
    """
    rows = np.ascontiguousarray(terms, np.float64)
    means, spreads, out = np.empty(len(rows)), np.empty(len(rows)), np.empty(len(rows))
    _limits(rows, highest - least, highest, alpha, rho, means, spreads, out)
    return means, spreads, out


@kernel("void(f8[::1], f8, f8, f8[::1])")
def _predictable_mixture(terms: Array, truncation: float, alpha: float, out: Array) -> None:
    total = bets = won = paid = 0.0
    squares, wanted = 0.25, -math.log(alpha)
    for t in range(terms.shape[0]):
        x = terms[t]
        variance = squares / (t + 1)
        bet = min(math.sqrt(2.0 * wanted / (variance * (t + 1) * math.log(t + 2.0))), truncation)
        guess = min(total / t, 1.0) if t else 0.0
        total += x
        squares += (x - min((0.5 + total) / (t + 2), 1.0)) ** 2
        bets += bet
        won += bet * x
        paid += (-math.log1p(-bet) - bet) * (x - guess) ** 2
        out[t] = (won - wanted - paid) / bets


def predictable_mixture(terms: Array, least: float, highest: float, alpha: float, truncation: float = 0.5) -> Array:
    """Lower limit of a mean that stays the same, after each of the terms (n,), by bets that follow their variance.

    least, highest: as in `limits`.  truncation: the largest bet, below 1.  (Waudby-Smith, Ramdas 2023, eq. 14-15.)
    """
    scale = highest - least
    out = np.empty(len(terms))
    _predictable_mixture(np.ascontiguousarray((terms - least) / scale, np.float64), truncation, alpha, out)
    return least + scale * out
