"""Figures over seeds: the mean and its 95% interval by Student's t.  One seed has no interval."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


class Mean(NamedTuple):
    """A mean over seeds; low and high are None for a single seed."""

    mean: float
    low: float | None
    high: float | None

    def figures(self, name: str) -> dict[str, float | None]:
        """As they stand in the report: name, name_low, name_high."""
        return {name: self.mean, f"{name}_low": self.low, f"{name}_high": self.high}


def over_seeds(values: Sequence[float]) -> Mean:
    """values: one a seed, at least one."""
    mean, n = float(np.mean(values)), len(values)
    if n == 1:
        return Mean(mean, None, None)
    half = float(stats.t.ppf((1.0 + CONFIDENCE) / 2.0, n - 1)) * float(np.std(values, ddof=1)) / math.sqrt(n)
    return Mean(mean, mean - half, mean + half)
