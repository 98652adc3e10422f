"""Policies that learn nothing: one fixed arm, and uniform random.  Baselines, and safe first champions."""

from typing import Self

import numpy as np
from numpy.typing import NDArray

from .parameters import Parameter
from .policy import Batch, Setting

FIXED_PARAMETERS = (Parameter("arm", str, None, "the arm"),)


class Uniform:
    """Every eligible arm with the same probability."""

    kind = "uniform"

    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    def _probabilities(self, eligible: NDArray[np.bool_]) -> NDArray[np.float64]:
        count = eligible.sum(axis=1, keepdims=True)
        return np.where(eligible, 1.0 / np.maximum(count, 1), 0.0)

    def distribution(
        self,
        features: NDArray[np.float32],
        eligible: NDArray[np.bool_],
        prices: NDArray[np.float64],
        lambda_: float,
    ) -> tuple[NDArray[np.float64], None]:
        """Probabilities (n, K); it estimates nothing and knows no budget."""
        return self._probabilities(eligible), None

    def update(self, batch: Batch) -> tuple[NDArray[np.float64], None]:
        """Nothing to learn; its probabilities."""
        return self._probabilities(batch.eligible), None

    def rearrange(self, setting: Setting, weight: float = 1.0) -> None:
        """Go on under another setting."""
        self.setting = setting

    def to_bytes(self) -> bytes:
        """Nothing."""
        return b""

    @classmethod
    def from_bytes(cls, data: bytes, setting: Setting) -> Self:  # noqa: ARG003 - there is nothing in it
        """A policy under the setting."""
        return cls(setting)


class Fixed(Uniform):
    """Always params["arm"], but for the exploration minimum; uniform where that is not eligible or has gone."""

    kind = "fixed"

    def _probabilities(self, eligible: NDArray[np.bool_]) -> NDArray[np.float64]:
        uniform = super()._probabilities(eligible)
        setting = self.setting
        if setting.params["arm"] not in setting.arms:
            return uniform
        arm = setting.arms.index(str(setting.params["arm"]))
        rows = eligible[:, arm]
        minimum = setting.exploration_minimum
        uniform[rows] *= minimum
        uniform[rows, arm] += 1.0 - minimum
        return uniform
