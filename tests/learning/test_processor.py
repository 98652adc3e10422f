"""The learner of one partition: a function of its outcomes log, however it is read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import wire
from schemas.domains import Arm, Component, DomainSpec, LearnerSpec
from schemas.errors import Reason
from schemas.events import Decision, Outcome, SpecChange
from stream_workers.learning.domain import DomainState
from stream_workers.learning.processor import LearnerProcessor, replay
from stream_workers.runtime.stage import MemoryState

TENANTS = ("acme", "other")


class Record:
    def __init__(self, offset, key, value):
        self.offset, self.timestamp, self.key, self.value = offset, 1000 + offset, key, value


def spec(tenant, *, arms=("a", "b"), weight=1.0):
    return DomainSpec(
        tenant,
        "model_routing",
        features=2,
        arms=tuple(Arm(name) for name in arms),
        reward={"quality": Component(weight=weight, required=True), "cost": Component(worst=1.0, best=0.0)},
        champion=LearnerSpec("learned", "doubly_robust"),
        challengers=(LearnerSpec("random", "uniform"),),
    )


def outcome(tenant, ordinal, rng, arms=("a", "b")):
    p = np.float32([0.25, 0.75])[: len(arms)]
    decision = Decision(
        f"d{ordinal}", tenant, "model_routing", arms, int(rng.integers(len(arms))), p.tobytes(), p.tobytes(),
        rng.normal(size=2).astype("<f4").tobytes(), "learned", 0, 0, 1000, (), ordinal,
    )  # fmt: skip
    return Outcome(ordinal, "complete", 0, 1, {"quality": float(rng.random()), "cost": 0.2}, ordinal, decision)


def log_of(seed, length=60):
    """A log of two tenants with changes of specification, repeated outcomes and bad records."""
    rng = np.random.default_rng(seed)
    records, ordinal, version = [], 0, 0
    for tenant in TENANTS:
        records.append((tenant, SpecChange(version, tenant, "model_routing", spec(tenant))))
        version += 1
    for _ in range(length):
        tenant = TENANTS[rng.integers(2)]
        draw = rng.random()
        if draw < 0.05:
            arms = (("a", "b"), ("b", "c"), ("a", "b", "c"))[rng.integers(3)]
            change = spec(tenant, arms=arms, weight=float(rng.integers(1, 4)))
            records.append((tenant, SpecChange(version, tenant, "model_routing", change)))
            version += 1
        elif draw < 0.1:
            records.append((tenant, b"\xc1 no event"))
        elif draw < 0.25 and ordinal:
            again = rng.integers(len(records))
            records.append(records[again])  # written again after a crash, or an older change announced again
        else:
            records.append((tenant, outcome(tenant, ordinal, rng)))
            ordinal += 1
    return [
        Record(offset, tenant.encode(), value if isinstance(value, bytes) else wire.encode(value))
        for offset, (tenant, value) in enumerate(records)
    ]


def ignore(*_):
    pass


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.data())
def test_state_is_a_function_of_the_log(seed, data):
    """Any batching, checkpoints and crashes (built anew from the last checkpoint) end with the replay's bytes."""
    records = log_of(seed)
    expected = replay(0, records, batch=7).items
    saved, position, state = {}, 0, MemoryState()
    processor = LearnerProcessor(0, state, ignore, ignore)
    at = 0
    while at < len(records):
        until = min(len(records), at + data.draw(st.integers(1, 25)))
        processor.apply("outcomes", records[at:until])
        at = until
        step = data.draw(st.sampled_from(["go on", "checkpoint", "crash"]))
        if step == "checkpoint":
            processor.flush()
            saved, position = dict(state.items), at
        elif step == "crash":
            state = MemoryState()
            state.items, at = dict(saved), position
            processor = LearnerProcessor(0, state, ignore, ignore)
    processor.flush()
    assert state.items == expected


