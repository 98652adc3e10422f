"""The checks in a partition's learner: which domains have alarms, however they learn and wherever their state is."""

import msgspec
import numpy as np
import pytest

from schemas import wire
from schemas.domains import Arm, Component, DomainSpec, LearnerSpec
from schemas.events import Decision, Outcome, SpecChange
from stream_workers.learning.processor import LearnerProcessor
from stream_workers.runtime.stage import MemoryState

from .test_columns import OneByOne, Record

HONEST, WRONG = ("honest", "routing"), ("wrong", "routing")


def spec(tenant, arms=("a", "b")):
    return DomainSpec(
        tenant,
        "routing",
        1,
        tuple(map(Arm, arms)),
        {"quality": Component(required=True)},
        LearnerSpec("learned", "doubly_robust"),
        (LearnerSpec("random", "uniform"),),
        horizon_ms=1_000,
    )


def log(n=1_200):
    """Two tenants' declarations and outcomes.  Both log propensities of 0.8 and 0.2; one draws from 0.5 and 0.5."""
    rng = np.random.default_rng(1)
    events = [(name, SpecChange(0, name, "routing", spec(name))) for name, _ in (HONEST, WRONG)]
    p = np.array([0.8, 0.2], "<f4").tobytes()
    for ordinal in range(n):
        tenant, share = (("honest", 0.2), ("wrong", 0.5))[ordinal % 2]
        decision = Decision(
            f"d{ordinal}", tenant, "routing", ("a", "b"), int(rng.random() < share), p, p,
            rng.normal(size=1).astype("<f4").tobytes(), "learned", 0, 0, 1000, ("quality",), ordinal,
        )  # fmt: skip
        at = 1_000_000 + 50 * ordinal
        observed = {"quality": float(rng.random() < 0.5)}
        ended = ("complete", at + 10, observed) if ordinal % 9 else ("horizon", at + 1_000, {})
        events.append((tenant, Outcome(ordinal, ended[0], at, ended[1], ended[2], ordinal, decision)))
    events[2:] = sorted(events[2:], key=lambda each: each[1].ended_at_ms)
    return [Record(offset, tenant.encode(), wire.encode(event)) for offset, (tenant, event) in enumerate(events)]


def learner_of(kind=LearnerProcessor, state=None, **settings):
    return kind(0, state or MemoryState(), lambda *_: None, lambda *_: None, **settings)


@pytest.mark.parametrize("kind", [LearnerProcessor, OneByOne])
@pytest.mark.parametrize("cached", [10**9, 0])
def test_who_has_alarms(kind, cached):
    """The domain with wrong propensities and no other, by columns or one by one, in memory or put out of it."""
    learner = learner_of(kind, cached_bytes=cached)
    records = log()
    for at in range(0, len(records), 100):
        learner.apply("outcomes", records[at : at + 100])
        learner.flush()
    assert (learner.loaded(*WRONG) is None) == (cached == 0)
    assert learner.alarms().keys() == {WRONG}
    (alarm,) = learner.alarms()[WRONG]
    assert alarm["kind"] == "propensity"
    assert alarm["expected"] == pytest.approx(0.8 if alarm["arm"] == "a" else 0.2)
    assert abs(alarm["found"] - 0.5) < 0.15
    assert learner.domain(*WRONG).report()["alarms"] == [alarm]
    excess = {each["arm"]: each for each in learner.domain(*WRONG).report()["checks"]["propensities"]}
    assert excess["b"]["lower"] > 0.0
    honest = learner.domain(*HONEST).report()
    assert honest["alarms"] == []
    assert honest["checks"]["judged"] > 200
    assert all(each["lower"] <= 0 <= each["upper"] for each in honest["checks"]["propensities"])


def test_after_a_restart():
    """Alarms are in the state: they are told again as soon as their domain is in memory."""
    state = MemoryState()
    first = learner_of(state=state)
    first.apply("outcomes", log())
    first.flush()
    second = learner_of(state=state)
    assert second.alarms() == {}
    assert second.domain(*WRONG).alarms() == first.alarms()[WRONG]
    assert second.alarms() == first.alarms()


@pytest.mark.parametrize("change", [None, spec("wrong", ("a", "c", "b"))])
def test_specifications_end_alarms(change):
    """A domain that is removed has none, nor one whose arms changed; a price changes nothing."""
    learner = learner_of()
    records = log()
    learner.apply("outcomes", records)
    before = learner.alarms()
    dearer = msgspec.structs.replace(spec("wrong"), arms=(Arm("a", 0.5), Arm("b")))
    for version, event, there in ((1, dearer, True), (2, change, False)):
        value = wire.encode(SpecChange(version, "wrong", "routing", event))
        learner.apply("outcomes", [Record(len(records) + version, b"wrong", value)])
        assert learner.alarms() == (before if there else {})
