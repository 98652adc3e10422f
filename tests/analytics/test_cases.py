"""The cases a person would ask about, one by one; random partitions are in test_laws.py."""

import math

import msgpack
import msgspec
import pytest

from schemas import wire
from schemas.domains import Component
from schemas.errors import Reason
from stream_workers.analytics.bucket import BucketId, tenant_prefix
from tests.schemas.write_golden import GOLDEN

from .logs import ARMS, HOUR_MS, NOON_MS, LogRecord, Run, change, log, outcome, specification

HOUR = NOON_MS // 1000


def test_hours_begin_at_the_full_hour_of_the_decision():
    """The first and last millisecond of an hour are in its bucket, the next is in the next; feedback's time is not
    looked at.
    """
    times = [NOON_MS - 1, NOON_MS, NOON_MS + HOUR_MS - 1, NOON_MS + HOUR_MS]
    run = Run().whole(log([change(specification()), *(outcome(n, decided_at_ms=time) for n, time in enumerate(times))]))
    counts = {bucket.start: kpi.interactions for bucket, kpi in run.last("hour").items() if kpi.interactions}
    assert counts == {HOUR - 3600: 1, HOUR: 2, HOUR + 3600: 1}


def test_late_outcomes_correct_their_minute_hour_and_day():
    """An outcome of an hour long past, evicted and stored, changes the buckets of its decision's time and no other."""
    run = Run(cached_buckets=1)
    hours = [outcome(n, {"success": 1.0}, decided_at_ms=NOON_MS + n * HOUR_MS) for n in range(5)]
    run.apply(log([change(specification()), *hours]))
    run.checkpoint()
    before = run.last()
    run.kpis.clear()
    run.apply(log([outcome(5, {"success": 0.0}, decided_at_ms=NOON_MS)], first_offset=6))
    run.checkpoint()
    changed = {BucketId.of(kpi) for kpi in run.kpis}
    assert {(bucket.granularity, bucket.start) for bucket in changed} == {
        ("minute", HOUR), ("hour", HOUR), ("day", HOUR // 86_400 * 86_400),
    }  # fmt: skip
    assert all(run.last()[bucket] == kpi for bucket, kpi in before.items() if bucket not in changed)
    bucket = BucketId("hour", HOUR, "guild", "routing", ARMS[0], "first", 1)
    assert (run.last()[bucket].interactions, run.last()[bucket].success_sum) == (2, 1.0)


def test_minutes_and_hours_are_dropped_when_their_time_has_passed():
    """After 48 hours of the log's time a minute goes, after 90 days an hour: state, record and all; days stay.

    What comes later than that is in the longer buckets only, so that no dropped one comes back with a part of it.
    """
    days = 24 * HOUR_MS
    run = Run()
    run.apply(log([change(specification()), outcome(0, {"success": 1.0})]))
    run.checkpoint()
    minute = BucketId("minute", HOUR, "guild", "routing", ARMS[0], "first", 1)
    hour, day = minute._replace(granularity="hour"), minute._replace(granularity="day", start=HOUR // 86_400 * 86_400)
    assert minute in run.last()
    run.apply(log([outcome(1, decided_at_ms=NOON_MS + 2 * days - 1)], first_offset=2))  # it ends a minute later
    run.checkpoint()
    assert minute in run.last()
    run.apply(log([outcome(2, decided_at_ms=NOON_MS + 2 * days)], first_offset=3))
    run.checkpoint()
    assert minute not in run.last()
    assert minute.key() not in run.durable
    run.apply(log([outcome(3, {"success": 0.0})], first_offset=4))  # a late one
    run.checkpoint()
    assert minute not in run.last()
    assert [run.last()[each].interactions for each in (hour, day)] == [2, 2]
    run.apply(log([outcome(4, decided_at_ms=NOON_MS + 90 * days + HOUR_MS)], first_offset=5))
    run.checkpoint()
    assert hour not in run.last()
    assert run.last()[day].interactions == 2
    assert sum(bucket.granularity == "day" for bucket in run.last()) > 1


def test_decisions_that_nobody_followed_stand_apart():
    """They are counted, paid and answered, but under no arm, and say nothing about any."""
    seen = {"success": 1.0, "cost": 0.5, "unfollowed": 1.0}
    run = Run().whole(log([change(specification()), outcome(0, seen), outcome(1, {"success": 0.0, "cost": 0.25})]))
    by_arm = {bucket.arm: kpi for bucket, kpi in run.last("day").items()}
    assert (by_arm["(unfollowed)"].interactions, by_arm["(unfollowed)"].unfollowed) == (1, 1)
    assert (by_arm["(unfollowed)"].cost_sum, by_arm["(unfollowed)"].weight_sum) == (0.5, 0.0)
    assert (by_arm[ARMS[0]].interactions, by_arm[ARMS[0]].success_sum) == (1, 0.0)
    assert [by_arm[arm].eligible for arm in ARMS] == [1, 1, 1]


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
        (day,) = [kpi for kpi in run.last("day").values() if kpi.interactions]
        rewards.append((day.reward_sum, day.with_feedback))
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
    assert [kpi.interactions for kpi in run.last("day").values() if kpi.interactions] == [2]


def test_an_arm_that_is_not_there_is_a_dead_letter():
    """A choice beyond the arms of its decision is refused; the last arm is not."""
    run = Run().whole(log([change(specification()), outcome(0, choice=len(ARMS)), outcome(1, choice=len(ARMS) - 1)]))
    assert run.reasons() == [Reason.INVALID]
    assert "chose arm number 3 of 3" in run.dead[0][1].detail
    assert [bucket.arm for bucket, kpi in run.last("day").items() if kpi.interactions] == [ARMS[-1]]


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
    assert {bucket.domain for bucket in run.last()} == {"routing"}


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
    """Names may hold any character; no choice of them makes two buckets share a key, and keys are read back."""
    names = [("a/b", "c", "d"), ("a", "b/c", "d"), ("a", "b", "c/d"), ("a\0b", "c", "d"), ("a", "b\0c", "d")]
    buckets = [BucketId(length, HOUR, *each, "first", 1) for each in names for length in ("minute", "hour", "day")]
    assert len({each.key() for each in buckets}) == len({each.record_key() for each in buckets}) == len(buckets)
    assert [BucketId.of_key(each.key()) for each in buckets] == buckets
    assert [BucketId.of_record_key(each.record_key()) for each in buckets] == buckets
    assert all(each.record_key().startswith(tenant_prefix(each.tenant)) for each in buckets)
    assert not buckets[0].record_key().startswith(tenant_prefix("a"))


def test_memory_is_bounded_by_the_cache():
    """With more buckets than may be in memory they are let go at a checkpoint, or before it, and nothing is lost."""
    events = [outcome(n, {"success": 1.0}, decided_at_ms=NOON_MS + n % 10 * HOUR_MS) for n in range(40)]
    run = Run(cached_buckets=4)
    run.whole(log([change(specification()), *events]))
    assert run.processor._buckets == {}
    assert run.last() == Run().whole(log([change(specification()), *events])).last()


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