def test_an_outcome_written_twice_is_learned_once():
    """Repetitions change nothing: the state of the domain is that of the log without them."""
    rng = np.random.default_rng(1)
    change = Record(0, b"acme", wire.encode(SpecChange(3, "acme", "model_routing", spec("acme"))))
    once = [Record(1 + i, b"acme", wire.encode(outcome("acme", i, rng))) for i in range(20)]
    twice = [change, *(record for record in once for _ in range(2))]
    key = b"domain/acme\0model_routing"
    assert replay(0, twice).items[key] == replay(0, [change, *once]).items[key]
    alone = DomainState(spec("acme"), 3)
    alone.learn([wire.decode("outcomes", record.value) for record in once])
    assert replay(0, twice).items[key] == alone.to_bytes()


def test_a_tenant_does_not_move_anothers_state():
    """What one tenant's domain learns has the same bytes whether the other tenant is there or not."""
    records = log_of(5, length=120)
    ours = [record for record in records if record.key == b"acme"]
    key = b"domain/acme\0model_routing"
    assert replay(0, records).items[key] == replay(0, ours).items[key]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ((b"acme", b"\xc1"), Reason.NOT_MESSAGEPACK),
        ((b"other", wire.encode(outcome("acme", 9, np.random.default_rng(0)))), Reason.WRONG_KEY),
        ((b"new", wire.encode(outcome("new", 9, np.random.default_rng(0)))), Reason.UNKNOWN_DOMAIN),
        ((b"other", wire.encode(SpecChange(9, "acme", "model_routing", spec("acme")))), Reason.WRONG_KEY),
        ((b"acme", wire.encode(SpecChange(9, "acme", "model_routing", spec("other", arms=("z",))))), Reason.INVALID),
        ((b"acme", wire.encode(SpecChange(9, "acme", "user_engagement", spec("acme")))), Reason.INVALID),
    ],
)
def test_what_cannot_be_learned_is_kept_and_the_rest_goes_on(record, reason):
    """A bad record between good ones is a dead letter; the good ones are learned as if it were not there."""
    rng = np.random.default_rng(2)
    change = Record(0, b"acme", wire.encode(SpecChange(0, "acme", "model_routing", spec("acme"))))
    good = [Record(2 + i, b"acme", wire.encode(outcome("acme", i, rng))) for i in range(5)]
    dead = []
    state = MemoryState()
    processor = LearnerProcessor(0, state, ignore, lambda topic, bad, error: dead.append((bad.offset, error.reason)))
    processor.apply("outcomes", [change, Record(1, *record), *good])
    processor.flush()
    assert dead == [(1, reason)]
    key = b"domain/acme\0model_routing"
    assert state.items[key] == replay(0, [change, *good]).items[key]


def test_a_removed_domain_is_forgotten_and_older_announcements_do_not_bring_it_back():
    """After a removal its outcomes are dead letters; the version before it, announced again, changes nothing."""
    rng = np.random.default_rng(3)
    first = wire.encode(SpecChange(1, "acme", "model_routing", spec("acme")))
    gone = wire.encode(SpecChange(2, "acme", "model_routing", None))
    later = wire.encode(SpecChange(3, "acme", "model_routing", spec("acme", arms=("b", "c"))))
    dead, state = [], MemoryState()
    processor = LearnerProcessor(0, state, ignore, lambda topic, bad, error: dead.append(error.reason))
    values = [first, wire.encode(outcome("acme", 0, rng)), gone, first, wire.encode(outcome("acme", 1, rng))]
    processor.apply("outcomes", [Record(i, b"acme", value) for i, value in enumerate(values)])
    processor.flush()
    assert dead == [Reason.UNKNOWN_DOMAIN]
    assert processor.domain("acme", "model_routing") is None
    processor.apply("outcomes", [Record(len(values), b"acme", later)])
    processor.flush()
    again = LearnerProcessor(0, state, ignore, ignore)
    assert [arm.name for arm in again.domain("acme", "model_routing").spec.arms] == ["b", "c"]
    assert again.applied == len(values) + 1
