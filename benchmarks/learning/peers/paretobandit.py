"""ParetoBandit's own learner, DisjointLinUCBPolicy, without prices."""

from typing import Any, Final

import numpy as np
from pareto_bandit.policy import DisjointLinUCBPolicy

from benchmarks.learning.sets import Problem

CONFIGURATION: Final = "DisjointLinUCBPolicy(alpha=0.3, init_lambda=0.1), features and a constant"


class ParetoBandit:
    """One policy for one problem.  It decides for itself and gives no probabilities."""

    def __init__(self, problem: Problem, seed: int, **options: Any) -> None:
        self._rows = np.column_stack([np.ones(len(problem.right)), problem.features])
        names = [str(arm) for arm in range(problem.arms)]
        options = {"alpha": 0.3, "init_lambda": 0.1, **options}
        self._policy = DisjointLinUCBPolicy(names, dim=self._rows.shape[1], seed=seed, **options)

    def decide(self, row: int, draw: float) -> tuple[int, float]:
        """Its choice, marked as its router marks it."""
        name, _ = self._policy.select_arm(self._rows[row])
        self._policy.mark_selected(name)
        return int(name), 1.0

    def learn(self, row: int, arm: int, propensity: float, reward: float) -> None:
        """The reward of its choice; time went on when it was marked."""
        self._policy.update(str(arm), self._rows[row], reward, advance_time=False)
