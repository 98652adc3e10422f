"""Outcomes into the sums of their stretch, one after another."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..bandits.address import matrix, vector
from ..bandits.kernel import kernel
from . import layout as at
from .evidence import Z_CLIP
from .judging import NOVICE, alarm, judge
from .stretches import begin, move, within

Array = NDArray[np.float64]

#: Propensities are float32: a floor is passed only by more than their rounding.
_ROUNDING: Final = 1e-3


@kernel()
def add_propensities(
    head: Array, minimum: float, arms: Array, alarms: Array, eligible: NDArray[np.bool_], p: NDArray[np.float32], c: int
) -> int:
    """Add a decision's probabilities; 1 if one is below the floor."""
    square = cube = 0.0
    least, place, number = 2.0, -1, 0
    for a in range(p.shape[0]):
        each = np.float64(p[a])
        power = each * each
        arms[at.EXPECTED, a] += each
        arms[at.VARIANCE, a] += each - power
        square += power
        cube += each * power
        if eligible[a]:
            number += 1
            if each < least:
                least, place = each, a
    head[at.SHARP] += np.float64(p[c]) - square
    head[at.SHARP_VARIANCE] += max(cube - square * square, 0.0)
    floor = minimum / number if number else 0.0
    if least < floor * (1.0 - _ROUNDING):
        return alarm(alarms, at.FLOOR, head[at.NOW], place, floor, least)
    return 0


@kernel()
def clipped(q: float) -> float:
    """A prediction in [0, 1]."""
    return min(max(q, 0.0), 1.0)


@kernel()
def add_features(head: Array, features: Array, x: NDArray[np.float32]) -> None:
    """Add a decision's features to the reference, or to what is compared with it.  Missing ones (NaN): z = 0."""
    head[at.SEEN] += 1.0
    if head[at.PHASE] == at.FINDING_SCALE:
        for j in range(x.shape[0]):
            value = np.float64(x[j])
            if value == value:  # noqa: PLR0124 - not NaN
                features[at.PRESENT, j] += 1.0
                delta = value - features[at.CENTRE, j]
                features[at.CENTRE, j] += delta / features[at.PRESENT, j]
                features[at.SCALE, j] += delta * (value - features[at.CENTRE, j])
        return
    for j in range(x.shape[0]):
        z = (np.float64(x[j]) - features[at.CENTRE, j]) * features[at.SCALE, j]
        z = min(max(z, -Z_CLIP), Z_CLIP) if z == z else 0.0  # noqa: PLR0124 - NaN
        features[at.Z, j] += z
        features[at.ZZ, j] += z * z


@kernel(
    "i8(i8, i8, b1, f8[:,::1], f4[:,::1], b1[:,::1], i8[::1], f4[:,::1], f8[::1], b1[::1], f8[::1], f8[::1], b1[::1])"
)
def gather(
    place: int,
    limits_at: int,
    has_model: bool,
    predicted: Array,
    x: NDArray[np.float32],
    eligible: NDArray[np.bool_],
    chosen: NDArray[np.int64],
    propensities: NDArray[np.float32],
    reward: Array,
    complete: NDArray[np.bool_],
    decided: Array,
    ended: Array,
    lapsed: NDArray[np.bool_],
) -> int:
    """Look at n outcomes in log order; how many alarms that raised.

    place: address of the domain's vector (`layout`), which is changed; limits_at: of what it takes from its
    specification (`checks.limits_of`).  predicted (P, n): what each policy estimated for the arm that acted, before it
    learned from it; the champion's first, NaN: it estimates nothing (has_model: the champion does).  x (n, d); eligible
    (n, K); propensities (n, K) as logged, 0 where not eligible; decided, ended (n,) ms; lapsed (n,): with its horizon.
    """
    P, n = predicted.shape
    K, d = eligible.shape[1], x.shape[1]
    head = vector(place, at.HEAD)
    place += 8 * at.HEAD
    arms = matrix(place, at.ARM_FIELDS, K)
    place += 8 * at.ARM_FIELDS * K
    bins = matrix(place, P * at.BIN_FIELDS, at.BINS)
    place += 8 * P * at.BIN_FIELDS * at.BINS
    features = matrix(place, at.FEATURE_FIELDS, d)
    place += 8 * at.FEATURE_FIELDS * d
    alarms = matrix(place, len(at.KINDS), at.ALARM_FIELDS)
    limits = vector(limits_at, at.LIMITS)
    enabled = vector(limits_at + 8 * at.LIMITS, K)
    raised = 0
    for i in range(n):
        c = chosen[i]
        weight = 1.0 / np.float64(propensities[i, c])
        arms[at.WEIGHT, c] += weight
        arms[at.SQUARES, c] += weight * weight
        for a in range(K):
            arms[at.OFFERED, a] += np.float64(eligible[i, a])
        if move(head, limits[at.WAIT], decided[i], ended[i], lapsed[i]):
            raised += judge(head, limits, enabled, arms, bins, features, alarms, has_model)
            begin(head)
        if not within(head, decided[i]):
            continue
        head[at.TAKEN] += 1.0
        head[at.REWARDS] += reward[i]
        raised += add_propensities(head, limits[at.MINIMUM], arms, alarms, eligible[i], propensities[i], c)
        add_features(head, features, x[i])
        arms[at.CHOSEN, c] += 1.0
        arms[at.PENDING, c] += 1.0
        arms[at.COMPLETE, c] += np.float64(complete[i])
        arms[at.RESIDUAL, c] += reward[i] - (clipped(predicted[0, i]) if has_model else arms[at.MEAN, c])
        if arms[at.KNOWN_ACTS, c] < NOVICE:
            continue
        for p in range(P):
            if not np.isnan(predicted[p, i]):
                q = clipped(predicted[p, i])
                b = min(int(q * at.BINS), at.BINS - 1)
                bins[p * at.BIN_FIELDS + at.NUMBER, b] += 1.0
                bins[p * at.BIN_FIELDS + at.GAP, b] += reward[i] - q
    return raised
