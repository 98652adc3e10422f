"""A stretch has ended: its sums are weighed, alarms raised, references moved.  A part for each thing checked."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..bandits.kernel import kernel
from . import layout as at
from .evidence import LOG_2, TOLERATED_MOVE, above, away, of_excess, of_feature, of_gap

Array = NDArray[np.float64]

#: The tests of propensities and of calibration begin anew after so many outcomes, so that what changed late is found.
SPAN: Final = 16_384
#: A change is looked for in no fewer outcomes (of an arm, where it is the arm's), and from so many known ones on.
LEAST: Final = 64
NOVICE: Final = 100
KNOWN_LEAST: Final = 512
#: How far back running means look: a slow change is no alarm.
KNOWN_MOST: Final = 2_048
ACTS_MOST: Final = 8_192
#: The first reference of the features, and how long one becomes that was found to be no reference again and again.
REFERENCE: Final = 512
REFERENCE_MOST: Final = 65_536

#: What is no alarm: a prediction off by so much, in a bin over a span,
TOLERATED_GAP: Final = 0.05
#: of an arm, for some time,
TOLERATED_SURPRISE: Final = 0.1
#: a mean reward that fell, a share that moved, and the part of its feedback that an arm must keep.
TOLERATED_FALL: Final = 0.1
TOLERATED_SHIFT: Final = 0.25
KEPT_FEEDBACK: Final = 0.5
#: An arm that should have acted so often (exp(-20) by chance), and did not.
IDLE_MOST: Final = 20.0
#: After so many outcomes of a domain an arm should have been offered,
OFFERED_LEAST: Final = 1_000.0
#: and when it was in so many, its effective sample size should be that.
OFFERED_MANY: Final = 8_192.0
EFFECTIVE_LEAST: Final = 10.0


@kernel()
def alarm(alarms: Array, kind: int, now: float, place: float, before: float, after: float) -> int:
    """Note an alarm; 1."""
    alarms[kind, at.AT] = now
    alarms[kind, at.PLACE] = place
    alarms[kind, at.BEFORE] = before
    alarms[kind, at.AFTER] = after
    return 1


@kernel()
def price_of_span(span: float) -> float:
    """-log of what part of the level a span has: 1/2 4^-j for the 2^j spans from 2^j - 1 on, which sums up to 1."""
    price, first = LOG_2, 1.0
    while 2.0 * first <= span + 1.0:
        first *= 2.0
        price += 2.0 * LOG_2
    return price


@kernel()
def begin_span(head: Array, arms: Array, bins: Array) -> None:
    """The tests of whole spans begin anew, if it is time."""
    if head[at.RESTART] == 0.0 and head[at.JUDGED] < SPAN:
        return
    head[at.SPAN] += 1.0
    head[at.RESTART] = head[at.JUDGED] = head[at.SHARP_EXCESS] = head[at.SHARP_SPREAD] = 0.0
    for a in range(arms.shape[1]):
        arms[at.EXCESS, a] = arms[at.SPREAD, a] = 0.0
        arms[at.WEIGHT, a] *= 0.5
        arms[at.SQUARES, a] *= 0.5
        arms[at.OFFERED, a] *= 0.5
    for first in range(0, bins.shape[0], at.BIN_FIELDS):
        for b in range(at.BINS):
            bins[first + at.ALL_NUMBER, b] = bins[first + at.ALL_GAP, b] = 0.0


@kernel()
def judge_propensities(head: Array, limits: Array, arms: Array, alarms: Array) -> int:
    """Did every arm act as often as its propensities say, and the more probable arms as often as theirs do?"""
    n, K, raised = head[at.TAKEN], arms.shape[1], 0
    head[at.JUDGED] += n
    limit = limits[at.AUDIT] + price_of_span(head[at.SPAN])
    worst = limit
    for a in range(K):
        arms[at.EXCESS, a] += arms[at.CHOSEN, a] - arms[at.EXPECTED, a]
        arms[at.SPREAD, a] += arms[at.VARIANCE, a]
        evidence = of_excess(arms[at.EXCESS, a], arms[at.SPREAD, a])
        if evidence >= worst:
            worst = evidence
            share = arms[at.EXPECTED, a] / n
            raised = alarm(alarms, at.PROPENSITY, head[at.NOW], a, share, share + arms[at.EXCESS, a] / head[at.JUDGED])
    head[at.SHARP_EXCESS] += head[at.SHARP]
    head[at.SHARP_SPREAD] += head[at.SHARP_VARIANCE]
    evidence = of_excess(head[at.SHARP_EXCESS], head[at.SHARP_SPREAD])
    if evidence >= limit and raised == 0:
        raised = alarm(alarms, at.PROPENSITY, head[at.NOW], K, 0.0, head[at.SHARP_EXCESS] / head[at.JUDGED])
    if raised:
        head[at.RESTART] = 1.0
    return raised


@kernel()
def judge_calibration(head: Array, limits: Array, bins: Array, alarms: Array) -> int:
    """Was the reward what each policy predicted, for low and for high predictions?"""
    raised = 0
    worst = limits[at.CALIBRATED] + price_of_span(head[at.SPAN])
    for p in range(bins.shape[0] // at.BIN_FIELDS):
        first = p * at.BIN_FIELDS
        for b in range(at.BINS):
            bins[first + at.ALL_NUMBER, b] += bins[first + at.NUMBER, b]
            bins[first + at.ALL_GAP, b] += bins[first + at.GAP, b]
            bins[first + at.NUMBER, b] = bins[first + at.GAP, b] = 0.0
            number, gap = bins[first + at.ALL_NUMBER, b], bins[first + at.ALL_GAP, b]
            evidence = of_gap(gap, number, TOLERATED_GAP)
            if evidence >= worst:
                worst = evidence
                raised = alarm(alarms, at.CALIBRATION, head[at.NOW], p * at.BINS + b, 0.0, gap / number)
    if raised:
        head[at.RESTART] = 1.0
    return raised


@kernel()
def judge_arms(head: Array, limits: Array, arms: Array, alarms: Array, has_model: bool) -> int:
    """Is each arm's reward what is predicted, does its feedback come, and did it act at all?"""
    raised, now = 0, head[at.NOW]
    for a in range(arms.shape[1]):
        if arms[at.CHOSEN, a] > 0.0:
            arms[at.IDLE, a] = 0.0
        else:
            arms[at.IDLE, a] += arms[at.EXPECTED, a]
        if arms[at.IDLE, a] >= IDLE_MOST:
            raised += alarm(alarms, at.STARVING, now, a, arms[at.IDLE, a], 0.0)
        n = arms[at.PENDING, a]
        if n < LEAST:
            continue
        known, residual, complete = arms[at.KNOWN_ACTS, a], arms[at.RESIDUAL, a], arms[at.COMPLETE, a]
        if known >= NOVICE:
            surprise = max(arms[at.SURPRISE, a], 0.0) + away(residual, n, TOLERATED_SURPRISE)
            rate = arms[at.KNOWN_COMPLETE, a] / known
            dry = max(arms[at.DRY, a], 0.0) + above(KEPT_FEEDBACK * rate * n - complete, n)
            if surprise >= limits[at.ARMS]:
                raised += alarm(alarms, at.PREDICTION, now, a, 0.0, residual / n)
                surprise = 0.0
            if dry >= limits[at.ARMS]:
                raised += alarm(alarms, at.FEEDBACK, now, a, rate, complete / n)
                dry = 0.0
            arms[at.SURPRISE, a], arms[at.DRY, a] = surprise, dry
        if not has_model:
            arms[at.MEAN, a] += residual / (known + n)
        arms[at.KNOWN_ACTS, a] += n
        arms[at.KNOWN_COMPLETE, a] += complete
        if arms[at.KNOWN_ACTS, a] >= ACTS_MOST:
            arms[at.KNOWN_ACTS, a] *= 0.5
            arms[at.KNOWN_COMPLETE, a] *= 0.5
        arms[at.PENDING, a] = arms[at.RESIDUAL, a] = arms[at.COMPLETE, a] = 0.0
    return raised


