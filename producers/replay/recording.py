"""What was recorded: requests of one tenant, and for every arm what its answer brought."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Observations = dict[str, float]


@dataclass(frozen=True)
class Recording:
    """A log in which every arm was tried on every request, so that any policy can be played on it.

    prices: expected USD of a request per arm.  observed: by component, (rows, arms) float64; a component that was not
    recorded is not there.  basis: by component, where its numbers come from.
    """

    tenant: str
    domain: str
    arms: tuple[str, ...]
    prices: tuple[float, ...]
    size: int  # features
    features: Callable[[int], NDArray[np.float32]]  # of a row, (size,)
    observed: Mapping[str, NDArray[np.float64]]
    basis: Mapping[str, str]
    stand_in: bool = False  # not a log of such a domain, but data that stands in for one

    def __post_init__(self) -> None:
        if len(self.prices) != len(self.arms) or len(set(self.arms)) != len(self.arms):
            raise ValueError(f"{self.tenant}: {self.arms} and {self.prices}; one price for each of different arms")
        shapes = {component: values.shape for component, values in self.observed.items()}
        if len(set(shapes.values())) != 1 or next(iter(shapes.values()))[1:] != (len(self.arms),):
            raise ValueError(f"{self.tenant} has results of shapes {shapes}; expected (rows, {len(self.arms)}) each")
        if self.observed.keys() != self.basis.keys():
            raise ValueError(f"{self.tenant} states the basis of {sorted(self.basis)}, not of {sorted(self.observed)}")

    @property
    def rows(self) -> int:
        """Number of recorded requests."""
        return len(next(iter(self.observed.values())))

    @property
    def components(self) -> tuple[str, ...]:
        """What was observed about an answer, in a fixed order."""
        return tuple(sorted(self.observed))

    def result(self, row: int, arm: str) -> Observations:
        """What was recorded of `arm` on a request; the player asks this for the arm that was chosen and no other."""
        column = self.arms.index(arm)
        return {component: float(self.observed[component][row, column]) for component in self.components}


def results(recording: Recording, rows: Sequence[int], arm: str) -> list[Observations]:
    """What always taking `arm` would have brought on `rows`: for the hindsight columns only."""
    return [recording.result(row, arm) for row in rows]


def strongest(recording: Recording) -> tuple[str, ...]:
    """The arms of the highest price.  Where several tie, "always strongest" is the mean over them."""
    return _priced(recording, max(recording.prices))


def cheapest(recording: Recording) -> tuple[str, ...]:
    """The arms of the lowest price.  Where several tie, "always cheapest" is the mean over them."""
    return _priced(recording, min(recording.prices))


def _priced(recording: Recording, price: float) -> tuple[str, ...]:
    return tuple(arm for arm, each in zip(recording.arms, recording.prices, strict=True) if each == price)
