"""Numeric columns scaled to 0..1 by constants that come with the data."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class NumberFeatures:
    """Min-max scaling.  minimum, maximum: one per column; a column whose two are equal becomes 0."""

    def __init__(self, minimum: Sequence[float], maximum: Sequence[float]) -> None:
        if len(minimum) != len(maximum):
            raise ValueError(f"{len(minimum)} minima and {len(maximum)} maxima; one of each per column is expected")
        self._minimum = np.asarray(minimum, dtype=np.float64)
        span = np.asarray(maximum, dtype=np.float64) - self._minimum
        if not (np.isfinite(self._minimum).all() and np.isfinite(span).all() and (span >= 0).all()):
            raise ValueError("every column needs a finite minimum that is not above its finite maximum")
        self._span = np.where(span > 0, span, 1.0)

    @property
    def size(self) -> int:
        """Number of features."""
        return len(self._minimum)

    def __call__(self, numbers: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float32]:
        """Scaled and clipped.  numbers: (columns,).  Returns (size,) float32 in [0, 1]."""
        values = np.asarray(numbers, dtype=np.float64)
        if values.shape != (self.size,):
            raise ValueError(f"{values.shape} numbers; expected ({self.size},)")
        return np.clip((values - self._minimum) / self._span, 0.0, 1.0).astype(np.float32)
