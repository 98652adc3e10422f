"""river's contextual bandit: LinUCBDisjoint, a Bayesian linear regression per arm."""

from typing import Any, Final

from river.bandit import LinUCBDisjoint

from benchmarks.learning.sets import Problem

CONFIGURATION: Final = "LinUCBDisjoint(alpha=1, beta=10), features and a constant"


class River:
    """One policy for one problem.  It decides for itself and gives no probabilities."""

    def __init__(self, problem: Problem, seed: int, policy: Any = None) -> None:
        self._rows = [dict(enumerate([1.0, *row])) for row in problem.features.tolist()]
        self._arms = list(range(problem.arms))
        self._policy = policy or LinUCBDisjoint(alpha=1.0, beta=10.0, seed=seed)

    def decide(self, row: int, draw: float) -> tuple[int, float]:
        """Its choice."""
        return self._policy.pull(self._arms, context=self._rows[row]), 1.0

    def learn(self, row: int, arm: int, propensity: float, reward: float) -> None:
        """The reward of its choice."""
        self._policy.update(arm, self._rows[row], reward)
