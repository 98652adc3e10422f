"""Random groups: how much alike the outcomes of one unit (a user, say) are, in constant memory.

Units are dealt into GROUPS groups by a hash, a unit always into the same.  The groups' sums are independent of each
other, whatever goes on within a unit, so that their scatter shows the variance of a mean over units (the random group
method: Hansen, Hurwitz, Madow 1953; Wolter 2007, "Introduction to Variance Estimation", Chapter 2).  Divided by what
it would be, were all outcomes independent, it is the design effect.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream_workers.bandits.kernel import kernel
from stream_workers.bandits.randomness import draw_of, draws

GROUPS: Final = 16
#: Rows of what is kept: a group each, and how many outcomes named a unit.
ROWS: Final = GROUPS + 1
_SALT: Final = "unit"
#: FNV-1a of the salt and 0xFF: with it `draw_of` is `draws` of that salt.
_SEED: Final = np.uint64(0x4B77C94E9AD1BE88)
#: Below so many outcomes in a group nothing is said.
_LEAST: Final = 10.0


@kernel()
def group_of(text: NDArray[np.uint8], begin: int, end: int, named: bool) -> int:
    """The group of text[begin:end], a unit's name; of the id of a decision that names none, GROUPS is added to it."""
    group = int(draw_of(_SEED, text, begin, end) * GROUPS)
    return group if named else group + GROUPS


def groups(units: Sequence[str | None], ids: Sequence[str]) -> NDArray[np.int64]:
    """`group_of` of decisions, (n,): their units, None where they name none, and their ids."""
    texts = [unit or name for unit, name in zip(units, ids, strict=True)]
    unnamed = np.array([not unit for unit in units], np.int64)
    return (draws(texts, _SALT) * GROUPS).astype(np.int64) + GROUPS * unnamed


@kernel()
def add(sums: NDArray[np.float64], group: int, term: float) -> None:
    """Count an outcome's term.  sums: (ROWS, 2); group: see `group_of`."""
    row = group if group < GROUPS else group - GROUPS
    sums[row, 0] += 1.0
    sums[row, 1] += term
    if group < GROUPS:
        sums[GROUPS, 0] += 1.0


def highest_variance(degrees: float) -> float:
    """How many times the variance found with so many degrees of freedom it may be: the upper 95% limit.

    (Wilson, Hilferty 1931, for the 5% quantile of chi-square.)
    """
    spread = 2.0 / (9.0 * degrees)
    return float((1.0 - spread - 1.645 * spread**0.5) ** -3)


_HIGHEST: Final = highest_variance(GROUPS - 1.0)


@kernel("f8(f8[:,::1], f8, f8, f8)")
def design_effect(sums: NDArray[np.float64], n: float, mean: float, variance: float) -> float:
    """How many times the variance of a mean may be what it would be with independent outcomes: an upper 95% limit.

    sums: (ROWS, 2), see `add`; n, mean, variance: of all terms.  1 while no outcome names a unit.  NaN while there are
    too few outcomes, or units, to tell: what is said of a mean is then about the units that were there, no others.
    """
    if sums[GROUPS, 0] == 0.0:
        return 1.0
    scatter, fewest = 0.0, np.inf
    for g in range(GROUPS):
        error = sums[g, 1] - mean * sums[g, 0]
        scatter += error * error
        fewest = min(fewest, sums[g, 0])
    if variance <= 0.0 or fewest < _LEAST:
        return np.nan
    return max(1.0, _HIGHEST * scatter * GROUPS / (GROUPS - 1.0) / (n * variance))
