"""Progressive loss: decide a row, see the reward of the chosen arm only, learn, go on.

Nobody sees the reward of an arm that was not chosen, nor a row before its turn.  With a delay of L events the reward
of row t is there before row t + L + 1 is decided, so that L decisions are always open; rewards of the last L rows never
arrive.
"""

import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.learning.sets import Problem
from stream_workers.bandits.randomness import draws


class Learner(Protocol):
    """A program that decides and learns, one event at a time.  It may keep what it needs between the two, by row."""

    def decide(self, row: int, draw: float) -> tuple[int, float]:
        """The arm for a row of the problem, and the probability it had.  draw: uniform in [0, 1), for who uses one."""

    def learn(self, row: int, arm: int, propensity: float, reward: float) -> None:
        """What came of an earlier decision."""


@dataclass(slots=True)
class Played:
    """What happened: (n,) arrays in the order of the rows."""

    arms: NDArray[np.int64]
    propensities: NDArray[np.float64]
    rewards: NDArray[np.float64]
    microseconds: float = 0.0  # of deciding and learning a row, the median: what else the machine did hits few rows

    @property
    def loss(self) -> float:
        """1 - mean reward, from the first row."""
        return float(1.0 - self.rewards.mean())


def play(problem: Problem, learner: Learner, seed: int, delay: int = 0) -> Played:
    """Play every row.  The draws are functions of set, seed and row alone, so that they are the same for everybody."""
    n = len(problem.right)
    chances = draws([str(row) for row in range(n)], f"{problem.name}/{seed}")
    played = Played(np.empty(n, np.int64), np.empty(n), np.empty(n))
    right = problem.right.tolist()
    spent = np.zeros(n, np.int64)
    for row, draw in enumerate(chances.tolist()):
        begun = time.perf_counter_ns()
        arm, propensity = learner.decide(row, draw)
        spent[row] = time.perf_counter_ns() - begun
        played.arms[row], played.propensities[row] = arm, propensity
        played.rewards[row] = float(arm == right[row])
        past = row - delay
        if past >= 0:
            known = int(played.arms[past]), float(played.propensities[past]), float(played.rewards[past])
            begun = time.perf_counter_ns()
            learner.learn(past, *known)
            spent[row] += time.perf_counter_ns() - begun
    played.microseconds = float(np.median(spent)) / 1e3
    return played
