"""The bundled recordings that a domain file declares, and what their arms would have earned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from producers.replay.bundled import TENANTS, load
from producers.replay.recording import Recording, cheapest, results, strongest
from schemas.domains import DomainSpec
from schemas.errors import SpecificationError
from stream_workers.learning.reward import reward_of


def recordings_for(specs: Sequence[DomainSpec]) -> list[Recording]:
    """The recordings of the tenants that are declared; SpecificationError when a declaration does not fit."""
    found = []
    for spec in specs:
        if spec.tenant not in TENANTS:
            continue
        recording = load(spec.tenant, content=spec.content_features)
        if recording.domain != spec.domain:
            continue
        arms = {arm.name for arm in spec.arms}
        if recording.size != spec.features or not arms <= set(recording.arms):
            raise SpecificationError(
                f"{spec.tenant}/{spec.domain} declares {spec.features} features and the arms {sorted(arms)}; "
                f"the recording has {recording.size} features and the arms {sorted(recording.arms)}"
            )
        found.append(recording)
    if not found:
        raise SpecificationError(f"the domain file declares no recorded tenant; recorded are: {', '.join(TENANTS)}")
    return found


@dataclass(frozen=True, slots=True)
class Hindsight:
    """Mean reward of simple policies on the rows played, known only because every arm was recorded."""

    best_fixed: float
    best_fixed_arm: str
    strongest: float
    cheapest: float
    uniform: float


def hindsight(spec: DomainSpec, recording: Recording, rows: Sequence[int]) -> Hindsight:
    """What always the best arm, the strongest, the cheapest, or a random one would have earned on `rows`."""
    means = {arm: float(np.mean(_rewards(spec, recording, rows, arm))) for arm in recording.arms}
    best = max(means, key=lambda arm: means[arm])
    return Hindsight(
        best_fixed=means[best],
        best_fixed_arm=best,
        strongest=_mean(means, strongest(recording)),
        cheapest=_mean(means, cheapest(recording)),
        uniform=_mean(means, recording.arms),
    )


def _rewards(spec: DomainSpec, recording: Recording, rows: Sequence[int], arm: str) -> NDArray[np.float64]:
    return np.array([reward_of(spec, observations)[0] for observations in results(recording, rows, arm)])


def _mean(means: Mapping[str, float], arms: Sequence[str]) -> float:
    return float(np.mean([means[arm] for arm in arms]))
