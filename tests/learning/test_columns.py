"""Outcomes learned as columns, many domains in one call: the bytes of learning them one by one."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import wire
from schemas.domains import Arm, Budget, Component, DomainSpec, Input, LearnerSpec, Quality
from schemas.errors import BadRecordError
from schemas.events import Decision, Outcome, SpecChange
from stream_workers.learning import domain, many, processor, reading
from stream_workers.learning.processor import LearnerProcessor
from stream_workers.learning.reward import reward_of
from stream_workers.runtime.stage import MemoryState

replace = msgspec.structs.replace
HORIZON_MS = 100  # so that the checks judge what there is


class Record:
    def __init__(self, offset, key, value):
        self.offset, self.timestamp, self.key, self.value = offset, 1000 + offset, key, value


LEARNERS = (
    LearnerSpec("learned", "doubly_robust"),
    LearnerSpec("narrow", "doubly_robust", {"width": 3, "bonus": 0.0}),
    LearnerSpec("random", "uniform"),
    LearnerSpec("first", "fixed", {"arm": "a0"}),
)
#: With one that only the path of single records knows.
WITH_OTHERS = (*LEARNERS, LearnerSpec("tree", "offset_tree"))
COMPONENTS = {
    "quality": Component(weight=2.0, required=True),
    "cost": Component(worst=1.0, best=0.0),
    "latency_ms": Component(weight=0.3, worst=900.0, best=100.0),
    "thumbs": Component(worst=0.5, best=0.5),
}


def spec_of(rng, tenant, learners=LEARNERS):
    """A domain of any shape, as its outcomes need it."""
    order = rng.permutation(len(learners))[: rng.integers(1, 4)]
    parts = [list(COMPONENTS)[i] for i in rng.permutation(len(COMPONENTS))[: rng.integers(1, 5)]]
    return DomainSpec(
        tenant,
        "routing",
        int(rng.integers(0, 7)),
        tuple(Arm(f"a{a}", float(rng.random()), bool(a == 0 or rng.random() < 0.8)) for a in range(rng.integers(1, 6))),
        {name: COMPONENTS[name] for name in parts},
        learners[order[0]],
        tuple(learners[i] for i in order[1:]),
        default_reward=float(rng.choice([0.0, 0.3])),
        forgetting=float(rng.choice([1.0, 0.99])),
        horizon_ms=HORIZON_MS,
        budget=Budget(0.4) if rng.random() < 0.5 else None,
        inputs=(Input("routing", "recent_reward"),) if rng.random() < 0.4 else (),
        quality=Quality(0.9) if rng.random() < 0.4 else None,
        missing=("refuse", "mean")[rng.integers(2)],
    )


def outcome_of(rng, spec, ordinal):
    """An outcome of any of its arms; now and then one that the path of columns must leave alone, or nobody can use."""
    names = tuple(arm.name for arm in spec.arms)
    here = tuple(names[i] for i in rng.permutation(len(names))[: rng.integers(1, len(names) + 1)])
    p = rng.dirichlet(np.ones(len(here))).astype("<f4")
    odd = rng.random()
    observations = {
        name: float(rng.random() * 1000 if name == "latency_ms" else rng.random())
        for name in (*COMPONENTS, "comment")
        if rng.random() < 0.8
    }
    decision = Decision(
        f"d{ordinal}", spec.tenant, spec.domain, here, int(rng.integers(len(here))), p.tobytes(), p.tobytes(),
        rng.normal(size=spec.width).astype("<f4").tobytes(), "learned", 0, 0, 1000, ("quality",), ordinal,
    )  # fmt: skip
    if odd < 0.02:
        decision = replace(decision, id="d\u00e9j\u00e0")
    elif odd < 0.04:
        decision = replace(decision, arms=("gone", *here[1:]))
    elif odd < 0.05:
        decision = replace(decision, propensities=(p * 2).tobytes())
    elif odd < 0.06:
        decision = replace(decision, choice=len(here))
    elif odd < 0.07:
        observations["quality"] = float("nan")
    elif odd < 0.08:
        decision = replace(decision, features=decision.features + b"....")
    elif odd < 0.09 and spec.width:
        decision = replace(decision, features=np.full(spec.width, np.inf, "<f4").tobytes())
    elif odd < 0.10:
        decision = replace(decision, domain="unknown")
    elif odd < 0.11 and spec.width:
        decision = replace(decision, features=np.full(spec.width, np.nan, "<f4").tobytes())
    elif odd < 0.115:
        observations["unfollowed"] = float(rng.choice([0.0, 1.0, 1.0, 0.5, -1.0]))
    elif odd < 0.12:
        observations["quality"] = 1  # an integer is a number, too
    elif odd < 0.13:
        observations["quality"] = "good"
    elif odd < 0.4:
        units, ids, chains = (None, "u-5a1f", "v" * 65), (None, "d1", ""), (None, 0.5, 1, 0.0, 1.5)
        decision = replace(
            decision,
            unit=units[rng.choice(3, p=(0.3, 0.65, 0.05))],
            after=ids[rng.choice(3, p=(0.5, 0.45, 0.05))],
            chain=chains[rng.choice(5, p=(0.5, 0.4, 0.04, 0.03, 0.03))],
        )
    elif odd < 0.5:
        reasons = (None, {}, {"a1": "unhealthy", "gone": "budget"}, {"\u00fc": "disabled"}, {"a0": ""})
        decision = replace(decision, restrictions=reasons[rng.choice(5, p=(0.1, 0.1, 0.7, 0.05, 0.05))])
    decided = 1_000_000 + 100 * ordinal
    return Outcome(
        ordinal, ("complete", "horizon")[rng.integers(2)], decided, decided + int(rng.integers(HORIZON_MS)),
        observations, ordinal, decision,
    )  # fmt: skip


def log_of(seed, domains, length, learners=LEARNERS, *, looking=False):
    """Declarations, outcomes, repetitions, changes of specification and removals.

    looking: another domain of each tenant sees what these earn.
    """
    rng = np.random.default_rng(seed)
    specs = [spec_of(rng, f"t{i}", learners) for i in range(domains)]
    events = [(spec.tenant, wire.encode(SpecChange(i, spec.tenant, "routing", spec))) for i, spec in enumerate(specs)]
    if looking:
        for spec in list(specs):
            seeing = replace(spec, domain="seeing", inputs=(Input("routing", "recent_reward"),))
            events.append((spec.tenant, wire.encode(SpecChange(0, spec.tenant, "seeing", seeing))))
    version = domains
    for ordinal in range(length):
        which = rng.integers(domains)
        spec, draw = specs[which], rng.random()
        if draw < 0.02:
            removed = rng.random() < 0.2
            if not removed:
                specs[which] = spec_of(rng, spec.tenant, learners)
            change = SpecChange(version, spec.tenant, "routing", None if removed else specs[which])
            events.append((spec.tenant, wire.encode(change)))
            version += 1
        elif draw < 0.08:
            events.append(events[rng.integers(len(events))])
        value = wire.encode(outcome_of(rng, spec, ordinal))
        if rng.random() < 0.2:
            value = before(value, FIELDS_BEFORE[rng.integers(2)])
        events.append((spec.tenant if rng.random() < 0.99 else "other", value))
        if rng.random() < 0.01:
            events.append((spec.tenant, value[: rng.integers(len(value))]))
    return [Record(offset, tenant.encode(), value) for offset, (tenant, value) in enumerate(events)]


#: Of a decision's array: without units, and without restrictions.
FIELDS_BEFORE = (15, 18)


def before(value, fields):
    """An outcome as it was written when decisions had so many fields."""
    *outcome, decision = msgspec.msgpack.decode(value)
    return msgspec.msgpack.encode([*outcome, decision[:fields]])


class OneByOne(LearnerProcessor):
    """The definition."""

    def apply(self, topic, records):
        self._single(topic, records)
        self.applied = records[-1].offset + 1


def run(kind, records, batch, checkpoint, **settings):
    """State and dead letters after these records."""
    state, dead = MemoryState(), []
    learner = kind(
        0, state, lambda *_: None, lambda _, record, error: dead.append((record.offset, str(error))), **settings
    )
    for number, at in enumerate(range(0, len(records), batch)):
        learner.apply("outcomes", records[at : at + batch])
        if number % checkpoint == 0:
            learner.flush()
    learner.flush()
    return state.items, sorted(dead)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32),
    st.integers(1, 8),
    st.integers(1, 120),
    st.integers(1, 5),
    st.sampled_from([0, 12_000, 10**9]),
    st.sampled_from([LEARNERS, WITH_OTHERS]),
)
def test_the_bytes_of_one_by_one(seed, domains, batch, checkpoint, cached, learners):
    """Any log, batches, checkpoints and bound of memory: the state's bytes and the dead letters of the definition."""
    records = log_of(seed, domains, 200, learners)
    expected = run(OneByOne, records, 50, 10**9)
    assert run(LearnerProcessor, records, batch, checkpoint, cached_bytes=cached) == expected


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32), st.integers(1, 4), st.floats(0.01, 0.9), st.sampled_from([LearnerProcessor, OneByOne]),
    st.sampled_from([LEARNERS, WITH_OTHERS]),
)  # fmt: skip
def test_what_nobody_followed_teaches_nothing(seed, domains, share, kind, learners):
    """A log with outcomes that were not followed, anywhere in it, leaves the state of the log without them, but for
    their ordinals and counts: policies, values, checks, budgets, and what other domains see."""
    rng = np.random.default_rng(seed)
    records = log_of(seed, domains, 120, learners, looking=True)
    mixed, inserted = [], 0
    for record in records:
        mixed.append(record)
        if rng.random() < share:
            spec = spec_in_force(mixed, record.key)
            if spec is None:
                continue
            extra = outcome_of(rng, spec, 10**6 + inserted)
            if extra.decision.domain != "routing":
                continue
            extra = replace(extra, observations={**extra.observations, "unfollowed": float(rng.choice([1.0, 0.5]))})
            mixed.append(Record(0, record.key, wire.encode(extra)))
            inserted += 1
    mixed = [Record(offset, each.key, each.value) for offset, each in enumerate(mixed)]
    found, dead = run(kind, mixed, 40, 2)
    expected, _ = run(kind, records, 40, 2)
    unfollowed = sum(content(value).counts["unfollowed"] for key, value in found.items() if key.startswith(b"domain/"))
    assert unfollowed > 0 or inserted < 5 or len(dead) > 0
    for items in (found, expected):
        for key in [key for key in items if key.startswith(b"\x01ordinals") or key == b"applied"]:
            del items[key]
        for key in [key for key in items if key.startswith(b"domain/")]:
            items[key] = without_counts(items[key])
    assert found == expected


