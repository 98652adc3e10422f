"""What goes on and what begins anew under another specification, and what is told."""

import dataclasses

import numpy as np
import pytest

from stream_workers.honesty import checks
from stream_workers.honesty import layout as at
from stream_workers.honesty.checks import Parts, alarms_of, findings, limits_of, rearrange

from .streams import Plan, fresh, look, simulate

PLAN = Plan(n=9_000, K=3, d=2, P=2, gap_ms=20.0)
OLD = PLAN.subject


@pytest.fixture(scope="module")
def looked():
    """A vector after a whole log with every sum something, and alarms of every kind."""
    vector = fresh(OLD)
    look(vector, simulate(PLAN, 1), limits_of(OLD))
    Parts(vector, OLD).alarms[:, at.AT] = vector[at.NOW]
    return vector


def under(before, subject, **how):
    vector = np.zeros(subject.size)
    rearrange(before, OLD, vector, subject, **{"redefined": False, "same_champion": True, **how})
    return vector


def changed(**fields):
    return dataclasses.replace(OLD, **fields)


def test_the_same_specification_changes_nothing(looked):
    """The same subject, champion and reward: every bit goes on."""
    assert under(looked, changed()).tobytes() == looked.tobytes()


@pytest.mark.parametrize(
    ("fields", "how"),
    [
        ({"arms": ("a1", "new", "a0", "a2"), "enabled": (True,) * 4}, {}),
        ({"enabled": (True, False, True)}, {}),
        ({"policies": ("p1", "p0")}, {"same_champion": False}),
        ({"horizon_ms": 2_000}, {}),
        ({"exploration_minimum": 0.1}, {}),
        ({"features": 3}, {}),
        ({}, {"redefined": True}),
        ({}, {"same_champion": False}),
    ],
)
def test_tests_begin_anew(looked, fields, how):
    """Whatever changes of what they depend on: nothing that was decided before counts, and no level is used twice."""
    subject = changed(**fields)
    vector = under(looked, subject, **how)
    found, was = Parts(vector, subject), Parts(looked, OLD)
    assert found.head[at.BEGIN] == found.head[at.UNTIL] == found.head[at.TAKEN] == found.head[at.JUDGED] == 0
    assert found.head[at.NOW] == was.head[at.NOW]
    assert found.head[at.SPAN] == was.head[at.SPAN] + 1
    tested = [at.CHOSEN, at.EXPECTED, at.VARIANCE, at.PENDING, at.RESIDUAL, at.EXCESS, at.SPREAD, at.SURPRISE, at.DRY]
    assert not found.arms[[*tested, at.SHIFT, at.IDLE]].any()
    assert not found.bins.any()
    assert [each["kind"] for each in alarms_of(vector, subject)] == (["feature"] if subject.features == 2 else [])


def test_what_is_known_is_kept(looked):
    """Of arms by name, whatever their order; of features if there are as many; a redefined reward forgets rewards."""
    was = Parts(looked, OLD)
    subject = changed(arms=("a2", "new", "a0"))
    found = Parts(under(looked, subject), subject)
    for field in (at.KNOWN_ACTS, at.KNOWN_COMPLETE, at.WEIGHT, at.SQUARES, at.OFFERED):
        assert found.arms[field].tolist() == [was.arms[field, 2], 0.0, was.arms[field, 0]]
        assert was.arms[field].all()
    assert not found.arms[at.SHARE].any()  # other arms have other shares
    assert found.head[at.KNOWN] == found.head[at.LEVEL] == 0
    assert (found.features[: at.Z] == was.features[: at.Z]).all()
    again = Parts(under(looked, changed(horizon_ms=2_000)), OLD)
    assert again.arms[at.SHARE].tolist() == was.arms[at.SHARE].tolist()
    assert again.head[at.LEVEL] == was.head[at.LEVEL] > 0
    anew = Parts(under(looked, OLD, redefined=True), OLD)
    assert not anew.arms[[at.KNOWN_ACTS, at.KNOWN_COMPLETE, at.MEAN, at.SHARE]].any()
    assert anew.head[at.LEVEL] == 0
    other = changed(features=5)
    assert Parts(under(looked, other), other).head[at.LENGTH] == Parts(fresh(OLD), OLD).head[at.LENGTH]


def test_decisions_of_before_do_not_count():
    """After a change of arms, outcomes of decisions that were made up to a horizon later are not looked at."""
    vector = fresh(OLD)
    log = simulate(PLAN, 2)
    look(vector, log.rows(slice(0, 4_000)), limits_of(OLD))
    vector = under(vector, changed(enabled=(True, True, False)))
    look(vector, log.rows(slice(4_000, 4_001)), limits_of(OLD))
    assert vector[at.BEGIN] > vector[at.NOW] + OLD.horizon_ms
    look(vector, log.rows(slice(4_001, 4_200)), limits_of(OLD))
    begin = vector[at.BEGIN]
    assert vector[at.TAKEN] == (log.decided[4_001:4_200] >= begin).sum()


def test_what_is_told_of_a_new_domain():
    """Before anything was judged there are no numbers, and no alarms."""
    found = findings(fresh(OLD), OLD)
    assert found["judged"] == 0
    assert [each["arm"] for each in found["propensities"]] == ["a0", "a1", "a2", None]
    assert all(each["excess"] is None for each in found["propensities"])
    assert all(each["error"] is None and each["bins"] == [] for each in found["calibration"])
    assert alarms_of(fresh(OLD), OLD) == []


def test_numbers_that_are_told(looked):
    """They are means over what was judged, within their intervals; the calibration error is that of the bins."""
    found = findings(looked, OLD)
    assert found["judged"] > 3_000
    for each in (*found["propensities"], *found["calibration"]):
        middle = each["excess"] if "excess" in each else each["error"]
        assert -1 <= each["lower"] <= middle <= each["upper"] <= 1
    for each in found["calibration"]:
        assert sum(b["n"] for b in each["bins"]) == each["n"]
        assert each["error"] == pytest.approx(sum(b["n"] * abs(b["gap"]) for b in each["bins"]) / each["n"])
    assert sum(each["excess"] for each in found["propensities"][:3]) == pytest.approx(0, abs=1e-6)


def test_small():
    """A domain of 4 arms, 8 features and 2 policies takes less than 2 KB; one more arm 152 bytes."""
    size = 8 * Plan().subject.size
    assert size < 2_048
    assert 8 * Plan(K=5).subject.size - size == 8 * at.ARM_FIELDS == 152
    assert checks.limits_of(OLD).shape == (at.LIMITS + 3,)
