"""All checks of one domain: what they take from its specification, how they go on under another, what they found."""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from . import layout as at
from .evidence import excess_radius, gap_radius
from .judging import REFERENCE
from .stretches import wait_for

Array = NDArray[np.float64]

#: P(a domain ever has a false alarm of propensities), and of calibration.
FALSE_EVER: Final = 0.001
#: Mean number of stretches (of at least `judging.LEAST` outcomes) to a false alarm of each other kind is at least this.
FALSE_EVERY: Final = 1e6
#: Intervals that are reported hold at all times at once with this probability of error.
ALPHA: Final = 0.05
#: An alarm is told for a day of the log after it was last raised.
TOLD_MS: Final = 24 * 60 * 60 * 1000


@dataclass(frozen=True)
class Subject:
    """What of a specification the checks are about."""

    policies: tuple[str, ...]  # names, the champion first
    arms: tuple[str, ...]
    enabled: tuple[bool, ...]
    features: int
    horizon_ms: int
    exploration_minimum: float

    @property
    def size(self) -> int:
        """Numbers of the vector."""
        return at.size(len(self.policies), len(self.arms), self.features)


def limits_of(subject: Subject, false_ever: float = FALSE_EVER, false_every: float = FALSE_EVERY) -> Array:
    """What `gathering.gather` takes from a specification (`layout.LIMITS`)."""
    K, P, d = len(subject.arms), len(subject.policies), subject.features
    return np.array(
        [
            wait_for(subject.horizon_ms),
            subject.exploration_minimum,
            math.log((K + 1) / false_ever),
            math.log(P * at.BINS / false_ever),
            math.log(K * false_every),
            math.log(max(d, 1) * false_every),
            math.log(false_every),
            *subject.enabled,
        ],
        np.float64,
    )


def prepare(vector: Array) -> None:
    """Let a vector of zeros be that of a domain of which nothing has been seen."""
    vector[at.LENGTH] = REFERENCE


class Parts:
    """Views of a vector."""

    __slots__ = ("alarms", "arms", "bins", "features", "head")

    def __init__(self, vector: Array, subject: Subject) -> None:
        P, K, d = len(subject.policies), len(subject.arms), subject.features
        sizes = (at.HEAD, at.ARM_FIELDS * K, P * at.BIN_FIELDS * at.BINS, at.FEATURE_FIELDS * d)
        head, arms, bins, features, alarms = np.split(vector, np.cumsum(sizes))
        self.head: Array = head
        self.arms: Array = arms.reshape(at.ARM_FIELDS, K)
        self.bins: Array = bins.reshape(P, at.BIN_FIELDS, at.BINS)
        self.features: Array = features.reshape(at.FEATURE_FIELDS, d)
        self.alarms: Array = alarms.reshape(len(at.KINDS), at.ALARM_FIELDS)


def rearrange(
    before: Array, old: Subject, vector: Array, new: Subject, *, redefined: bool, same_champion: bool
) -> None:
    """Go on under another specification.  vector: zeros, of the new size.

    What the specification does not touch goes on.  Otherwise everything that is being tested begins anew, with
    decisions that were made a horizon later; kept is what is known of each arm and, if there are as many, of the
    features.
    redefined: the reward is another; same_champion: by name, kind and parameters.
    """
    if old == new and same_champion and not redefined:
        vector[:] = before
        return
    prepare(vector)
    was, now = Parts(before, old), Parts(vector, new)
    now.head[[at.NOW, at.DECIDED]], now.head[at.SPAN] = was.head[[at.NOW, at.DECIDED]], was.head[at.SPAN] + 1.0
    same_arms = (old.arms, old.enabled) == (new.arms, new.enabled)
    same_play = same_arms and same_champion
    if same_play and not redefined:
        now.head[at.KNOWN], now.head[at.LEVEL] = was.head[at.KNOWN], was.head[at.LEVEL]
    for a, name in enumerate(new.arms):
        if name not in old.arms:
            continue
        b = old.arms.index(name)
        kept = [at.WEIGHT, at.SQUARES, at.OFFERED]
        if not redefined:
            kept += [at.KNOWN_ACTS, at.KNOWN_COMPLETE, at.MEAN]
            if same_play:
                kept.append(at.SHARE)
        now.arms[kept, a] = was.arms[kept, b]
    if old.features == new.features:
        now.head[[at.PHASE, at.LENGTH, at.SEEN]] = was.head[[at.PHASE, at.LENGTH, at.SEEN]]
        now.features[:] = was.features
        if was.head[at.PHASE] == at.WATCHING:
            now.features[[at.Z, at.ZZ]] = 0.0
        now.alarms[at.FEATURE] = was.alarms[at.FEATURE]


