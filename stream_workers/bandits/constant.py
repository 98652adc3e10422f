"""Policies that learn nothing: one fixed arm, and uniform random.  Baselines, and safe first champions."""

from typing import Self

import numpy as np
from numpy.typing import NDArray

from .kernel import kernel
from .parameters import Parameter
from .policy import Batch, Parameters, Setting

FIXED_PARAMETERS = (Parameter("arm", str, None, "the arm"),)


@kernel()
def spread(arms: int, leader: int, minimum: float, out: NDArray[np.float64]) -> None:
    """`constant` for one request with that many arms, all eligible.  leader: index among them, or -1."""
    leads = leader >= 0
    share = (minimum if leads else 1.0) / max(arms, 1)
    for a in range(arms):
        out[a] = share
    if leads:
        out[leader] += 1.0 - minimum


@kernel("void(b1[:,::1], i8, f8, f8[:,::1])")
def constant(eligible: NDArray[np.bool_], arm: int, minimum: float, out: NDArray[np.float64]) -> None:
    """Write (n, K): 1 - minimum to the arm where it is eligible, the rest in equal parts to every eligible arm."""
    n, K = eligible.shape
    for i in range(n):
        count = 0
        for a in range(K):
            if eligible[i, a]:
                count += 1
        leads = arm >= 0 and eligible[i, arm]
        share = (minimum if leads else 1.0) / max(count, 1)
        for a in range(K):
            out[i, a] = share if eligible[i, a] else 0.0
        if leads:
            out[i, arm] += 1.0 - minimum


class Uniform:
    """Every eligible arm with the same probability."""

    kind = "uniform"

    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    @classmethod
    def state_bytes(cls, arms: int, features: int, params: Parameters) -> int:  # noqa: ARG003 - there is none
        """None."""
        return 0

    @property
    def nbytes(self) -> int:
        """None."""
        return 0

    def _probabilities(self, eligible: NDArray[np.bool_]) -> NDArray[np.float64]:
        out = np.empty(eligible.shape)
        constant(eligible, self.arm(), self.setting.exploration_minimum, out)
        return out

    def arm(self) -> int:
        """Index of the arm that gets all but the exploration minimum; -1: none."""
        return -1

    def distribution(
        self,
        features: NDArray[np.float32],
        eligible: NDArray[np.bool_],
        costs: NDArray[np.float64],
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
    def from_bytes(cls, data: bytes, setting: Setting) -> Self:
        """A policy under the setting; ValueError if there is anything in the bytes."""
        if data:
            raise ValueError(f"{len(data)} bytes of state for a policy that has none: rebuild it from the outcomes log")
        return cls(setting)


class Fixed(Uniform):
    """Always params["arm"], but for the exploration minimum; uniform where that is not eligible or has gone."""

    kind = "fixed"

    def arm(self) -> int:
        """Index of params["arm"], or -1."""
        arm = str(self.setting.params["arm"])
        return self.setting.arms.index(arm) if arm in self.setting.arms else -1
