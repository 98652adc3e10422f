"""Outcomes into arrays over a domain's arms of now, and the checks that come before."""

import math
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.domains import DomainSpec
from schemas.errors import BadRecordError, Reason
from schemas.events import Outcome

from ..evaluation.groups import groups
from .reward import reward_of

_FLOAT = struct.Struct("<f")

#: How far logged propensities may be from a sum of 1 (float32, up to 64 arms).
_SUM_TOLERANCE = 1e-4


class Columns(NamedTuple):
    """Outcomes in log order."""

    features: NDArray[np.float32]  # (n, d)
    eligible: NDArray[np.bool_]  # (n, K)
    chosen: NDArray[np.int64]  # (n,); -1: the arm is no longer there
    propensity: NDArray[np.float64]  # (n,)
    propensities: NDArray[np.float32]  # (n, K) as logged, 0 where not eligible
    reward: NDArray[np.float64]  # (n,)
    costs: NDArray[np.float64]  # (n,) USD; NaN: not observed
    complete: NDArray[np.bool_]  # (n,) every required component was observed
    decided: NDArray[np.float64]  # (n,) ms
    ended: NDArray[np.float64]  # (n,) ms
    lapsed: NDArray[np.bool_]  # (n,) it ended with its horizon
    group: NDArray[np.int64]  # (n,) of the unit, see `evaluation.groups`

    def where(self, rows: NDArray[np.bool_]) -> "Columns":
        """Only these rows."""
        parts: list[Any] = [each[rows] for each in self]
        return Columns(*parts)


def check(outcome: Outcome, spec: DomainSpec) -> None:
    """BadRecordError if nothing can be learned from this outcome, saying which field is wrong.

    An arm that is no longer in the specification is no error (arms are removed while decisions wait for feedback).
    """
    decision = outcome.decision
    if len(decision.features) != 4 * spec.width:
        raise BadRecordError(
            Reason.FEATURES_LENGTH,
            f"decision {decision.id!r} has {len(decision.features)} bytes of features; {spec.domain} has "
            f"{spec.width} float32, {4 * spec.width} bytes",
        )
    features = np.frombuffer(decision.features, "<f4").astype(np.float64)  # squares of float32 cannot overflow there
    if spec.missing == "mean":
        features = features[~np.isnan(features)]
    if not math.isfinite(features.dot(features)):
        raise BadRecordError(Reason.FEATURES_NOT_FINITE, f"decision {decision.id!r} has features that are not finite")
    K = len(decision.arms)
    if decision.choice >= K:
        raise BadRecordError(Reason.INVALID, f"decision {decision.id!r} chose arm {decision.choice} of {K}")
    if len(decision.propensities) != 4 * K:
        raise BadRecordError(
            Reason.INVALID,
            f"decision {decision.id!r} has {len(decision.propensities)} bytes of propensities for {K} arms; "
            f"one float32 each, {4 * K} bytes, is expected",
        )
    propensities = np.frombuffer(decision.propensities, "<f4").tolist()
    if not (min(propensities) >= 0.0 and propensities[decision.choice] > 0.0):
        raise BadRecordError(Reason.INVALID, f"decision {decision.id!r}: the chosen arm's propensity must be above 0")
    if not abs(math.fsum(propensities) - 1.0) <= _SUM_TOLERANCE:
        raise BadRecordError(
            Reason.INVALID, f"decision {decision.id!r}: propensities sum to {sum(propensities)}; 1 is expected"
        )
    if len(set(decision.arms)) != K:
        raise BadRecordError(Reason.INVALID, f"decision {decision.id!r} names an arm twice")
    for name, value in outcome.observations.items():
        if not math.isfinite(value):
            raise BadRecordError(Reason.INVALID, f"decision {decision.id!r}: {name} is {value}; not a finite number")


def columns(outcomes: Sequence[Outcome], spec: DomainSpec, index: dict[str, int]) -> Columns:
    """Arrays of outcomes that passed `check`.  index: arm name to its place in spec.arms."""
    n = len(outcomes)
    # Most decisions choose from the same arms: their places and masks are worked out once for each set.
    sets: dict[tuple[str, ...], int] = {}
    places: list[list[int]] = []
    set_of, chosen, propensity, reward, complete, costs = [], [], [], [], [], []
    for outcome in outcomes:
        decision, observations = outcome.decision, outcome.observations
        number = sets.get(decision.arms)
        if number is None:
            number = sets[decision.arms] = len(places)
            places.append([index.get(name, -1) for name in decision.arms])
        set_of.append(number)
        chosen.append(places[number][decision.choice])
        propensity.append(_FLOAT.unpack_from(decision.propensities, 4 * decision.choice)[0])
        worth, whole = reward_of(spec, observations)
        reward.append(worth)
        complete.append(whole)
        costs.append(observations.get("cost", math.nan))
    masks = np.zeros((len(places), len(spec.arms)), np.bool_)
    for mask, place in zip(masks, places, strict=True):
        mask[[arm for arm in place if arm >= 0]] = True
    features = np.frombuffer(bytearray(b"".join([each.decision.features for each in outcomes])), "<f4")
    return Columns(
        features.reshape(n, spec.width),
        masks[set_of],
        np.array(chosen, np.int64),
        np.array(propensity, np.float64),
        _propensities(outcomes, set_of, places, len(spec.arms)),
        np.array(reward, np.float64),
        np.array(costs, np.float64),
        np.array(complete, np.bool_),
        np.array([each.decided_at_ms for each in outcomes], np.float64),
        np.array([each.ended_at_ms for each in outcomes], np.float64),
        np.array([each.ended == "horizon" for each in outcomes], np.bool_),
        groups([each.decision.unit for each in outcomes], [each.decision.id for each in outcomes]),
    )


def _propensities(
    outcomes: Sequence[Outcome], set_of: Sequence[int], places: Sequence[Sequence[int]], arms: int
) -> NDArray[np.float32]:
    """Every logged propensity at the place of its arm."""
    found = np.zeros((len(outcomes), arms), np.float32)
    sets = np.array(set_of, np.int64)
    for number, place in enumerate(places):
        rows = np.flatnonzero(sets == number)
        logged = b"".join([outcomes[row].decision.propensities for row in rows.tolist()])
        there = np.flatnonzero(np.array(place, np.int64) >= 0)
        each = np.frombuffer(logged, "<f4").reshape(len(rows), len(place))
        found[np.ix_(rows, np.array(place, np.int64)[there])] = each[:, there]
    return found
