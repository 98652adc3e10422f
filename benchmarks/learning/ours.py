"""Our learners as programs that decide and learn: through the public interface, one event at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.learning.sets import Problem
from stream_workers.bandits import registry
from stream_workers.bandits.exploration import draw_arm
from stream_workers.bandits.policy import Batch, Policy, Setting

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Configuration:
    """A kind of policy with its parameters: the same for every set, seed and delay."""

    kind: str
    exploration_minimum: float
    params: Mapping[str, float | str] = field(default_factory=dict)

    def policy(self, problem: Problem) -> Policy:
        """The policy of that configuration that has learned nothing, for the arms and features of a problem."""
        arms = tuple(f"class-{arm}" for arm in range(problem.arms))
        minimum = self.exploration_minimum
        return registry.make(self.kind, Setting(arms, problem.features.shape[1], minimum, 1.0, dict(self.params)))

    def described(self) -> dict[str, Any]:
        """For the report."""
        return {"kind": self.kind, "exploration_minimum": self.exploration_minimum, **self.params}


class Ours:
    """A policy of ours as a `protocol.Learner`."""

    def __init__(self, policy: Policy, problem: Problem) -> None:
        self.policy = policy
        arms = problem.arms
        self._decided: list[tuple[Array, Array]] = []
        self._features = problem.features
        self._eligible = np.ones((1, arms), np.bool_)
        self._free = np.zeros((1, arms))
        # Of one outcome; filled anew for each.
        self._chosen, self._propensity = np.zeros(1, np.int64), np.zeros(1)
        self._reward, self._lambda = np.zeros(1), np.zeros(1)

    @property
    def probabilities(self) -> Array:
        """Of every decision so far, (n, K), as logged."""
        return np.concatenate([given for given, _ in self._decided]).astype(np.float32).astype(np.float64)

    @property
    def estimates(self) -> Array:
        """What was estimated when each was made, (n, K); of a policy without estimates its probabilities."""
        return np.concatenate([estimates for _, estimates in self._decided])

    def decide(self, row: int, draw: float) -> tuple[int, float]:
        """See `protocol.Learner`."""
        probabilities, estimates = self.policy.distribution(
            self._features[row : row + 1], self._eligible, self._free, 0.0
        )
        logged = probabilities[0].astype(np.float32)
        arm = draw_arm(logged, draw)
        self._decided.append((probabilities, probabilities if estimates is None else estimates))
        return arm, float(logged[arm])

    def learn(self, row: int, arm: int, propensity: float, reward: float) -> None:
        """See `protocol.Learner`."""
        self._chosen[0], self._propensity[0], self._reward[0] = arm, propensity, reward
        self.policy.update(
            Batch(
                self._features[row : row + 1],
                self._eligible,
                self._chosen,
                self._propensity,
                self._reward,
                self._free,
                self._lambda,
            )
        )