def spec_in_force(records, tenant):
    """The tenant's specification at the end of these records."""
    spec, version = None, -1
    for record in records:
        if record.key == tenant and b"spec.1" in record.value[:16]:
            try:
                change = wire.decode("outcomes", record.value)
            except BadRecordError:
                continue
            if change.version > version and change.tenant.encode() == tenant:
                spec, version = change.spec, change.version
    return spec


def content(value):
    return msgspec.msgpack.decode(value[6:], type=domain._Stored)


def without_counts(value):
    """A domain's state, without how many outcomes there were and how many of them nobody followed."""
    stored = content(value)
    counts = stored.counts
    return replace(stored, counts={**counts, "outcomes": counts["outcomes"] - counts["unfollowed"], "unfollowed": 0})


def test_most_are_read_as_columns():
    """Of a log of plain outcomes all go the way of columns, whatever the domain: the law above is about something."""
    rng = np.random.default_rng(1)
    specs = [spec_of(rng, f"t{i}") for i in range(20)]
    learner = LearnerProcessor(0, MemoryState(), lambda *_: None, lambda *_: None)
    learner.apply(
        "outcomes",
        [Record(i, s.tenant.encode(), wire.encode(SpecChange(0, s.tenant, "routing", s))) for i, s in enumerate(specs)],
    )
    records = []
    for i in range(200):
        spec = specs[i % 20]
        p = np.full(len(spec.arms), 1 / len(spec.arms), "<f4").tobytes()
        decision = Decision(
            str(i), spec.tenant, "routing", tuple(arm.name for arm in spec.arms), 0, p, p, bytes(4 * spec.width),
            "learned", 0, 0, 1000, (), i,
        )  # fmt: skip
        if i % 2:
            decision = replace(decision, unit=f"u{i % 7}", after=str(i - 1) if i % 3 else None, chain=0.5)
        if i % 3 == 1:
            decision = replace(decision, restrictions={"a1": "unhealthy", "a2": "budget"})
        value = wire.encode(Outcome(i, "horizon", 0, 1, {"quality": 1.0}, i, decision))
        if i % 5 == 0:
            value = before(value, FIELDS_BEFORE[i % 2])
        records.append(Record(20 + i, spec.tenant.encode(), value))
    learner._single = None  # would be called for any other
    learner.apply("outcomes", records)
    assert sum(state.report()["counts"]["outcomes"] for _, state in learner.recent()) == 200


