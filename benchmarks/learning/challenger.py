"""Can a log answer what another policy would have earned?  A fixed challenger whose value is known is asked about.

The challenger is a linear classifier, fitted with full labels to a twentieth of the rows, at least 100; it has nothing
to do with the learner that acts, and often disagrees with it.  Its true value over the rows is known, since the right
arm is.  From the log alone its doubly robust value is (Dudik, Langford, Li 2011)

    1/n sum_i [ q(x_i, c_i) + 1{a_i = c_i} / p_i (r_i - q(x_i, a_i)) ]

c_i its arm, q the acting learner's estimate of before the outcome, clipped to [0, 1], weights unclipped.  Two intervals
are made of these terms: the time-uniform one that Croupier reports everywhere (`evaluation.confidence`), and for
comparison the plain mean +- 1.96 standard deviations / sqrt(n), which holds at one moment that was fixed beforehand.
An exploration that leaves too small probabilities makes them miss: few heavy weights carry the truth.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.learning.sets import Problem
from stream_workers.evaluation import estimators
from stream_workers.evaluation.confidence import half_width

RIDGE: Final = 0.1
LEAST: Final = 100
Z: Final = 1.959964


class Judged(NamedTuple):
    """A challenger's value: estimated from the log, half the widths of its 95% intervals, and the truth."""

    estimate: float
    time_uniform: float
    fixed: float
    truth: float

    @property
    def error(self) -> float:
        """Estimate less truth."""
        return self.estimate - self.truth

    def covered(self, half: float) -> bool:
        """Whether an interval of that half width has the truth in it."""
        return abs(self.error) <= half


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
    propensity: NDArray[np.float64],
    reward: NDArray[np.float64],
    estimates: NDArray[np.float64],
    asked: NDArray[np.int64],
) -> Judged:
    """What the log says about the policy that takes the arms `asked`.  estimates: (n, K); others (n,)."""
    target = np.eye(problem.arms)[asked]
    terms = estimators.dr(reward, propensity, chosen, target, np.clip(estimates, 0.0, 1.0))
    n, mean, variance = len(terms), float(terms.mean()), float(terms.var(ddof=1))
    truth = float((asked == problem.right).mean())
    return Judged(mean, half_width(n, variance), Z * math.sqrt(variance / n), truth)
