"""From a request's raw features to what the regressions see.

phi = [1, 2 z / sqrt(w)]: z are the features standardised online and clipped at 4, w = min(d, width) their number.
More features than `width` are folded: feature j is added with a sign to slot h(j) (feature hashing, Weinberger et al.
2009), because an inverse per arm grows with the square of the width.  The mean and deviation freeze after 500 events,
so that what was learned about a coordinate keeps its meaning.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .kernel import kernel

Array = NDArray[np.float64]

FREEZE_AFTER = 500
CLIP = 4.0


@kernel()
def observe(x: NDArray[np.float32], mean: Array, m2: Array, scale: Array, counts: NDArray[np.int64]) -> None:
    """Welford's update of mean and m2 by the row x while counts[0] < FREEZE_AFTER; scale is 1 / deviation."""
    if counts[0] >= FREEZE_AFTER:
        return
    counts[0] += 1
    n = counts[0]
    for j in range(x.shape[0]):
        value = np.float64(x[j])
        delta = value - mean[j]
        mean[j] += delta / n
        m2[j] += delta * (value - mean[j])
        if n >= 2:
            # A feature that has not moved yet: any later movement is at the clip.
            scale[j] = 1.0 / max(math.sqrt(m2[j] / n), 1e-12 + 1e-6 * abs(mean[j]))


@kernel()
def expand(
    x: NDArray[np.float32],
    mean: Array,
    scale: Array,
    slots: NDArray[np.int64],
    signs: Array,
    factor: float,
    phi: Array,
) -> None:
    """Write phi (m,) of the row x (d,)."""
    phi[:] = 0.0
    phi[0] = 1.0
    for j in range(x.shape[0]):
        z = (np.float64(x[j]) - mean[j]) * scale[j]
        z = min(max(z, -CLIP), CLIP)
        phi[1 + slots[j]] += signs[j] * factor * z


@dataclass(slots=True)
class FeatureMap:
    """State and constants.  mean, m2, scale: (d,) float64; counts: (1,) int64, events seen up to the freezing."""

    mean: Array
    m2: Array
    scale: Array
    counts: NDArray[np.int64]
    slots: NDArray[np.int64]
    signs: Array
    factor: float

    @classmethod
    def fresh(cls, features: int, width: int) -> "FeatureMap":
        """A map that has seen nothing: until two events were observed every z is 0."""
        slots, signs = fold(features, width)
        mean, m2, scale = np.zeros(features), np.zeros(features), np.zeros(features)
        return cls(mean, m2, scale, np.zeros(1, np.int64), slots, signs, factor_of(features, width))


def size(features: int, width: int) -> int:
    """Length m of phi."""
    return 1 + min(features, width)


def factor_of(features: int, width: int) -> float:
    """What every z is multiplied by."""
    return 2.0 / math.sqrt(max(1, min(features, width)))


def fold(features: int, width: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Slot and sign of every feature: itself and +1 as long as they fit."""
    index = np.arange(features, dtype=np.uint64)
    if features <= width:
        return index.astype(np.int64), np.ones(features)
    mixed = (index + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    signs = np.where(mixed >> np.uint64(63), 1.0, -1.0)
    return ((mixed >> np.uint64(8)) % np.uint64(width)).astype(np.int64), signs