def test_interpreted(monkeypatch):
    """The kernels as plain Python give the compiled ones' bytes."""
    records = log_of(7, 3, 60)
    expected = run(LearnerProcessor, records, 40, 2)

    def copy(to, to_at, source, source_at, size):  # the intrinsic has no Python
        to.view(np.uint8)[to_at : to_at + size] = source[source_at : source_at + size]

    monkeypatch.setattr(reading, "copy_bytes", copy)
    monkeypatch.setattr(reading, "read_outcomes", reading.read_outcomes.py_func)
    monkeypatch.setattr(reading, "_read_arms", reading._read_arms.py_func)
    monkeypatch.setattr(reading, "_read_observations", reading._read_observations.py_func)
    monkeypatch.setattr("stream_workers.learning.table.learn_many", many.learn_many.py_func)
    assert run(LearnerProcessor, records, 40, 2) == expected


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_worth(seed):
    """The reward of columns is `reward_of`, to the bit."""
    rng = np.random.default_rng(seed)
    spec = spec_of(rng, "t")
    observed = {name: float(rng.normal(0.5, 2)) for name in spec.reward if rng.random() < 0.7}
    parts = np.array([(p.weight, p.worst, p.best, p.required) for p in spec.reward.values()], np.float64)
    values = np.array([observed.get(name, np.nan) for name in spec.reward])
    for function in (reading.worth, reading.worth.py_func):
        assert function(parts, 0, len(values), spec.default_reward, values) == reward_of(spec, observed)


