"""Where everything is in a domain's vector of checks: float64, for P policies, K arms and d features.

HEAD numbers, then (ARM_FIELDS, K), (P, BIN_FIELDS, BINS), (FEATURE_FIELDS, d) and (KINDS, ALARM_FIELDS).
"""

from typing import Final

# Of the domain.
NOW: Final = 0  # ms: the latest end of an outcome so far
BEGIN: Final = 1  # ms: decisions since then are in the stretch; 0: nothing seen yet
UNTIL: Final = 2  # ms: decisions up to then; 0: not decided yet
TAKEN: Final = 3  # outcomes in the stretch
REWARDS: Final = 4  # sum of their rewards
SHARP: Final = 5  # sum of the chosen arm's propensity less what is expected of it
SHARP_VARIANCE: Final = 6
SPAN: Final = 7  # how often the tests of the log's propensities and of calibration have begun anew
JUDGED: Final = 8  # outcomes judged since they did
RESTART: Final = 9  # 1: they begin anew with the next stretch
SHARP_EXCESS: Final = 10  # SHARP and SHARP_VARIANCE of all stretches since they did
SHARP_SPREAD: Final = 11
KNOWN: Final = 12  # weight of the running means of reward and shares
LEVEL: Final = 13  # running mean of reward
FALLEN: Final = 14  # evidence that it fell
PHASE: Final = 15  # of the features: FINDING_SCALE, FINDING_ENERGY, WATCHING
LENGTH: Final = 16  # outcomes of a reference
SEEN: Final = 17  # outcomes of this phase so far
DECIDED: Final = 18  # ms: the latest decision of an outcome so far
LAPSED: Final = 19  # ms: the latest one that ended with its horizon
QUIET: Final = 20  # outcomes since the last that ended with its horizon
HEAD: Final = 21

FINDING_SCALE, FINDING_ENERGY, WATCHING = 0.0, 1.0, 2.0

# Of each arm: of the stretch,
CHOSEN: Final = 0  # how often it acted
EXPECTED: Final = 1  # sum of its propensities
VARIANCE: Final = 2  # sum of p (1 - p)
# since it was last judged (a stretch, or more where it acted seldom),
PENDING: Final = 3  # how often it acted
COMPLETE: Final = 4  # how often all its required feedback came
RESIDUAL: Final = 5  # sum of reward less prediction
# since the test began,
EXCESS: Final = 6  # sum of CHOSEN - EXPECTED
SPREAD: Final = 7  # sum of VARIANCE
# and running.
KNOWN_ACTS: Final = 8  # how often it acted; halved now and then, with KNOWN_COMPLETE
KNOWN_COMPLETE: Final = 9
MEAN: Final = 10  # of its rewards, where the champion predicts nothing
SURPRISE: Final = 11  # evidence that predictions are off
DRY: Final = 12  # evidence that feedback comes more seldom
SHARE: Final = 13  # running mean of its propensity
SHIFT: Final = 14  # evidence that it moved
IDLE: Final = 15  # how often it should have acted since it last did
WEIGHT: Final = 16  # sum of 1 / p over its acts; halved now and then, with the two that follow
SQUARES: Final = 17  # sum of 1 / p^2
OFFERED: Final = 18  # outcomes in which it was eligible
ARM_FIELDS: Final = 19

# Of each policy and bin of its predictions: of the stretch, then since the test began.
NUMBER: Final = 0
GAP: Final = 1  # sum of reward less prediction
ALL_NUMBER: Final = 2
ALL_GAP: Final = 3
BIN_FIELDS: Final = 4
BINS: Final = 5  # of [0, 1], equally wide

# Of each feature.
CENTRE: Final = 0  # mean in the reference
SCALE: Final = 1  # while FINDING_SCALE: sum of squared deviations; then 1 / standard deviation
PRESENT: Final = 2  # while FINDING_SCALE: in how many outcomes it was not missing; then
ENERGY: Final = 2  # mean of z^2 in the second half of the reference, z = (x - CENTRE) SCALE, clipped
Z: Final = 3  # sum of z in the stretch
ZZ: Final = 4  # sum of z^2
MOVED: Final = 5  # evidence that either is another
FEATURE_FIELDS: Final = 6

# Of each kind of alarm, the last one.
AT: Final = 0  # ms; 0: never
PLACE: Final = 1  # which arm, feature, or policy and bin
BEFORE: Final = 2  # what was expected
AFTER: Final = 3  # what was found
ALARM_FIELDS: Final = 4

PROPENSITY: Final = 0
FLOOR: Final = 1
CALIBRATION: Final = 2
REWARD: Final = 3
PREDICTION: Final = 4
FEATURE: Final = 5
ARM_SHARE: Final = 6
FEEDBACK: Final = 7
STARVING: Final = 8
THIN: Final = 9
#: Their names, in this order.
KINDS: Final = (
    "propensity", "floor", "calibration", "reward", "prediction", "feature", "share", "feedback", "starving", "thin"
)  # fmt: skip

# Of a specification: what the checks take from it.
WAIT: Final = 0  # ms after a decision by which its outcome is certainly known
MINIMUM: Final = 1  # exploration_minimum
AUDIT: Final = 2  # log of the evidence at which an alarm is raised: of propensities,
CALIBRATED: Final = 3  # calibration,
ARMS: Final = 4  # one of K arms,
FEATURES: Final = 5  # one of d features,
ONE: Final = 6  # and the domain
LIMITS: Final = 7  # then (K,): 1 where an arm is enabled


def size(policies: int, arms: int, features: int) -> int:
    """Numbers of the whole vector."""
    return (
        HEAD + ARM_FIELDS * arms + BIN_FIELDS * BINS * policies + FEATURE_FIELDS * features + ALARM_FIELDS * len(KINDS)
    )