@kernel()
def judge_thin(head: Array, arms: Array, enabled: Array, alarms: Array) -> int:
    """Can anything be said about each enabled arm from this log?"""
    raised = 0
    offered = 0.0
    for a in range(arms.shape[1]):
        offered = max(offered, arms[at.OFFERED, a])
    for a in range(arms.shape[1]):
        if enabled[a] == 0.0 or offered < OFFERED_LEAST:
            continue
        number, squares = arms[at.OFFERED, a], arms[at.SQUARES, a]
        effective = arms[at.WEIGHT, a] * arms[at.WEIGHT, a] / squares if squares > 0.0 else 0.0
        if number < 1.0 or (number >= OFFERED_MANY and effective < EFFECTIVE_LEAST):
            raised += alarm(alarms, at.THIN, head[at.NOW], a, number, effective)
    return raised


@kernel()
def judge_levels(head: Array, limits: Array, arms: Array, alarms: Array) -> int:
    """Did the reward fall, or an arm's share of the decisions move, soon rather than slowly?"""
    raised, now, n, known = 0, head[at.NOW], head[at.TAKEN], head[at.KNOWN]
    watching = known >= KNOWN_LEAST
    rate = n / (known + n)
    mean = head[at.REWARDS] / n
    if watching:
        fallen = max(head[at.FALLEN], 0.0) + above((head[at.LEVEL] - TOLERATED_FALL) * n - head[at.REWARDS], n)
        if fallen >= limits[at.ONE]:
            raised += alarm(alarms, at.REWARD, now, 0.0, head[at.LEVEL], mean)
            fallen, head[at.LEVEL] = 0.0, mean
        head[at.FALLEN] = fallen
    head[at.LEVEL] += (mean - head[at.LEVEL]) * rate
    for a in range(arms.shape[1]):
        share = arms[at.EXPECTED, a] / n
        if watching:
            shift = max(arms[at.SHIFT, a], 0.0) + away(arms[at.EXPECTED, a] - arms[at.SHARE, a] * n, n, TOLERATED_SHIFT)
            if shift >= limits[at.ARMS]:
                raised += alarm(alarms, at.ARM_SHARE, now, a, arms[at.SHARE, a], share)
                shift, arms[at.SHARE, a] = 0.0, share
            arms[at.SHIFT, a] = shift
        arms[at.SHARE, a] += (share - arms[at.SHARE, a]) * rate
    head[at.KNOWN] = min(known + n, KNOWN_MOST)
    return raised