def test_memory_is_bounded():
    """With a bound, a checkpoint leaves no more domains in memory than it allows, and loses none."""
    rng = np.random.default_rng(2)
    learner = LearnerProcessor(0, MemoryState(), lambda *_: None, lambda *_: None, cached_bytes=100_000)
    specs = [spec_of(rng, f"t{i:03}") for i in range(50)]
    learner.apply(
        "outcomes",
        [Record(i, s.tenant.encode(), wire.encode(SpecChange(0, s.tenant, "routing", s))) for i, s in enumerate(specs)],
    )
    assert len(list(learner.recent())) == 50
    learner.flush()
    kept = {name for name, _ in learner.recent()}
    sizes = [state.nbytes for _, state in learner.recent()]
    assert 100_000 - max(sizes) * 3 < sum(sizes) <= 100_000
    assert len(kept) < 50
    assert [learner.loaded(s.tenant, "routing") is not None for s in specs] == [
        (s.tenant, "routing") in kept for s in specs
    ]
    assert learner.domains() == [(s.tenant, "routing") for s in specs]
    assert all(learner.domain(s.tenant, "routing").spec == s for s in specs)


def test_ordinals_at_once():
    """Many numbers shown at once are first where each alone would have been."""
    rng = np.random.default_rng(3)
    one, many_ = (processor.Ordinals(MemoryState()) for _ in range(2))
    for _ in range(20):
        shown = rng.integers(0, 9000, 300)
        assert many_.first_of(shown).tolist() == [one.first(int(each)) for each in shown]
        one.flush()
        many_.flush()
    assert many_._state.items == one._state.items


@pytest.mark.parametrize("cut", range(0, 220, 3))
def test_a_cut_record_is_not_plain(cut):
    """A record that ends early, anywhere, is never read beyond its end: it is left to the path of single records."""
    rng = np.random.default_rng(4)
    spec = replace(spec_of(rng, "t"), features=2, inputs=())
    learner = LearnerProcessor(0, MemoryState(), lambda *_: None, lambda *_: None)
    learner.apply("outcomes", [Record(0, b"t", wire.encode(SpecChange(0, "t", "routing", spec)))])
    names = tuple(arm.name for arm in spec.arms)
    p = np.full(len(names), 1 / len(names), "<f4").tobytes()
    decision = Decision("d", "t", "routing", names, 0, p, p, bytes(8), "learned", 0, 0, 1000, (), 0, "u", "c", 0.5,
                        {"a1": "unhealthy"})  # fmt: skip
    value = wire.encode(Outcome(0, "complete", 0, 1, {"quality": 1.0}, 0, decision))
    table = learner._cache.table
    assert (table.read(reading.FetchedRecords.of([Record(1, b"t", value)]))[1] >= 0).all()
    if cut < len(value):
        assert (table.read(reading.FetchedRecords.of([Record(1, b"t", value[:cut])]))[1] < 0).all()
