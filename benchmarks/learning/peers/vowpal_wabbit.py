"""Vowpal Wabbit's contextual bandits with action-dependent features, through its Python package.

An event is what VW's users send: one shared line and a line for each arm; the chosen arm's line carries the label
action:cost:probability.  The lines are made beforehand, all but the label.
"""

from typing import Final

from vowpalwabbit import Workspace

from benchmarks.learning.sets import Problem

ARGUMENTS: Final = "--cb_explore_adf -q sa --interactions ssa --squarecb -l 2"


class VowpalWabbit:
    """One workspace for one problem.  It is told costs: -1 for the right arm, otherwise 0."""

    def __init__(self, problem: Problem, seed: int, arguments: str = ARGUMENTS) -> None:
        self._shared = [shared_line(row) for row in problem.features.tolist()]
        self._arms = [f"|a arm={arm}" for arm in range(problem.arms)]
        self._workspace = Workspace(f"--quiet --random_seed {seed} {arguments}")

    def decide(self, row: int, draw: float) -> tuple[int, float]:
        """The arm at `draw` of the distribution that VW gives."""
        probabilities = self._workspace.predict([self._shared[row], *self._arms])
        point = draw * sum(probabilities)
        for arm, probability in enumerate(probabilities):
            point -= probability
            if point < 0.0:
                return arm, probability
        return arm, probability

    def learn(self, row: int, arm: int, propensity: float, reward: float) -> None:
        """Cost and probability of the chosen arm."""
        lines = [self._shared[row], *self._arms]
        lines[arm + 1] = f"0:{-reward:g}:{propensity:g} {self._arms[arm]}"
        self._workspace.learn(lines)


def shared_line(row: list[float]) -> str:
    """Features that are 0 are left out, as VW's users do."""
    return "shared |s " + " ".join(f"{j}:{value:.6g}" for j, value in enumerate(row) if value)