def standing(vector: Array) -> list[int]:
    """The kinds of alarms that were raised in the last day of the domain's log."""
    alarms = vector[-len(at.KINDS) * at.ALARM_FIELDS :].reshape(len(at.KINDS), at.ALARM_FIELDS)
    raised = alarms[:, at.AT]
    kinds: list[int] = np.flatnonzero((raised > 0.0) & (raised >= vector[at.NOW] - TOLD_MS)).tolist()
    return kinds


def alarms_of(vector: Array, subject: Subject) -> list[dict[str, Any]]:
    """Plain data of each alarm that stands: kind, at_ms, expected, found, and what it is about."""
    kinds = standing(vector)
    if not kinds:
        return []
    alarms = Parts(vector, subject).alarms
    told = []
    for kind in kinds:
        moment, place, expected, found = alarms[kind].tolist()
        told.append(
            {
                "kind": at.KINDS[kind],
                **_about(kind, int(place), subject),
                "expected": expected,
                "found": found,
                "at_ms": int(moment),
            }
        )
    return told


def _about(kind: int, place: int, subject: Subject) -> dict[str, Any]:
    if kind == at.REWARD:
        return {}
    if kind == at.FEATURE:
        return {"feature": place // 2, "of": "spread" if place % 2 else "mean"}
    if kind == at.CALIBRATION:
        policy, number = divmod(place, at.BINS)
        return {"policy": subject.policies[policy], "predicted": [number / at.BINS, (number + 1) / at.BINS]}
    if kind == at.PROPENSITY and place == len(subject.arms):
        return {"arm": None}
    return {"arm": subject.arms[place]}


def findings(vector: Array, subject: Subject) -> dict[str, Any]:
    """Plain data of what is tested, over the outcomes judged since the tests last began anew, with 95% intervals.

    The intervals hold at all times at once, for each number by itself.
    """
    parts = Parts(vector, subject)
    judged = parts.head[at.JUDGED]
    log_level = math.log(1.0 / ALPHA)
    propensities = []
    for a, name in enumerate((*subject.arms, None)):
        if a < len(subject.arms):
            excess, spread = parts.arms[at.EXCESS, a], parts.arms[at.SPREAD, a]
        else:
            excess, spread = parts.head[at.SHARP_EXCESS], parts.head[at.SHARP_SPREAD]
        propensities.append({"arm": name, **_interval(excess, excess_radius(spread, log_level), judged)})
    return {
        "judged": int(judged),
        "propensities": propensities,
        "calibration": [{"policy": name, **_calibration(parts.bins[p])} for p, name in enumerate(subject.policies)],
    }


def _interval(total: float, radius: float, n: float) -> dict[str, float | None]:
    if not n:
        return {"excess": None, "lower": None, "upper": None}
    return {
        "excess": float(total / n),
        "lower": float(max(total - radius, -n) / n),
        "upper": float(min(total + radius, n) / n),
    }


def _calibration(bins: Array) -> dict[str, Any]:
    """Expected calibration error sum_b n_b / n |mean of reward less prediction|, with its interval, and the bins."""
    numbers, gaps = bins[at.ALL_NUMBER], bins[at.ALL_GAP]
    n = float(numbers.sum())
    told: list[dict[str, float | int]] = [
        {"from": b / at.BINS, "n": int(numbers[b]), "gap": float(gaps[b] / numbers[b])}
        for b in range(at.BINS)
        if numbers[b]
    ]
    if not n:
        return {"n": 0, "error": None, "lower": None, "upper": None, "bins": told}
    radii = [gap_radius(number, math.log(at.BINS / ALPHA)) if number else 0.0 for number in numbers]
    off = np.abs(gaps)
    return {
        "n": int(n),
        "error": float(off.sum() / n),
        "lower": float(np.maximum(off - radii, 0.0).sum() / n),
        "upper": float(np.minimum(off + radii, numbers).sum() / n),
        "bins": told,
    }
