"""The cases a person would ask about, one by one; random partitions are in test_laws.py."""

import math

import msgpack
import msgspec
import pytest

from schemas import wire
from schemas.domains import Component
from schemas.errors import Reason
from stream_workers.analytics.bucket import BucketId
from tests.schemas.write_golden import GOLDEN

from .logs import ARMS, HOUR_MS, NOON_MS, LogRecord, Run, change, log, outcome, specification

HOUR = NOON_MS // 1000


def test_hours_begin_at_the_full_hour_of_the_decision():
    """The first and last millisecond of an hour are in its bucket, the next is in the next; feedback's time is not
    looked at.
    """
    times = [NOON_MS - 1, NOON_MS, NOON_MS + HOUR_MS - 1, NOON_MS + HOUR_MS]
    run = Run().whole(log([change(specification()), *(outcome(n, decided_at_ms=time) for n, time in enumerate(times))]))
    counts = {bucket.hour: kpi.interactions for bucket, kpi in run.last().items()}
    assert counts == {HOUR - 3600: 1, HOUR: 2, HOUR + 3600: 1}


def test_late_outcomes_correct_their_hour():
    """An outcome of an hour long past, evicted and stored, changes that hour's bucket and no other."""
    run = Run(cached_buckets=1)
    hours = [outcome(n, {"success": 1.0}, decided_at_ms=NOON_MS + n * HOUR_MS) for n in range(5)]
    run.apply(log([change(specification()), *hours]))
    run.checkpoint()
    before = run.last()
    emitted = len(run.kpis)
    run.apply(log([outcome(5, {"success": 0.0}, decided_at_ms=NOON_MS)], first_offset=6))
    run.checkpoint()
    assert len(run.kpis) == emitted + 1
    bucket = BucketId(HOUR, "guild", "routing", ARMS[0])
    assert (run.last()[bucket].interactions, run.last()[bucket].success_sum) == (2, 1.0)
    assert {**run.last(), bucket: None} == {**before, bucket: None}


def test_a_change_of_specification_changes_later_rewards_only():
    """The same observations are worth 1 before and 0.25 after a change in mid-log, and the default without success."""
    before = specification(success=Component())
    after = specification(success=Component(weight=1.0), thumbs=Component(weight=3.0), default_reward=0.0)
    required = specification(thumbs=Component(required=True), default_reward=0.5)
    seen = {"success": 1.0}
    run = Run()
    rewards = []
    for number, spec in enumerate([before, after, required]):
        run.apply(log([change(spec, version=number), outcome(number, seen)], first_offset=2 * number))
        run.checkpoint()
        rewards.append((run.kpis[-1].reward_sum, run.kpis[-1].with_feedback))
    assert rewards == [(1.0, 1), (1.25, 2), (1.75, 2)]


def test_outcomes_without_a_specification_are_dead_letters():
    """Before a domain is specified, after it is removed, and in a domain nobody knows: dead-lettered, none counted."""
    spec = specification()
    run = Run().whole(
        log(
            [
                outcome(0),
                change(spec, version=4),
                outcome(1),
                outcome(2, domain="analysis"),
                change(spec, version=7, removed=True),
                outcome(3),
                change(spec, version=5),  # older than the removal
                outcome(4),
                change(spec, version=8),
                outcome(5),
            ]
        )
    )
    assert run.reasons() == [Reason.UNKNOWN_DOMAIN] * 4
    assert [record.offset for record, _ in run.dead] == [0, 3, 5, 7]
    assert "croupier domains apply" in run.dead[0][1].detail
    assert [kpi.interactions for kpi in run.last().values()] == [2]


def test_an_arm_that_is_not_there_is_a_dead_letter():
    """A choice beyond the arms of its decision is refused; the last arm is not."""
    run = Run().whole(log([change(specification()), outcome(0, choice=len(ARMS)), outcome(1, choice=len(ARMS) - 1)]))
    assert run.reasons() == [Reason.INVALID]
    assert "chose arm number 3 of 3" in run.dead[0][1].detail
    assert [bucket.arm for bucket in run.last()] == [ARMS[-1]]


