"""Can a log answer what another policy would have earned?  A fixed challenger whose value is known is asked about.

The challenger is a linear classifier, fitted with full labels to a twentieth of the rows, at least 100; it has nothing
to do with the learner that acts, and often disagrees with it.  Its true value over the rows is known, since the right
arm is.  From the log alone its doubly robust value is (Dudik, Langford, Li 2011)

    1/n sum_i [ q(x_i, c_i) + 1{a_i = c_i} / p_i (r_i - q(x_i, a_i)) ]

c_i its arm, q the acting learner's estimate of before the outcome, clipped to [0, 1], weights unclipped.  Its plain 95%
interval is the mean +- 1.96 standard deviations of the terms / sqrt(n).  An exploration that leaves too small
probabilities makes that one miss: a few heavy weights carry the truth, and until they occur nothing says that they are
missing.  The interval that Croupier reports (`evaluation.bounded`) holds at every moment and for any weights; bad
exploration shows in its width.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.learning.sets import Problem
from stream_workers.evaluation import estimators
from stream_workers.evaluation.bounded import bounded, limits_at

RIDGE: Final = 0.1
LEAST: Final = 100
Z: Final = 1.959964


class Judged(NamedTuple):
    """A challenger's value as the log has it, its 95% intervals, and the truth."""

    estimate: float
    plain: float  # half the width
    low: float  # as Croupier reports them
    high: float
    truth: float

    @property
    def error(self) -> float:
        """Estimate less truth."""
        return self.estimate - self.truth

    @property
    def in_plain(self) -> bool:
        """Whether the plain interval has the truth in it."""
        return abs(self.error) <= self.plain

    @property
    def in_reported(self) -> bool:
        """Whether the reported interval has the truth in it."""
        return self.low <= self.truth <= self.high

    @property
    def reported(self) -> float:
        """Half the width of the reported interval."""
        return (self.high - self.low) / 2.0


def challenger(problem: Problem, seed: int) -> NDArray[np.int64]:
    """The arm that the fixed challenger takes for each row, (n,)."""
    n = len(problem.right)
    sample = np.random.default_rng([seed, 1]).choice(n, min(n, max(LEAST, n // 20)), replace=False)
    rows = np.column_stack([np.ones(n), problem.features.astype(np.float64)])
    labels = np.eye(problem.arms)[problem.right]
    known = rows[sample]
    weights = np.linalg.solve(known.T @ known + RIDGE * np.eye(rows.shape[1]), known.T @ labels[sample])
    chosen: NDArray[np.int64] = np.argmax(rows @ weights, axis=1)
    return chosen


def judge(
    problem: Problem,
    chosen: NDArray[np.int64],
    reward: NDArray[np.float64],
    propensities: NDArray[np.float64],
    estimates: NDArray[np.float64],
    asked: NDArray[np.int64],
) -> Judged:
    """What the log says about the policy that takes the arms `asked`.  propensities, estimates: (n, K); others (n,)."""
    target = np.eye(problem.arms)[asked]
    model = np.clip(estimates, 0.0, 1.0)
    n = len(reward)
    terms = estimators.dr(reward, propensities[np.arange(n), chosen], chosen, target, model)
    low, high = limits_at(bounded(target, propensities, model, chosen, reward), n)
    plain = Z * math.sqrt(float(terms.var(ddof=1)) / n)
    return Judged(float(terms.mean()), plain, low, high, float((asked == problem.right).mean()))
