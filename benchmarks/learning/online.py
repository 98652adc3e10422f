"""A domain as the pipeline runs it, played over data in which every arm was tried: decide, observe, learn, in order."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.domains import DomainSpec
from schemas.events import Decision, Outcome
from stream_workers.learning.domain import DomainState


class Played(NamedTuple):
    """What was chosen, in order, and what came of it."""

    arms: NDArray[np.int64]  # (n,)
    rewards: NDArray[np.float64]  # (n,) in [0, 1]
    costs: NDArray[np.float64]  # (n,) USD
    lambdas: NDArray[np.float64]  # (n,)


def play(
    spec: DomainSpec,
    features: NDArray[np.float32],
    rewards: NDArray[np.float64],
    costs: NDArray[np.float64],
    draws: NDArray[np.float64],
    before: Callable[[int, DomainState], None] = lambda row, state: None,
    priors: Mapping[str, bytes] = MappingProxyType({}),
) -> Played:
    """Bandit feedback only: of each row only what the chosen arm earned and cost is seen.

    spec: its reward has the components `quality` and `cost`; features: (n, d); rewards, costs: (n, K); draws: (n,)
    uniform in [0, 1); before: told before each row is decided (to change the specification in mid-run); priors: what
    policies begin with, by name.
    """
    state = DomainState(spec, 1, priors)
    n, names = len(features), tuple(arm.name for arm in spec.arms)
    arms, earned, paid, lambdas = np.empty(n, np.int64), np.empty(n), np.empty(n), np.empty(n)
    for row in range(n):
        before(row, state)
        lambdas[row] = state.lambda_
        choices = state.decide(features[row : row + 1], None, draws[row : row + 1])
        arm = arms[row] = int(choices.arm[0])
        earned[row], paid[row] = rewards[row, arm], costs[row, arm]
        decision = Decision(
            str(row), spec.tenant, spec.domain, names, arm, choices.propensities.tobytes(), choices.scores.tobytes(),
            features[row].tobytes(), spec.champion.name, state.version, row, spec.horizon_ms, (), row,
        )  # fmt: skip
        seen = {"quality": float(earned[row]), "cost": float(paid[row])}
        state.learn([Outcome(row, "complete", 10 * row, 10 * row, seen, row, decision)])
    return Played(arms, earned, paid, lambdas)
