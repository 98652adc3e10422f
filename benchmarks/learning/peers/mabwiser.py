"""MABWiser's linear policies: a ridge regression per arm."""

from typing import Any, Final

import numpy as np
from mabwiser.mab import MAB, LearningPolicy

from benchmarks.learning.sets import Problem

CONFIGURATION: Final = "LinUCB(alpha=0.3, l2_lambda=0.1), features and a constant"


class MabWiser:
    """One MAB for one problem.  It decides for itself and gives no probabilities."""

    def __init__(self, problem: Problem, seed: int, policy: Any = None) -> None:
        self._rows = np.column_stack([np.ones(len(problem.right)), problem.features])
        self._mab = MAB(list(range(problem.arms)), policy or LearningPolicy.LinUCB(alpha=0.3, l2_lambda=0.1), seed=seed)
        self._fitted = False

    def decide(self, row: int, draw: float) -> tuple[int, float]:
        """Its prediction; the first arm before it has seen anything, since it refuses to predict then."""
        return (int(self._mab.predict(self._rows[row : row + 1])) if self._fitted else 0), 1.0

    def learn(self, row: int, arm: int, propensity: float, reward: float) -> None:
        """`fit` on the first event, `partial_fit` on others."""
        learn = self._mab.partial_fit if self._fitted else self._mab.fit
        learn([arm], [reward], self._rows[row : row + 1])
        self._fitted = True
