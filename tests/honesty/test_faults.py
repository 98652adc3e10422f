"""Faults that are put into a stream are found, and called by their names; how soon is measured."""

import numpy as np
import pytest

from stream_workers.honesty.checks import alarms_of, limits_of

from .streams import Plan, fresh, kinds, look, simulate

START = 10_000
ARM, FEATURE = 2, 3


def late(change):
    return lambda it, number: np.where((number >= START)[:, None], change(it), it)


def normed(p):
    return p / p.sum(1, keepdims=True)


def arm_only(change):
    return late(lambda it: np.where(np.arange(it.shape[1]) == ARM, change(it), it))


def feature_only(change):
    return late(lambda it: np.where(np.arange(it.shape[1]) == FEATURE, change(it), it))


#: Name: (what is done, kinds that must be told, kinds that may be, what one of the first is about, within outcomes).
#: The last is half as much again as the latest of 20 streams; half of the decisions are in no stretch.
FAULTS = {
    "draws twice as sharp": ({"draw": late(lambda p: normed(p**2))}, {"propensity"}, set(), {}, 4_500),
    "draws uniformly": ({"draw": late(lambda p: np.full_like(p, 0.25))}, {"propensity"}, set(), {"arm": None}, 2_600),
    "explores twice as much": (
        {"draw": late(lambda p: 0.8 * p + 0.05), "concentration": 0.2}, {"propensity"}, set(), {"arm": None}, 5_000,
    ),
    "an arm is favoured by half": (
        {"draw": late(lambda p: normed(p * np.where(np.arange(4) == ARM, 1.7, 1.0)))},
        {"propensity"}, set(), {"arm": "a2"}, 8_000,
    ),
    "an arm is never chosen": (
        {"draw": late(lambda p: normed(p * (np.arange(4) != ARM)))},
        {"propensity", "starving"}, set(), {"arm": "a2"}, 3_000,
    ),
    "logs what is below the floor": (
        {"shown": late(lambda p: normed(np.where(np.arange(4) == ARM, 1e-4, p)))},
        {"floor", "propensity"}, {"thin", "share"}, {"arm": "a2", "kind": "floor"}, 2_300,
    ),
    "rewards halve": (
        {"means": late(lambda m: 0.3 * m)}, {"prediction", "reward"}, {"calibration"}, {"kind": "reward"}, 2_600,
    ),
    "an arm breaks": (
        {"means": arm_only(lambda m: 0.2 * m)}, {"prediction"}, {"calibration"}, {"arm": "a2"}, 3_200,
    ),
    "a feature in other units": (
        {"features": feature_only(lambda x: 100 * x)}, {"feature"}, set(), {"feature": 3, "of": "spread"}, 400,
    ),
    "a feature is missing": (
        {"features": feature_only(lambda x: 0 * x)}, {"feature"}, set(), {"feature": 3, "of": "spread"}, 3_500,
    ),
    "a feature stays away": (
        {"features": feature_only(lambda x: np.nan * x)}, {"feature"}, set(), {"feature": 3, "of": "spread"}, 3_500,
    ),
    "a feature moves": (
        {"features": feature_only(lambda x: x + 1.5)}, {"feature"}, set(), {"feature": 3, "of": "mean"}, 1_400,
    ),
    "an arm's feedback stops": (
        {"feedback": arm_only(lambda f: 0.05 + 0 * f)}, {"feedback"}, set(), {"arm": "a2"}, 1_700,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_and_named(name):
    """In each of 20 streams, within as many outcomes after its begin as is written there: all kinds of alarms that it
    deserves, no other, and about the right thing; before it there is none."""
    fault, must, may, about, within = FAULTS[name]
    plan = Plan(n=START + within, gap_ms=20.0, **fault)
    limits = limits_of(plan.subject)
    for seed in range(20):
        log, vector = simulate(plan, seed), fresh(plan.subject)
        look(vector, log.rows(slice(0, START - 200)), limits)
        assert kinds(vector) == set()
        look(vector, log.rows(slice(START - 200, None)), limits)
        told = alarms_of(vector, plan.subject)
        assert must <= {each["kind"] for each in told} <= must | may
        assert any(about.items() <= each.items() for each in told)
        assert all(each["at_ms"] > 1e6 + START * plan.gap_ms for each in told)


def test_a_share_that_moves():
    """A policy that turns to another arm from one moment to the next is told of; one that does it slowly is not."""
    for sudden in (True, False):

        def turned(p, number, sudden=sudden):
            weight = np.clip((number - START) / (1 if sudden else 100_000), 0, 1)[:, None]
            return p * (1 - weight) + weight * np.array([0.05, 0.05, 0.85, 0.05])

        plan = Plan(n=START + 4_000, gap_ms=20.0, shown=turned, draw=turned)
        log, vector = simulate(plan, 1), fresh(plan.subject)
        look(vector, log, limits_of(plan.subject))
        assert kinds(vector) == ({"share"} if sudden else set())
        if sudden:
            (told,) = alarms_of(vector, plan.subject)
            assert told["arm"] == "a2"
            assert told["expected"] == pytest.approx(0.25, abs=0.05)


def test_a_fault_of_the_past_is_told_for_a_day():
    """An alarm is told for a day after it was raised, by the log's time."""
    plan = Plan(n=START + 2_000, gap_ms=20.0, **FAULTS["a feature in other units"][0])
    log, vector = simulate(plan, 1), fresh(plan.subject)
    look(vector, log, limits_of(plan.subject))
    (told,) = alarms_of(vector, plan.subject)
    last = log.rows(slice(len(log.chosen) - 1, None))
    for hours, there in ((23, True), (25, False)):
        last.ended = np.array([told["at_ms"] + hours * 3_600_000.0])
        look(vector, last, limits_of(plan.subject))
        assert bool(alarms_of(vector, plan.subject)) == there


def test_a_champion_without_estimates():
    """Where the champion predicts nothing an arm that breaks is told of all the same, against its mean reward."""
    plan = Plan(n=START + 3_000, gap_ms=20.0, **FAULTS["an arm breaks"][0])
    log, vector = simulate(plan, 1), fresh(plan.subject)
    log.predicted[:] = np.nan
    look(vector, log, limits_of(plan.subject), has_model=False)
    assert [(each["kind"], each["arm"]) for each in alarms_of(vector, plan.subject)] == [("prediction", "a2")]