@pytest.mark.parametrize(
    "observations",
    [
        {"cost": math.nan},
        {"thumbs": math.inf},
        {"cost": -0.01},
        {"latency_ms": -1.0},
        {"success": 1.5},
        {"error": -1.0},
    ],
    ids=str,
)
def test_values_nobody_should_sum_up_are_dead_letters(observations):
    """A single NaN would make a bucket's sum NaN for ever: such outcomes are refused and the bucket stays as it was."""
    good = [change(specification()), outcome(0, {"success": 1.0})]
    run = Run().whole(log([*good, outcome(1, observations)]))
    assert run.reasons() == [Reason.INVALID]
    assert run.last() == Run().whole(log(good)).last()


def test_a_change_that_carries_another_domain_s_specification_is_a_dead_letter():
    """Neither the named domain nor the carried one changes."""
    wrong = change(specification(domain="analysis"))
    events = [
        change(specification()),
        type(wrong)(9, "guild", "routing", wrong.spec),
        outcome(0),
        outcome(1, domain="analysis"),
    ]
    run = Run().whole(log(events))
    assert run.reasons() == [Reason.INVALID, Reason.UNKNOWN_DOMAIN]
    assert [bucket.domain for bucket in run.last()] == ["routing"]


def test_a_refused_outcome_leaves_no_hole_in_the_ordinals():
    """Ordinals are kept as long as one is missing: refused outcomes are no reason to keep them for ever."""
    pages = 3 * 4096
    events = [change(specification())]
    events += [outcome(n, domain="nowhere" if n % 3 else "routing", choice=n % 5) for n in range(pages)]
    run = Run().whole(log(events))
    assert [key for key in run.durable if key.startswith(b"\x01ordinals/")] == []
    assert [key for key in run.durable if key.startswith(b"\x01ordinals")] != []
    assert len(run.dead) > pages // 2


def test_names_that_look_alike_when_joined_have_buckets_of_their_own():
    """Tenant, domain and arm may hold any character; no choice of names makes two buckets share a key."""
    names = [("a/b", "c", "d"), ("a", "b/c", "d"), ("a", "b", "c/d"), ("a\0b", "c", "d"), ("a", "b\0c", "d")]
    assert len({BucketId(HOUR, *each).key() for each in names}) == len(names)


def test_memory_is_bounded_by_the_cache():
    """After a checkpoint no more buckets stay in memory than allowed, and they are those of the newest hours."""
    run = Run(cached_buckets=4)
    run.whole(
        log([change(specification()), *(outcome(n, decided_at_ms=NOON_MS + n % 10 * HOUR_MS) for n in range(40))])
    )
    kept = run.processor._buckets
    assert sorted(bucket.hour for bucket in kept) == [HOUR + n * 3600 for n in (6, 7, 8, 9)]
    assert len(run.last()) == 10


def test_nothing_is_written_or_emitted_when_nothing_changed():
    """A checkpoint without new outcomes puts nothing and emits nothing."""
    run = Run().whole(log([change(specification()), outcome(0, {"latency_ms": 12.0})]))
    run.kpis.clear()
    run.state.put = None  # any put would raise
    run.apply(log([outcome(0, {"latency_ms": 12.0})], first_offset=2))
    run.checkpoint()
    assert run.kpis == []


def test_only_outcomes_are_read():
    """Records of another topic are a mistake in the wiring, and said to be."""
    processor = Run().processor
    with pytest.raises(AssertionError, match="reads outcomes, not rewards"):
        processor.apply("rewards", [])


@pytest.mark.parametrize("stem", ["spec.1", "spec.1-priors"])
def test_a_specification_is_kept_in_the_bytes_of_its_writer(stem):
    """What an earlier release wrote stands in the state as that release left it; what policies begin with does not."""
    value = (GOLDEN / f"{stem}.msgpack").read_bytes()
    run = Run()
    run.whole([LogRecord(0, NOON_MS, b"guild-42", value)])
    (kept,) = (each for key, each in run.state.items.items() if key.startswith(b"spec/"))
    assert kept == msgpack.packb(msgpack.unpackb(value)[:5])
    assert wire.decode("specs", kept) == msgspec.structs.replace(wire.decode("specs", value), priors={})
