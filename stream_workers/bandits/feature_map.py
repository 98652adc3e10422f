"""From a request's raw features to what the regressions see.

phi = [1, 2 z / sqrt(w), 2 sqrt(2 / D) cos(omega' z + b)]

z are the features standardised online and clipped at 4 (a missing one is 0), w = min(d, width) their number.  More
features than `width` are folded: feature j is added with a sign to slot h(j) (feature hashing, Weinberger et al. 2009),
because an inverse per arm grows with the square of the length.  A feature's mean and deviation freeze when it was seen
500 times, so that what was learned about a coordinate keeps its meaning.

The D random Fourier features (Rahimi, Recht 2007) let a linear model follow what is not linear.  Each omega has three
entries that are not 0 (two, one, where there are fewer features), normal with deviation 1 / (.7 sqrt 3): sparse ones
lost less than dense ones on tables of real data, where interactions are of few features.  omega and b come from a hash
of their place: the same for every learner, on every machine.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .elementary import cosine_of_turns
from .kernel import kernel
from .panels import padded

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

FREEZE_AFTER: Final = 500
CLIP: Final = 4.0
#: Features that a Fourier feature looks at, and the scale of its weights.
TOUCHED: Final = 3
BANDWIDTH: Final = 0.7
#: Random Fourier features by the name of a map.
PRESETS: Final = {"small": 0, "standard": 128, "large": 512}


@kernel()
def observe(x: NDArray[np.float32], mean: Array, m2: Array, scale: Array, seen: Integers) -> None:
    """Welford's update of mean and m2 by the row x; scale is 1 / deviation.  seen: (d,).

    Each feature freezes when it has been seen FREEZE_AFTER times; NaN, a missing one, is not seen.
    """
    for j in range(x.shape[0]):
        value = np.float64(x[j])
        if seen[j] >= FREEZE_AFTER or value != value:  # noqa: PLR0124 - NaN
            continue
        seen[j] += 1
        n = seen[j]
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
    slots: Integers,
    signs: Array,
    factor: float,
    raw: int,
    picks: Integers,
    weights: Array,
    phases: Array,
    z: Array,
    phi: Array,
) -> None:
    """Write z (d,) and phi (m,) of the row x (at least d numbers).  raw: 1 + w; picks, weights: (D * TOUCHED,).

    NaN is a missing feature: it is taken to be the mean, z = 0.
    """
    d = mean.shape[0]
    plain = d == raw - 1  # every feature has a slot of its own
    phi[0] = 1.0
    for j in range(d):
        standard = (np.float64(x[j]) - mean[j]) * scale[j]
        z[j] = min(max(standard, -CLIP), CLIP) if standard == standard else 0.0  # noqa: PLR0124 - NaN
    if plain:
        for j in range(d):
            phi[1 + j] = factor * z[j]
    else:
        phi[1:raw] = 0.0
        for j in range(d):
            phi[1 + slots[j]] += signs[j] * factor * z[j]
    D = phases.shape[0]
    if D > 0:
        height = 2.0 * math.sqrt(2.0 / D)
        waving = phi[raw : raw + D]
        for k in range(D):
            turns = phases[k]
            for t in range(TOUCHED):
                turns += weights[TOUCHED * k + t] * z[np.uint64(picks[TOUCHED * k + t])]
            waving[k] = height * cosine_of_turns(turns)
        phi[raw + D :] = 0.0


def raw_size(features: int, width: int) -> int:
    """1 + w: the length of phi without Fourier features."""
    return 1 + min(features, width)


def size(features: int, width: int, fourier: int) -> int:
    """Length m of phi; with Fourier features it is padded with zeros to a multiple of 8."""
    raw = raw_size(features, width)
    return padded(raw + fourier) if fourier else raw


def factor_of(features: int, width: int) -> float:
    """What every z is multiplied by."""
    return 2.0 / math.sqrt(max(1, min(features, width)))


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Splitmix64 of each."""
    mixed = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def fold(features: int, width: int) -> tuple[Integers, Array]:
    """Slot and sign of every feature: itself and +1 as long as they fit."""
    index = np.arange(features, dtype=np.uint64)
    if features <= width:
        return index.astype(np.int64), np.ones(features)
    mixed = _mixed(index)
    signs = np.where(mixed >> np.uint64(63), 1.0, -1.0)
    return ((mixed >> np.uint64(8)) % np.uint64(width)).astype(np.int64), signs


@dataclass(frozen=True, slots=True)
class Waves:
    """Random Fourier features over d raw ones: cos(2 pi (phases[k] + sum_t weights[3 k + t] z[picks[3 k + t]]))."""

    picks: Integers  # (3 D,)
    weights: Array  # (3 D,) turns per deviation
    phases: Array  # (D,) turns


@lru_cache(maxsize=1024)
def waves(features: int, count: int) -> Waves:
    """The ones for a number of features; those of a smaller count are the first of a larger one's."""
    if not features:
        count = 0
    k = np.arange(count, dtype=np.uint64)
    numbers = k[:, None] * np.uint64(1 << 16) + np.arange(1 + 13 * TOUCHED, dtype=np.uint64)
    draws = _mixed(numbers.astype(np.uint64))
    unit = (draws >> np.uint64(11)).astype(np.float64) / 9007199254740992.0
    touched = min(TOUCHED, features)
    picks, weights = np.zeros((count, TOUCHED), np.int64), np.zeros((count, TOUCHED))
    # Sums of twelve uniform numbers: normal enough, and the same on every machine.
    normal = unit[:, 1 + TOUCHED :].reshape(count, TOUCHED, 12).sum(axis=2) - 6.0
    deviation = 1.0 / (BANDWIDTH * math.sqrt(TOUCHED)) / (2.0 * math.pi)
    for t in range(touched):
        # The t-th of a random order without repetition: one of those that are left.
        choice = (unit[:, 1 + t] * (features - t)).astype(np.int64)
        for earlier in np.sort(picks[:, :t], axis=1).T:
            choice += choice >= earlier
        picks[:, t] = choice
        weights[:, t] = deviation * normal[:, t]
    return Waves(picks.reshape(-1), weights.reshape(-1), np.ascontiguousarray(unit[:, 0]))
