"""Random groups: how much alike the outcomes of one unit (a user, say) are, in constant memory.

Units are dealt into GROUPS groups by a hash, a unit always into the same.  The groups' sums are independent of each
other, whatever goes on within a unit, so that their scatter shows the variance of a mean over units (the random group
method: Hansen, Hurwitz, Madow 1953; Wolter 2007, "Introduction to Variance Estimation", Chapter 2).  Divided by what
it would be, were all outcomes independent, it is the design effect.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream_workers.bandits.kernel import kernel
from stream_workers.bandits.randomness import draw_of, draws

GROUPS: Final = 16
_SALT: Final = "unit"
#: FNV-1a of the salt and 0xFF: with it `draw_of` is `draws` of that salt.
_SEED: Final = np.uint64(0x4B77C94E9AD1BE88)
#: What the mean of 15 squared normal deviates exceeds by chance once in a hundred times.
CHANCE: Final = 2.04
#: Below so many outcomes in a group nothing is said.
_LEAST: Final = 10.0


@kernel()
def group_of(text: NDArray[np.uint8], begin: int, end: int) -> int:
    """The group of the unit text[begin:end]."""
    return int(draw_of(_SEED, text, begin, end) * GROUPS)


def groups(units: Sequence[str]) -> NDArray[np.int64]:
    """The groups of units, (n,)."""
    return (draws(units, _SALT) * GROUPS).astype(np.int64)


def design_effect(sums: NDArray[np.float64], n: float, mean: float, variance: float) -> float:
    """How many times the variance of a mean is what it would be with independent outcomes.

    sums: (GROUPS, 2) number and sum of each group's terms; n, mean, variance: of all terms.  1 while there are too
    few, and where the scatter may be chance.
    """
    if variance <= 0.0 or float(sums[:, 0].min()) < _LEAST:
        return 1.0
    errors = sums[:, 1] - mean * sums[:, 0]
    scatter = GROUPS / (GROUPS - 1.0) * math.fsum((errors * errors).tolist())
    found = scatter / (n * variance)
    return found if found > CHANCE else 1.0
