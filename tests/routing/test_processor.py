"""The router of one partition: every context a decision or a dead letter, and every decision repeatable."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import wire
from schemas.domains import Arm, Component, DomainSpec, LearnerSpec
from schemas.errors import Reason
from schemas.events import Context, Decision, SpecChange
from stream_workers.bandits.randomness import draws
from stream_workers.learning.processor import LearnerProcessor
from stream_workers.routing.processor import RouterProcessor
from stream_workers.runtime.stage import MemoryState

ARMS = ("a", "b", "c", "off")
FLOOR = 0.3


class Record:
    def __init__(self, offset, value, key=b"acme"):
        self.offset, self.timestamp, self.key = offset, 1000 + offset, key
        self.value = value if isinstance(value, bytes) or value is None else wire.encode(value)


class Router:
    """A router with its learner, and what came out."""

    def __init__(self):
        self.decisions, self.dead = [], []
        learner = LearnerProcessor(0, MemoryState(), lambda *_: None, lambda *_: None)
        spec = DomainSpec(
            "acme", "model_routing", 3, tuple(Arm(name, enabled=name != "off") for name in ARMS),
            {"quality": Component(required=True), "cost": Component()}, LearnerSpec("learned", "doubly_robust"),
            exploration_minimum=FLOOR, horizon_ms=5000, ends="required",
        )  # fmt: skip
        learner.apply("outcomes", [Record(0, SpecChange(7, "acme", "model_routing", spec))])
        self.processor = RouterProcessor(0, self.emit, self.keep, learner)

    def emit(self, topic, key, value):
        assert (topic, key) == ("decisions", b"acme")
        self.decisions.append(wire.decode("decisions", value))

    def keep(self, topic, record, error):
        self.dead.append((record.offset, error.reason))

    def apply(self, *records):
        self.processor.apply("contexts", records)
        return self


def context(number, features=(0.1, -2.0, 3.0), eligible=None, **fields):
    given = {"id": f"c{number}", "tenant": "acme", "domain": "model_routing", **fields}
    return Context(features=np.asarray(features, "<f4").tobytes(), eligible=eligible, **given)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.floats(-1e6, 1e6, width=32), min_size=3, max_size=3),
            st.none() | st.lists(st.sampled_from(ARMS[:3]), min_size=1, max_size=3, unique=True).map(tuple),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_every_decision_has_its_propensities_and_can_be_repeated(contexts):
    """Eligible arms only, none below the floor, summing to 1; the arm is the one the id's draw picks from exactly the
    probabilities in the record; deciding one by one or all at once gives the same choices."""
    records = [Record(i, context(i, features, eligible)) for i, (features, eligible) in enumerate(contexts)]
    together = {each.id: each for each in Router().apply(*records).decisions}
    assert set(together) == {f"c{i}" for i in range(len(contexts))}
    alone = Router()
    for record in records:
        alone.apply(record)
    for i, (features, eligible) in enumerate(contexts):
        decision = together[f"c{i}"]
        p = np.frombuffer(decision.propensities, "<f4").astype(float)
        assert set(decision.arms) == set(eligible or ARMS[:3])
        assert math.isclose(p.sum(), 1.0, abs_tol=1e-6)
        assert p.min() >= FLOOR / len(p) - 1e-6
        draw = draws([decision.id], "acme/model_routing")[0]
        assert decision.choice == min(int(np.searchsorted(np.cumsum(p), draw, side="right")), len(p) - 1)
        assert decision.features == np.asarray(features, "<f4").tobytes()
        assert len(decision.scores) == len(decision.propensities)
        assert (decision.policy, decision.spec, decision.learned) == ("learned", 7, 1)
        assert (decision.horizon_ms, decision.awaited, decision.context_offset) == (5000, ("quality",), i)
    assert {each.id: each.arm for each in alone.decisions} == {name: each.arm for name, each in together.items()}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (Record(1, b"\x01"), Reason.UNKNOWN_TYPE),
        (Record(1, None), Reason.INVALID),
        (Record(1, ["context.2", "x"]), Reason.UNKNOWN_VERSION),
        (Record(1, bytes(100_000)), Reason.TOO_LARGE),
        (Record(1, context(1), key=b"other"), Reason.WRONG_KEY),
        (Record(1, context(1, tenant="other"), key=b"other"), Reason.UNKNOWN_DOMAIN),
        (Record(1, context(1, domain="other")), Reason.UNKNOWN_DOMAIN),
        (Record(1, context(1, features=(1.0, 2.0))), Reason.FEATURES_LENGTH),
        (Record(1, context(1, features=(1.0, math.nan, 2.0))), Reason.FEATURES_NOT_FINITE),
        (Record(1, context(1, features=(1.0, 2.0, -math.inf), eligible=("a",))), Reason.FEATURES_NOT_FINITE),
        (Record(1, context(1, eligible=("a", "no-arm"))), Reason.UNKNOWN_ARM),
        (Record(1, context(1, eligible=("off",))), Reason.NO_ELIGIBLE_ARM),
        (Record(1, context(1, eligible=("a",), restrictions={"no-arm": "unhealthy"})), Reason.UNKNOWN_ARM),
        (Record(1, context(1, eligible=("a",), restrictions={"a": "unhealthy"})), Reason.INVALID),
        (Record(1, context(1, restrictions={"a": "unhealthy"})), Reason.INVALID),
        (Record(1, context(1, eligible=("a",), restrictions={"b": ""})), Reason.INVALID),
    ],
)
def test_a_bad_context_is_kept_and_its_neighbours_are_decided(bad, reason):
    """Between two good contexts: one dead letter with the reason, and two decisions as if it were not there."""
    router = Router().apply(Record(0, context(0)), bad, Record(2, context(2)))
    assert router.dead == [(1, reason)]
    assert sorted(each.id for each in router.decisions) == ["c0", "c2"]
    assert all(isinstance(each, Decision) for each in router.decisions)


@pytest.mark.parametrize("eligible", [("a", "c"), None])
def test_restrictions_are_kept_with_the_decision(eligible):
    """Why arms were not eligible changes no choice, and stands in the record; an empty map is one, too."""
    reasons = {"off": "disabled"} if eligible is None else {"b": "unhealthy", "off": "disabled"}
    (made,) = Router().apply(Record(0, context(0, eligible=eligible, restrictions=reasons))).decisions
    assert made.restrictions == reasons
    (plain,) = Router().apply(Record(0, context(0, eligible=eligible))).decisions
    assert plain == msgspec.structs.replace(made, restrictions=None)
    (empty,) = Router().apply(Record(0, context(0, eligible=eligible, restrictions={}))).decisions
    assert empty == msgspec.structs.replace(made, restrictions={})


def test_a_changed_specification_is_in_force_for_the_next_context():
    """The router holds on to nothing of a domain that has changed."""
    router = Router().apply(Record(0, context(0)))
    changed = DomainSpec(
        "acme", "model_routing", 1, (Arm("x"), Arm("y")), {"quality": Component()}, LearnerSpec("random", "uniform")
    )
    router.processor._learner.apply("outcomes", [Record(1, SpecChange(8, "acme", "model_routing", changed))])
    router.apply(Record(1, context(1)), Record(2, context(2, features=(0.5,))))
    assert router.dead == [(1, Reason.FEATURES_LENGTH)]
    assert (router.decisions[-1].arms, router.decisions[-1].spec) == (("x", "y"), 8)