@kernel()
def find_scale(features: Array) -> None:
    """From sums of squared deviations to scales.  A constant feature's makes any other value a large z."""
    for j in range(features.shape[1]):
        deviation = np.sqrt(features[at.SCALE, j] / max(features[at.PRESENT, j], 1.0))
        features[at.SCALE, j] = 1.0 / max(deviation, 1e-6 * abs(features[at.CENTRE, j]), 1e-9)
        features[at.PRESENT, j] = features[at.Z, j] = features[at.ZZ, j] = 0.0


@kernel()
def judge_features(head: Array, limits: Array, features: Array, alarms: Array) -> int:
    """Are the features still distributed as in the reference?  If not, what follows is the next reference."""
    d, n = features.shape[1], head[at.TAKEN]
    if head[at.PHASE] == at.FINDING_SCALE:
        if head[at.SEEN] >= head[at.LENGTH]:
            find_scale(features)
            head[at.PHASE], head[at.SEEN] = at.FINDING_ENERGY, 0.0
        return 0
    if head[at.PHASE] == at.FINDING_ENERGY:
        if head[at.SEEN] >= head[at.LENGTH]:
            for j in range(d):
                features[at.ENERGY, j] = features[at.ZZ, j] / head[at.SEEN]
                features[at.Z, j] = features[at.ZZ, j] = features[at.MOVED, j] = 0.0
            head[at.PHASE] = at.WATCHING
        return 0
    worst, place = limits[at.FEATURES], -1
    for j in range(d):
        evidence = of_feature(features[at.Z, j], features[at.ZZ, j], n, features[at.ENERGY, j])
        features[at.MOVED, j] = max(features[at.MOVED, j], 0.0) + evidence
        if features[at.MOVED, j] >= worst:
            worst, place = features[at.MOVED, j], j
    if place < 0:
        for j in range(d):
            features[at.Z, j] = features[at.ZZ, j] = 0.0
        return 0
    unit, mean, square = 1.0 / features[at.SCALE, place], features[at.Z, place] / n, features[at.ZZ, place] / n
    if abs(mean) >= 0.5 * TOLERATED_MOVE and mean * mean >= 0.25 * square:
        centre = features[at.CENTRE, place]
        raised = alarm(alarms, at.FEATURE, head[at.NOW], 2 * place, centre, centre + mean * unit)
    else:
        before, after = np.sqrt(features[at.ENERGY, place]), np.sqrt(square)
        raised = alarm(alarms, at.FEATURE, head[at.NOW], 2 * place + 1, before * unit, after * unit)
    for field in range(at.FEATURE_FIELDS):
        for j in range(d):
            features[field, j] = 0.0
    head[at.PHASE], head[at.SEEN] = at.FINDING_SCALE, 0.0
    head[at.LENGTH] = min(2.0 * head[at.LENGTH], REFERENCE_MOST)
    return raised


@kernel()
def judge(
    head: Array,
    limits: Array,
    enabled: Array,
    arms: Array,
    bins: Array,
    features: Array,
    alarms: Array,
    has_model: bool,
) -> int:
    """Judge the stretch and forget its sums; how many alarms that raised."""
    begin_span(head, arms, bins)
    raised = judge_propensities(head, limits, arms, alarms)
    raised += judge_calibration(head, limits, bins, alarms)
    raised += judge_levels(head, limits, arms, alarms)
    raised += judge_arms(head, limits, arms, alarms, has_model)
    raised += judge_thin(head, arms, enabled, alarms)
    raised += judge_features(head, limits, features, alarms)
    head[at.TAKEN] = head[at.REWARDS] = head[at.SHARP] = head[at.SHARP_VARIANCE] = 0.0
    for a in range(arms.shape[1]):
        arms[at.CHOSEN, a] = arms[at.EXPECTED, a] = arms[at.VARIANCE, a] = 0.0
    return raised
