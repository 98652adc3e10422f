"""The multiplier that a domain decides with: the budget's, or the quality floor's where that saves more.

A floor asks for the cheapest mix that is good enough, a budget for the best that can be paid for.  Where both are
declared lambda is the larger of the two: what the floor does not need is saved, and where the budget cannot pay for the
floor, the budget holds (the status says what is missing).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from . import pacer, quality
from .kernel import kernel
from .pacer import Pace, pace
from .quality import Floor, hold

#: Constants of a domain, for the kernel.
CONSTANTS: Final = 7


def constants(pacing: Pace, floor: Floor) -> NDArray[np.float64]:
    """(CONSTANTS,)"""
    return np.array(
        [
            pacing.budget, pacing.floor, pacing.ceiling, floor.share, floor.strongest, floor.start, floor.ceiling,
        ]
    )  # fmt: skip


def begin(
    lambda_: NDArray[np.float64],
    paced: NDArray[np.float64],
    held: NDArray[np.float64],
    pacing: Pace,
    floor: Floor,
) -> None:
    """Write what a domain that has seen nothing decides with.  lambda_: (1,); paced, held: the states of the two."""
    pacer.begin(paced, pacing)
    quality.begin(held, floor)
    lambda_[0] = max(paced[0], held[0])


@kernel("void(f8[::1], f8[::1], f8[::1], f8[::1], f8[::1], i8[::1], f8[::1], f8[::1], f8[::1], f8[::1], f8[::1])")
def steer(
    lambda_: NDArray[np.float64],
    paced: NDArray[np.float64],
    held: NDArray[np.float64],
    costs: NDArray[np.float64],
    rewards: NDArray[np.float64],
    chosen: NDArray[np.int64],
    propensity: NDArray[np.float64],
    decided: NDArray[np.float64],
    ended: NDArray[np.float64],
    domain: NDArray[np.float64],
    before: NDArray[np.float64],
) -> None:
    """Take outcomes one after another; write lambda before each into before (n,).

    lambda_: (1,); paced, held: the states of `pacer` and `quality`; costs: (n,) USD, NaN: not seen; chosen: (n,), -1:
    an arm that is not there any more; decided, ended: (n,) ms; domain: see `constants`.
    """
    for i in range(costs.shape[0]):
        before[i] = lambda_[0]
        pace(paced, costs[i], decided[i], ended[i], domain[0], domain[1], domain[2])
        hold(held, rewards[i], chosen[i], propensity[i], domain[3], int(domain[4]), domain[5], domain[6])
        lambda_[0] = max(paced[0], held[0])
