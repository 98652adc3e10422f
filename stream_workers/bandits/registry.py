"""Which kinds of policy there are, and what parameters each takes: read by the checks, the docs and the domains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.errors import SpecificationError

from . import constant, doubly_robust
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
        doubly_robust.DoublyRobust,
        doubly_robust.PARAMETERS,
        "learns which arm is best for which request, from logged propensities",
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


def make(kind: str, setting: Setting) -> Policy:
    """A policy that has learned nothing."""
    check_params(kind, setting.params)
    return KINDS[kind].policy(setting)
