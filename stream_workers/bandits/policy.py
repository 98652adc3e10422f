"""What every learner is to the domain that runs it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

Parameters = Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a policy takes from its domain.  It may change while the policy lives; `Policy.rearrange` then says how."""

    arms: tuple[str, ...]
    features: int
    exploration_minimum: float  # each of K eligible arms keeps at least this / K
    forgetting: float = 1.0  # geometric weight of older outcomes, per outcome
    params: Parameters = field(default_factory=dict)


class Batch(NamedTuple):
    """Outcomes in log order, over the domain's K arms of now."""

    features: NDArray[np.float32]  # (n, d); NaN: missing
    eligible: NDArray[np.bool_]  # (n, K) the arms the decision chose from
    chosen: NDArray[np.int64]  # (n,) index of the arm that acted; eligible
    propensity: NDArray[np.float64]  # (n,) the logged probability of that arm
    reward: NDArray[np.float64]  # (n,) in [0, 1]
    costs: NDArray[np.float64]  # (n, K) what each arm was expected to cost, USD
    lambdas: NDArray[np.float64]  # (n,) the budget's multiplier before each outcome, reward per unit of price
    propensities: NDArray[np.float64] | None = None  # (n, K) the logged probability of every arm; None: not known


class Policy(Protocol):
    """A learner: arrays, and functions of them.  Reading never changes it; only `update` learns."""

    kind: str
    setting: Setting

    def __init__(self, setting: Setting) -> None: ...

    @classmethod
    def state_bytes(cls, arms: int, features: int, params: Parameters) -> int:
        """Bytes that `to_bytes` makes for so many arms and features.  params: complete."""

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""

    def distribution(
        self,
        features: NDArray[np.float32],
        eligible: NDArray[np.bool_],
        costs: NDArray[np.float64],
        lambda_: float,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Probabilities (n, K), 0 where not eligible, and estimates of reward (n, K), None if the policy has none.

        costs: (n, K) what each arm is expected to cost, USD.  It prefers the arm with the highest estimate less
        lambda_ times cost.  Rows without an eligible arm are 0.
        """

    def update(self, batch: Batch) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Learn the outcomes one after another; what was thought just before each (as `distribution`, to rounding)."""

    def rearrange(self, setting: Setting, weight: float = 1.0) -> None:
        """Go on under another setting: arms are matched by name, features must be as many.

        weight: what share of its weight the past keeps (below 1 when the reward has been redefined).
        """

    def to_bytes(self) -> bytes:
        """The learned state; a function of it alone."""

    @classmethod
    def from_bytes(cls, data: bytes, setting: Setting) -> Self:
        """The policy that `to_bytes` was called on, under the same setting."""


def matches(old: Sequence[str], new: Sequence[str]) -> list[int]:
    """For each new arm its index among the old ones, or -1."""
    index = {name: i for i, name in enumerate(old)}
    return [index.get(name, -1) for name in new]
