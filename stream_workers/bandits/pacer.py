"""A budget held by a primal-dual pacer (as in Badanidiyuru et al. 2018; Balseiro, Gur 2019): a price on price.

lambda is in reward per USD; a policy prefers the arm with the highest estimate less lambda * expected cost.  After
every outcome with an observed cost c, under budget B (mean USD per request), lambda moves by a factor:

    debt   <- debt + c / B - 1                                     what was spent above the target, in requests' worth
    lambda <- lambda e^(eta (c / B - 1 + eta debt / 10))           within floor..ceiling; eta is STEP or less

The first term is a multiplicative dual step: costs in another unit, and rewards on another scale, take it as long.  The
second repays: without it a run ends with a mean cost that differs from B by log(lambda_end / lambda_start) / (eta n),
some per cent after thousands of requests; with it the spending comes back to B n, without oscillation (a double
integrator is critically damped at 4 / eta; here it is 10 / eta).  The factor is at most 3, whatever a single request
cost: the debt remembers the rest.

What a decision costs is seen later.  A loop that answers to a delay of T requests is stable while eta T < pi / 2, so
eta is at most STABLE / T; T is the mean time from a decision to its outcome over the mean time between outcomes, both
as moving averages, and follows the traffic.

Where it starts: at a lambda that values the step from the dearest arm within the budget to the next dearer one at
START of reward, so that the first requests do not spend what is not there.  Floor: the highest price weighs a hundred
thousandth of the reward range, so that lambda can rise again in time.  Ceiling: lambda outweighs the whole reward
range, 0 to 1, twice over the smallest difference between prices (but at most 1,000 / the highest), so that a budget
that cannot be met does not wind it up; nor does debt grow beyond DEBTS.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .kernel import kernel

STEP: Final = 0.05
START: Final = 0.05
STABLE: Final = 0.5
DEBTS: Final = 1000.0
SAVINGS: Final = -50.0
_LEAST_STEP: Final = STEP / 100.0
_AVERAGED: Final = 0.01

#: The state: lambda, debt, when the last outcome ended (ms), mean ms between outcomes, mean ms from decision to
#: outcome, outcomes averaged.
SIZE: Final = 6


class Pace(NamedTuple):
    """Constants of the update for one specification.  budget 0: none."""

    budget: float
    start: float
    floor: float
    ceiling: float


NO_BUDGET = Pace(0.0, 0.0, 0.0, 0.0)


def pace_for(budget: float | None, prices: NDArray[np.float64]) -> Pace:
    """prices: (K,) USD, of the enabled arms.  Without a budget or without any price there is nothing to hold."""
    top = float(prices.max()) if len(prices) else 0.0
    if budget is None or top <= 0.0:
        return NO_BUDGET
    gaps = np.diff(np.unique(prices))
    gap = float(gaps.min()) if len(gaps) else top
    dearer = prices[prices > budget]
    within = prices[prices <= budget]
    step = float(dearer.min() if len(dearer) else top) - float(within.max() if len(within) and len(dearer) else 0.0)
    ceiling = min(2.0 / gap, 1000.0 / top)
    start = min(START / step, ceiling)
    return Pace(budget, start, min(1e-5 / top, start), ceiling)


def begin(state: NDArray[np.float64], pace: Pace) -> None:
    """Write the state of a domain that has seen nothing.  state: (SIZE,)"""
    state[:] = 0.0
    state[0] = pace.start


def carry(old: NDArray[np.float64], state: NDArray[np.float64], before: Pace, pace: Pace) -> None:
    """Write the state under another specification: lambda goes on, within its new limits, and so does the debt."""
    if before.budget == 0.0 or pace.budget == 0.0:
        begin(state, pace)
        return
    state[:] = old
    state[0] = min(max(old[0], pace.floor), pace.ceiling)
    state[1] = min(max(old[1] * before.budget / pace.budget, SAVINGS), DEBTS)


@kernel()
def pace(
    state: NDArray[np.float64],
    cost: float,
    decided: float,
    ended: float,
    budget: float,
    floor: float,
    ceiling: float,
) -> None:
    """Take one outcome.  cost: USD, NaN: not seen; decided, ended: ms; state: (SIZE,)"""
    if budget == 0.0 or np.isnan(cost):
        return
    n = state[5]
    if n > 0.0:
        state[3] += max(_AVERAGED, 1.0 / n) * (max(ended - state[2], 0.0) - state[3])
    state[4] += max(_AVERAGED, 1.0 / (n + 1.0)) * (max(ended - decided, 0.0) - state[4])
    state[2] = max(state[2], ended)
    state[5] = n + 1.0
    step = STEP
    if state[3] > 0.0 and state[4] > 0.0:
        step = max(min(STEP, STABLE * state[3] / state[4]), _LEAST_STEP)
    above = cost / budget - 1.0
    state[1] = min(max(state[1] + above, SAVINGS), DEBTS)
    if state[0] <= floor and state[1] < 0.0:
        state[1] = 0.0  # nothing binds: what is saved then is not spent at once when something does
    state[0] = min(max(state[0] * growth(step * (above + 0.1 * step * state[1])), floor), ceiling)


@kernel()
def growth(x: float) -> float:
    """About e^x for |x| below 1, and at most 3 (Pade): of operations that are the same on every machine."""
    x = min(max(x, -1.0), 1.0)
    return (2.0 + x) / (2.0 - x)
