"""What an outcome's observations were worth, part by part."""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from schemas.domains import DomainSpec
from stream_workers.learning.reward import reward_of


class Part(Struct, frozen=True):
    """One component of the reward."""

    name: str
    weight: float
    required: bool
    observed: float | None
    utility: float | None  # in [0, 1]; None: not observed


class Earned(Struct, frozen=True):
    """The reward under one version of the domain's specification."""

    version: int
    reward: float  # in [0, 1]
    complete: bool  # every required component was observed; otherwise the reward is the domain's default
    default_reward: float  # stands in for what was not observed
    parts: list[Part]


def earned(version: int, spec: DomainSpec, observations: Mapping[str, float]) -> Earned:
    """The reward of these observations."""
    reward, complete = reward_of(spec, observations)
    parts = []
    for name, component in spec.reward.items():
        alone = msgspec.structs.replace(spec, reward={name: msgspec.structs.replace(component, weight=1.0)})
        observed = observations.get(name)
        utility = None if observed is None else reward_of(alone, {name: observed})[0]
        parts.append(Part(name, component.weight, component.required, observed, utility))
    return Earned(version, reward, complete, spec.default_reward, parts)
