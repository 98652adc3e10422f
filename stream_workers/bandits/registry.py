"""Which kinds of policy there are, and what parameters each takes: read by the checks, the docs and the domains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.errors import SpecificationError

from . import constant, corral, linear, offset_tree
from .parameters import Parameter, complete
from .policy import Parameters, Policy, Setting


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of policy."""

    policy: type[Policy]
    parameters: tuple[Parameter, ...]
    meaning: str


KINDS: Final[Mapping[str, Kind]] = {
    "doubly_robust": Kind(
        linear.DoublyRobust,
        linear.DoublyRobust.parameters,
        "learns which arm is best for which request, corrected by logged propensities",
    ),
    "linucb": Kind(linear.LinUCB, linear.LinUCB.parameters, "the arm with the highest upper confidence bound"),
    "thompson": Kind(linear.Thompson, linear.Thompson.parameters, "each arm as probably as it is the best"),
    "squarecb": Kind(
        linear.SquareCB, linear.SquareCB.parameters, "an arm's probability falls with how far it is behind the best"
    ),
    "fastcb": Kind(
        linear.FastCB, linear.FastCB.parameters, "as squarecb, but hardly explores where the best hardly loses"
    ),
    "epsilon_greedy": Kind(
        linear.EpsilonGreedy, linear.EpsilonGreedy.parameters, "the best arm, but for a share that all have"
    ),
    "softmax": Kind(
        linear.Softmax, linear.Softmax.parameters, "probabilities in proportion to exponentials of estimates"
    ),
    "offset_tree": Kind(
        offset_tree.OffsetTree, offset_tree.PARAMETERS, "a tournament of choices between two sides, each learned alone"
    ),
    "corral": Kind(
        corral.Corral, corral.PARAMETERS, "several learners that share the choice by how much each would have earned"
    ),
    "fixed": Kind(constant.Fixed, constant.FIXED_PARAMETERS, "one arm, but for the exploration minimum"),
    "uniform": Kind(constant.Uniform, (), "every eligible arm with the same probability"),
}


def check_params(kind: str, params: Parameters, arms: Sequence[str] | None = None) -> dict[str, float | str]:
    """The parameters with defaults filled in; SpecificationError names parameter, value and what was expected.

    arms: the domain's, when known: a parameter that names one must name one of these.
    """
    if kind not in KINDS:
        raise SpecificationError(f"no policy is of kind {kind!r}; expected one of {', '.join(KINDS)}")
    return complete(kind, KINDS[kind].parameters, params, arms)


def state_bytes(kind: str, arms: int, features: int, params: Parameters) -> int:
    """How many bytes a policy's state takes, without making it.  SpecificationError as `check_params`."""
    completed = check_params(kind, params)
    return KINDS[kind].policy.state_bytes(arms, features, completed)


def make(kind: str, setting: Setting) -> Policy:
    """A policy that has learned nothing."""
    check_params(kind, setting.params)
    return KINDS[kind].policy(setting)
