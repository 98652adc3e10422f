"""Logarithms of e-values: how strongly sums speak against what should hold.

An e-value has an expectation of at most 1 while it holds.  Each here is the mean over a few bets `lam` of the
exponential supermartingale of that bet, bounded from below by the largest over their number: log (1/J sum_j M_j) >=
max_j log M_j - log J.  So there are only products and sums: the same bits on every machine.

Sums of a whole log are tested by Ville's inequality: P(ever M >= 1/alpha) <= alpha (the method of mixtures; Howard,
Ramdas, McAuliffe, Sekhon 2021, "Time-uniform, nonparametric, nonasymptotic confidence sequences").  Changes are found
by e-CUSUM (Shin, Ramdas, Rinaldo 2022, "E-detectors"): M <- max(M, 1) E; the mean time to a false alarm at M >= c is
at least c evaluations.
"""

from typing import Final

import numpy as np

from ..bandits.kernel import kernel

#: Bets on means of variables whose variance is summed up with them.
FINE: Final = (1 / 256, 1 / 128, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
#: Bets on means of variables in an interval of length 1, where small effects matter,
STEADY: Final = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0)
#: and where large ones are to be found soon.
QUICK: Final = (0.25, 0.6, 1.5, 4.0)

LOG_2: Final = 0.6931471805599453
LOG_FINE: Final = 2.8903717578961645  # log(2 * 9): both directions
LOG_STEADY: Final = 2.772588722239781  # log(2 * 8)
LOG_QUICK: Final = 1.3862943611198906  # log(4)

#: z is clipped to this on both sides.
Z_CLIP: Final = 3.0
#: Half of what keeps a bet on z - TOLERATED_MOVE above -1/2.
_Z_BETS: Final = (1 / 7, 1 / 21)
#: In standard deviations of the reference.
TOLERATED_MOVE: Final = 0.5
#: Bets on z^2 in [0, 9], exp(9 lam) - 1 and 1 - exp(-9 lam).
_ENERGY_BETS: Final = (
    (0.03, 0.3099644507332473, 0.2366205056631484),
    (0.1, 1.4596031111569499, 0.5934303402594009),
    (0.2, 5.0496474644129465, 0.8347011117784134),
)
_LOG_FEATURE: Final = 2.302585092994046  # log(2 * 2 + 2 * 3)


@kernel()
def of_excess(excess: float, variance: float) -> float:
    """Against E[X_i | past] = 0, |X_i| <= 1, from sum X and sum Var(X_i | past): in either direction.

    Bernstein: E exp(lam X - lam^2 v / (2 (1 - lam / 3))) <= 1 for 0 < lam < 3.
    """
    best = -np.inf
    for lam in FINE:
        best = max(best, lam * abs(excess) - lam * lam * variance / (2.0 * (1.0 - lam / 3.0)))
    return best - LOG_FINE


@kernel()
def excess_radius(variance: float, log_level: float) -> float:
    """How large |sum X| must be for `of_excess` to be log_level: half the width of the confidence sequence of sum X."""
    best = np.inf
    for lam in FINE:
        best = min(best, (log_level + LOG_FINE) / lam + lam * variance / (2.0 * (1.0 - lam / 3.0)))
    return best


@kernel()
def of_gap(gap: float, number: float, tolerance: float) -> float:
    """Against |E[X_i | past]| <= tolerance, X_i in an interval of length 1, from sum X and their number.

    Hoeffding: E exp(lam (X - E X) - lam^2 / 8) <= 1.
    """
    best = -np.inf
    for lam in STEADY:
        best = max(best, lam * (abs(gap) - tolerance * number) - lam * lam * number / 8.0)
    return best - LOG_STEADY


@kernel()
def gap_radius(number: float, log_level: float) -> float:
    """How large |sum X - sum E X| must be for evidence log_level against it: as `excess_radius`."""
    best = np.inf
    for lam in STEADY:
        best = min(best, (log_level + LOG_STEADY) / lam + lam * number / 8.0)
    return best


@kernel()
def above(total: float, number: float) -> float:
    """Against E[X_i | past] <= 0, as `of_gap`, for changes: from sum X."""
    best = -np.inf
    for lam in QUICK:
        best = max(best, lam * total - lam * lam * number / 8.0)
    return best - LOG_QUICK


@kernel()
def away(total: float, number: float, tolerance: float) -> float:
    """Against |E[X_i | past]| <= tolerance, as `above`."""
    return above(abs(total) - tolerance * number, number) - LOG_2


@kernel()
def of_feature(total: float, squares: float, number: float, energy: float) -> float:
    """Against a mean of z within TOLERATED_MOVE and one of z^2 between energy / 2 and 1.25 energy + 0.25.

    For the mean, x = +-z - TOLERATED_MOVE: E exp(lam x - lam^2 x^2) <= 1 + lam E x, as log(1 + y) >= y - y^2 from
    y = -1/2 on.  For u = z^2 in [0, 9], which is convex: E exp(lam u) <= 1 + E u (exp(9 lam) - 1) / 9.
    """
    drift = TOLERATED_MOVE
    best = -np.inf
    side = abs(total)
    for lam in _Z_BETS:
        spread = squares - 2.0 * drift * side + number * drift * drift
        best = max(best, lam * (side - drift * number) - lam * lam * spread)
    most, least = 1.25 * energy + 0.25, 0.5 * energy
    for lam, up, down in _ENERGY_BETS:
        best = max(best, lam * squares - number * most / 9.0 * up, number * least / 9.0 * down - lam * squares)
    return best - _LOG_FEATURE
