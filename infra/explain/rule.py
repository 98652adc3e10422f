"""By which rule a policy explores: its kind, its parameters, and what every arm keeps whatever it thinks."""

from collections.abc import Mapping

from msgspec import Struct

from schemas.domains import DomainSpec, LearnerSpec
from stream_workers.bandits.constant import Uniform
from stream_workers.bandits.registry import KINDS, check_params

#: Propensities are float32.
_ROUNDING = 1e-3


class Rule(Struct, frozen=True):
    """Of the policy that chose, under the specification that decided."""

    kind: str
    meaning: str
    parameters: dict[str, float | str]  # defaults included
    estimates: bool  # it estimates rewards; otherwise scores are what each arm earned on average
    floor: float  # what each eligible arm keeps: exploration_minimum / their number
    at_floor: list[str]  # arms that had no more
    below_floor: list[str]  # arms that had less, which the router gives to none


def rule_of(spec: DomainSpec | None, policy: str, probabilities: Mapping[str, float]) -> Rule | None:
    """probabilities: of the eligible arms.  None: the specification, or the kind, is not known here."""
    champion = _champion(spec, policy)
    if spec is None or champion is None or champion.kind not in KINDS:
        return None
    floor = spec.exploration_minimum / len(probabilities)
    at_floor = [arm for arm, p in probabilities.items() if abs(p - floor) <= floor * _ROUNDING]
    kind = KINDS[champion.kind]
    return Rule(
        champion.kind,
        kind.meaning,
        check_params(champion.kind, champion.params),
        not issubclass(kind.policy, Uniform),
        floor,
        at_floor,
        [arm for arm, p in probabilities.items() if p < floor and arm not in at_floor],
    )


def _champion(spec: DomainSpec | None, policy: str) -> LearnerSpec | None:
    return spec.champion if spec is not None and spec.champion.name == policy else None
