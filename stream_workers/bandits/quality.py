"""A floor under quality: the cheapest mix of arms whose value is at least a share of the strongest arm's.

Least cost subject to a value of at least `share` V(strongest) has the same Lagrangian as most reward under a budget:
the arm with the highest estimate less lambda * cost.  Here lambda rises as long as what is earned is above the floor,
and falls when it is below; after every outcome with reward r:

    short  <- share (V + se) - r
    debt   <- debt + short
    lambda <- lambda e^(-eta (short + eta debt / 10))

so that what was missing is made up for (see `pacer`, which does the same with costs).  V is a doubly robust estimate
of what the strongest arm earns: its mean so far, corrected by importance weighting (weights up to CLIP; older outcomes
lose weight by FORGETTING each), and se its standard error, so that the floor is held against what the strongest arm may
be worth and not what it seems to.  It begins where hardly anything is saved, and stays there until the strongest arm
has acted ENOUGH times.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .kernel import kernel
from .pacer import START, growth

STEP: Final = 0.05
CLIP: Final = 20.0
FORGETTING: Final = 0.9995
ENOUGH: Final = 20.0
DEBTS: Final = 200.0
SAVINGS: Final = -20.0

#: The state: lambda, debt, V, weight and weighted squared residuals behind it, times the strongest arm acted, mean
#: reward, outcomes.
SIZE: Final = 8


class Floor(NamedTuple):
    """Constants for one specification.  share 0: no floor."""

    share: float
    strongest: int  # index of the arm
    start: float
    ceiling: float


NO_FLOOR = Floor(0.0, -1, 0.0, 0.0)


def floor_for(share: float, strongest: int, prices: NDArray[np.float64]) -> Floor:
    """prices: (K,) USD, of the enabled arms.  Where no arm is cheaper than another there is nothing to save."""
    gap = float(prices.max() - prices.min()) if len(prices) else 0.0
    if gap <= 0.0 or strongest < 0:
        return NO_FLOOR
    return Floor(share, strongest, START / 5.0 / gap, 1000.0 / gap)


def begin(state: NDArray[np.float64], floor: Floor) -> None:
    """Write the state of a domain that has seen nothing.  state: (SIZE,)"""
    state[:] = 0.0
    state[0] = floor.start


def carry(old: NDArray[np.float64], state: NDArray[np.float64], before: Floor, floor: Floor, *, same: bool) -> None:
    """Write the state under another specification.  same: the strongest arm, and what a reward is, are as they were."""
    begin(state, floor)
    if same and before.share > 0.0 and floor.share > 0.0:
        state[:] = old
        state[0] = min(max(old[0], floor.start), floor.ceiling)


def goal(state: NDArray[np.float64], share: float) -> float:
    """What should be earned; NaN: not known yet."""
    if state[5] < ENOUGH:
        return math.nan
    return share * min(float(state[2]) + math.sqrt(max(float(state[4]), 0.0)) / float(state[3]), 1.0)


@kernel()
def hold(
    state: NDArray[np.float64],
    reward: float,
    chosen: int,
    propensity: float,
    share: float,
    strongest: int,
    start: float,
    ceiling: float,
) -> None:
    """Take one outcome.  chosen: -1: an arm that is not there any more; state: (SIZE,)"""
    if share == 0.0:
        return
    state[7] += 1.0
    state[6] += max(0.01, 1.0 / state[7]) * (reward - state[6])
    state[3] *= FORGETTING
    state[4] *= FORGETTING * FORGETTING
    if chosen == strongest:
        weight = min(1.0 / propensity, CLIP)
        state[3] += weight
        residual = reward - state[2]
        state[2] += weight / state[3] * residual
        state[4] += weight * weight * residual * (reward - state[2])
        state[5] += 1.0
    if state[5] < ENOUGH:
        return
    error = math.sqrt(max(state[4], 0.0)) / state[3]
    short = share * min(state[2] + error, 1.0) - reward
    state[1] = min(max(state[1] + short, SAVINGS), DEBTS)
    state[0] = min(max(state[0] * growth(-STEP * (short + 0.1 * STEP * state[1])), start), ceiling)
