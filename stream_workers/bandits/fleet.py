"""What the tenants of a fleet have in common about one domain: small linear models, clipped, summed, with noise.

Each tenant adds one vector, in three blocks: what each arm earned above the tenant's mean (the intercepts of ridge
regressions on its own standardised features) with that mean, the slopes of these, and the means and deviations of its
features.  Each block is clipped to a length, so that no tenant moves the sum by more, and gets normal noise in
proportion (`privacy`): what is published hardly depends on whether any one tenant took part, whatever its data were.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Longest that a tenant's blocks may be: intercepts, slopes, and means and deviations in units of `_UNIT`.
BOUNDS: Final = (0.3, 0.4, 0.8)
#: Which share of mu^2 each block has, with slopes and without.
SHARES: Final = (0.3, 0.5, 0.2)
ARMS_ALONE: Final = (1.0, 0.0, 0.0)

_UNIT: Final = 4.0
#: Shrinkage of a tenant's regressions: an arm that it hardly tried says little.
_RIDGE: Final = 10.0
_CLIP: Final = 4.0
_LEAST_DEVIATION: Final = 1e-6
#: Deviation of a feature's published mean with which slopes still helped a new tenant, on recorded data.
_MOST_NOISE: Final = 0.3
#: Sums are rounded to this, so that the last bits of a float say nothing of what was added (Mironov 2012).
_GRAIN: Final = 2.0**-16


class Blocks(NamedTuple):
    """Of one tenant, or a sum over tenants, for K arms and d features."""

    levels: Array  # (K + 1,): of each arm, reward above the mean; then half of what the mean is above one half
    slopes: Array  # (K d,)
    scaling: Array  # (2 d,): means, then deviations, in units of `_UNIT`

    @classmethod
    def zero(cls, arms: int, features: int) -> "Blocks":
        """What a tenant without outcomes adds."""
        return cls(np.zeros(arms + 1), np.zeros(arms * features), np.zeros(2 * features))


def contribution(arms: int, features: NDArray[np.float32], chosen: NDArray[np.int64], reward: Array) -> Blocks:
    """A tenant's blocks, clipped.

    features: (n, d), NaN where missing; chosen: (n,) index below `arms`; reward: (n,) in [0, 1].
    """
    n, d = features.shape
    if not n:
        return Blocks.zero(arms, d)
    there = ~np.isnan(features)
    x = np.clip(np.where(there, features, 0.0).astype(np.float64), -_UNIT, _UNIT)
    counts = np.maximum(there.sum(axis=0), 1)
    mean = x.sum(axis=0) / counts
    off = np.where(there, x - mean, 0.0)
    deviation = np.sqrt((off * off).sum(axis=0) / counts)
    z = np.clip(off / np.maximum(deviation, _LEAST_DEVIATION), -_CLIP, _CLIP)
    phi = np.column_stack([np.ones(n), z])
    above = reward - reward.mean()
    theta = np.zeros((arms, 1 + d))
    for arm in range(arms):
        own = phi[chosen == arm]
        if len(own):
            theta[arm] = np.linalg.solve(own.T @ own + _RIDGE * np.eye(1 + d), own.T @ above[chosen == arm])
    levels = np.append(theta[:, 0], 0.5 * (reward.mean() - 0.5))
    blocks = Blocks(levels, theta[:, 1:].ravel(), np.concatenate([mean, deviation]) / _UNIT)
    return Blocks(*(_clipped(each, bound) for each, bound in zip(blocks, BOUNDS, strict=True)))


def _clipped(vector: Array, bound: float) -> Array:
    length = float(np.sqrt((vector * vector).sum()))
    return vector * (bound / length) if length > bound else vector


def total(contributions: Sequence[Blocks]) -> Blocks:
    """Their sum, without noise: never to be published."""
    return Blocks(*(np.sum(each, axis=0) for each in zip(*contributions, strict=True)))


def deviations(mu: float, shares: Sequence[float]) -> tuple[float, ...]:
    """Deviation of each block's noise, so that all of them together are mu-private; 0: the block is not published."""
    return tuple(
        bound / (mu * math.sqrt(share)) if share > 0.0 else 0.0 for bound, share in zip(BOUNDS, shares, strict=True)
    )


def shares_for(mu: float, tenants: int) -> tuple[float, ...]:
    """Slopes help who knows the features' means: where these would drown in noise, levels get all there is."""
    noise = deviations(mu, SHARES)[2] * _UNIT / tenants
    return SHARES if noise <= _MOST_NOISE else ARMS_ALONE


def published(summed: Blocks, mu: float, shares: Sequence[float], random: np.random.Generator) -> Blocks:
    """A sum with its noise; blocks without a share are empty."""
    noisy = []
    for block, deviation in zip(summed, deviations(mu, shares), strict=True):
        value = block + random.normal(0.0, deviation, block.shape) if deviation > 0.0 else np.zeros(0)
        noisy.append(np.round(value / _GRAIN) * _GRAIN)
    return Blocks(*noisy)


class Common(NamedTuple):
    """What a new tenant may take for its own: means over tenants, each drawn back by as much as it is noise."""

    levels: Array  # (K,) reward of each arm
    slopes: Array  # (K, d); (K, 0): not known
    means: Array  # (d,); (0,): not known
    deviations: Array  # (d,)
    worth: float  # share of levels and slopes, whichever is more, that is no noise


def common(blocks: Blocks, tenants: int, arm_tenants: Sequence[int], noise: Sequence[float]) -> Common:
    """From a published sum over so many tenants.  arm_tenants: how many have each arm; noise: `deviations`."""
    K = len(arm_tenants)
    counts = np.maximum(np.array(arm_tenants, np.float64), 1.0)
    mean = 0.5 + 2.0 * float(blocks.levels[-1]) / tenants
    above = blocks.levels[:-1] / counts
    real = _signal(above, noise[0] / counts)
    slopes, steep = np.zeros((K, 0)), 0.0
    if len(blocks.slopes):
        slopes = blocks.slopes.reshape(K, -1) / counts[:, None]
        steep = _signal(slopes, np.broadcast_to((noise[1] / counts)[:, None], slopes.shape))
    scaling = blocks.scaling * _UNIT / tenants
    d = len(scaling) // 2
    levels = np.clip(mean + real * above, 0.0, 1.0)
    return Common(levels, steep * slopes, scaling[:d], np.maximum(scaling[d:], 0.05), max(real, steep))


def _signal(values: Array, deviation: Array) -> float:
    """Share of values that is more than their noise: the factor of the positive-part James-Stein estimator."""
    length = float((values * values).sum())
    return max(0.0, 1.0 - float((deviation * deviation).sum()) / length) if length > 0.0 else 0.0
