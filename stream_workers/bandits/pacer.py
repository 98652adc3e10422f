"""A budget held by a primal-dual pacer (as in Badanidiyuru et al. 2018; Balseiro, Gur 2019): a price on price.

lambda is in reward per USD; a policy prefers the arm with the highest estimate less lambda * price.  After every
outcome with an observed cost c, under budget B (mean USD per request):

    lambda <- clip(lambda + STEP (c - B) / (s sqrt(B max(s, B))), 0, ceiling),   s = the highest price declared

Costs in another unit give the same decisions (lambda scales by the inverse), and because spending s with probability
B / s has variance B s, the noise of lambda * s per outcome is about STEP whatever the ratio.  A single cost counts
as at most COST_LIMIT * max(s, B).  The ceiling lets lambda outweigh the whole reward range, 0 to 1, twice over the
smallest difference between prices (but at most 1,000 / s), so that a budget that cannot be met does not wind it up.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .kernel import kernel

STEP = 0.02
COST_LIMIT = 10.0


class Pace(NamedTuple):
    """Constants of the update for one specification.  step 0: no budget."""

    budget: float
    step: float
    ceiling: float
    cost_limit: float


NO_BUDGET = Pace(0.0, 0.0, 0.0, 0.0)


def pace_for(budget: float | None, prices: NDArray[np.float64]) -> Pace:
    """prices: (K,) USD, of the enabled arms.  Without a budget or without any price there is nothing to hold."""
    top = float(prices.max()) if len(prices) else 0.0
    if budget is None or top <= 0.0:
        return NO_BUDGET
    gaps = np.diff(np.unique(prices))
    gap = float(gaps.min()) if len(gaps) else top
    largest = max(top, budget)
    return Pace(
        budget,
        STEP / (top * float(np.sqrt(budget * largest))),
        min(2.0 / gap, 1000.0 / top),
        COST_LIMIT * largest,
    )


@kernel("f8(f8, f8[::1], f8, f8, f8, f8, f8[::1])")
def pace(
    lambda_: float,
    costs: NDArray[np.float64],
    budget: float,
    step: float,
    ceiling: float,
    cost_limit: float,
    before: NDArray[np.float64],
) -> float:
    """Write lambda before each outcome into before (n,), return it after the last.  costs: (n,) USD, NaN: not seen."""
    for i in range(costs.shape[0]):
        before[i] = lambda_
        c = costs[i]
        if not np.isnan(c):
            lambda_ = min(max(lambda_ + step * (min(c, cost_limit) - budget), 0.0), ceiling)
    return lambda_
