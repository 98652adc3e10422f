"""Laws of the analytics stage, on random partitions: against a naive recomputation, and under every misfortune."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import Reason
from schemas.events import Outcome, SpecChange
from schemas.wire import decode
from stream_workers.analytics.bucket import BucketId
from stream_workers.analytics.sketch import RELATIVE_ACCURACY, quantile
from stream_workers.analytics.sums import SUMS

from .logs import Run, event_lists, log, lower_percentile, naive_buckets

EXACT = {"cost_sum", "success_sum", "error_sum", "thumbs_sum", *(name for name in SUMS if not name.endswith("sum"))}


def values(run: Run):
    """The last record of each bucket without the offset it reflects, which duplicates move."""
    return {bucket: msgspec.structs.replace(kpi, applied=0) for bucket, kpi in run.last().items()}


@settings(max_examples=40)
@given(event_lists())
def test_every_bucket_is_what_a_naive_recomputation_gives(events):
    """Counts and sums equal those of plain lists, rewards to rounding, quantiles to the sketch's 1%."""
    records = log(events, first_offset=1000)
    run = Run().whole(records)
    expected = naive_buckets(records)
    assert run.last().keys() == expected.keys()
    for bucket, kpi in run.last().items():
        columns = expected[bucket]
        for name in (*SUMS, "applied"):
            exact = name in EXACT and not name.endswith("squares")
            assert getattr(kpi, name) == (columns[name] if exact else pytest.approx(columns[name], rel=1e-9)), name
        for bins, values in ((kpi.latency_ms, columns["latencies"]), (kpi.feedback_ms, columns["delays"])):
            assert sum(count for _, count in bins) == len(values)
            for q in (0.0, 0.5, 0.95, 0.99, 1.0):
                exact, estimate = lower_percentile(values, q), quantile(dict(bins), q)
                assert estimate == (exact if exact is None else pytest.approx(exact, rel=RELATIVE_ACCURACY + 1e-9))


@settings(max_examples=40)
@given(event_lists(), st.data())
def test_batches_checkpoints_and_the_cache_change_nothing(events, data):
    """State, and each bucket's last record, are the same however records were batched, stored and evicted."""
    records = log(events)
    whole = Run().whole(records)
    run = Run(cached_buckets=data.draw(st.integers(0, 3)))
    while run.position < len(records):
        size = data.draw(st.integers(1, len(records) - run.position))
        run.apply(records[run.position : run.position + size])
        if data.draw(st.booleans()):
            run.checkpoint()
    run.checkpoint()
    assert run.durable == whole.durable
    assert run.last() == whole.last()
    assert len(run.dead) == len(whole.dead)


@settings(max_examples=40)
@given(event_lists(), st.data())
def test_a_crash_anywhere_changes_nothing(events, data):
    """A processor built anew from the last checkpoint and given what follows ends as one that never crashed."""
    records = log(events)
    whole = Run().whole(records)
    run = Run(cached_buckets=data.draw(st.integers(0, 2)))
    for _ in range(data.draw(st.integers(1, 4))):
        run.apply(records[run.position : data.draw(st.integers(run.position, len(records)))])
        if data.draw(st.booleans()):
            run.checkpoint()
            run.apply(records[run.position : data.draw(st.integers(run.position, len(records)))])
        run.start()
    run.apply(records[run.position :])
    run.checkpoint()
    assert run.durable == whole.durable
    assert run.last() == whole.last()


@settings(max_examples=40)
@given(event_lists(), st.data())
def test_of_all_records_the_one_that_reflects_most_is_the_last(events, data):
    """Records of a bucket with the same `applied` are equal, and none has a higher one than the last: also after
    crashes, when older ones appear again.
    """
    records = log(events)
    run = Run()
    for _ in range(data.draw(st.integers(1, 5))):
        run.apply(records[run.position : data.draw(st.integers(run.position, len(records)))])
        before = run.durable, run.applied
        run.checkpoint()
        if data.draw(st.booleans()):  # the checkpoint was emitted, but not stored
            run.durable, run.applied = before
            run.start()
    run.apply(records[run.position :])
    run.checkpoint()
    by_applied = {}
    for kpi in run.kpis:
        name = BucketId.of(kpi)
        assert by_applied.setdefault((name, kpi.applied), kpi) == kpi
    for bucket, kpi in Run().whole(records).last().items():
        name = bucket
        assert kpi.applied == max(applied for each, applied in by_applied if each == name)
        assert by_applied[name, kpi.applied] == kpi


@settings(max_examples=40)
@given(event_lists(), st.data())
def test_outcomes_written_twice_count_once(events, data):
    """Copies of outcomes anywhere after the first, also after a restart, change neither the state nor any bucket."""
    whole = Run().whole(log(events))
    doubled = list(events)
    for _ in range(data.draw(st.integers(1, 8))):
        where = data.draw(st.integers(0, len(doubled) - 1))
        if isinstance(doubled[where], Outcome):
            doubled.insert(data.draw(st.integers(where + 1, len(doubled))), doubled[where])
    records = log(doubled)
    run = Run()
    run.whole(records[: data.draw(st.integers(0, len(records)))])
    run.start()  # what was counted must be known from the state alone
    run.whole(records[run.position :])
    assert run.durable == whole.durable
    assert values(run) == values(whole)
    assert len(run.dead) == len(whole.dead)


@settings(max_examples=40)
@given(event_lists())
def test_specifications_sent_again_change_nothing(events):
    """A change of specification that comes a second time, also after a newer one, is ignored."""
    changes = [(number, event) for number, event in enumerate(events) if isinstance(event, SpecChange)]
    repeated = []
    for number, event in enumerate(events):
        repeated += [event, *(earlier for place, earlier in changes if place <= number)]
    run, whole = Run().whole(log(repeated)), Run().whole(log(events))
    assert run.durable == whole.durable
    assert values(run) == values(whole)


@settings(max_examples=40)
@given(event_lists(), st.sampled_from(["guild", "other"]))
def test_no_tenant_moves_another_s_buckets(events, tenant):
    """A tenant's buckets are the same when the other tenants' records are left out.

    Time is the partition's: another's records may show that a bucket's time has passed, and nothing else.
    """
    records = log(events)
    key = tenant.encode()
    alone = Run().whole([record for record in records if record.key == key])
    together = Run().whole(records)
    mine = {bucket: kpi for bucket, kpi in together.last().items() if bucket.tenant == tenant}
    applied = {bucket: kpi for bucket, kpi in alone.last().items() if bucket in mine}
    assert applied == mine
    assert all(bucket.expired(together.processor._clock_ms // 1000) for bucket in alone.last().keys() - mine.keys())


@settings(max_examples=40)
@given(event_lists(), st.data())
def test_bad_records_are_dead_lettered_and_disturb_nothing(events, data):
    """Among bad records the good ones count as without them, and every bad one is dead-lettered with its reason."""
    records = log(events)
    whole = Run().whole(records)
    mixed, expected = list(records), []
    for _ in range(data.draw(st.integers(1, 5))):
        good = data.draw(st.sampled_from(records))
        bad, reason = data.draw(
            st.sampled_from(
                [
                    (replace(good, key=b"stranger"), Reason.WRONG_KEY),
                    (replace(good, key=None), Reason.WRONG_KEY),
                    (replace(good, value=None), Reason.INVALID),
                    (replace(good, value=good.value[:-1]), Reason.NOT_MESSAGEPACK),
                    (replace(good, value=b"\x91\xa9outcome.9"), Reason.UNKNOWN_VERSION),
                    (replace(good, value=b"\x91\xa8reward.1"), Reason.UNKNOWN_TYPE),
                    (replace(good, value=b"\x91\xa9outcome.1"), Reason.INVALID),
                ]
            )
        )
        mixed.insert(data.draw(st.integers(0, len(mixed))), bad)
        expected.append((bad, reason))
    run = Run().whole(mixed)
    assert run.durable == whole.durable
    assert run.last() == whole.last()
    dead = [(record, error.reason) for record, error in run.dead]
    for each in expected:
        assert each in dead
    assert len(dead) == len(whole.dead) + len(expected)


@settings(max_examples=40)
@given(event_lists())
def test_state_is_one_key_for_each_bucket_and_domain(events):
    """Nothing else grows: besides ordinals and the time, state holds a key for each bucket that has not expired and one
    for each domain ever specified; and every bucket that was published and is not in it was told to go.
    """
    records = log(events)
    run = Run().whole(records)
    domains = {(event.tenant, event.domain) for event in events if isinstance(event, SpecChange)}
    others = [key for key in run.durable if key.startswith(b"\x01ordinals") or key == b"clock"]
    assert len(run.durable) - len(others) == len(naive_buckets(records)) + len(domains)
    assert run.last().keys() == {BucketId.of_key(key) for key in run.durable if key.startswith(b"bucket/")}
    assert all(decode("kpis", msgspec.msgpack.encode(kpi)) == kpi for kpi in run.kpis)


@settings(max_examples=40)
@given(event_lists())
def test_longer_buckets_are_the_sum_of_shorter_ones(events):
    """Where no minute has expired, an hour has the counts of its minutes and a day those of its hours."""
    last = Run().whole(log(events)).last()
    minutes = {bucket for bucket in last if bucket.granularity == "minute"}
    for shorter, longer, seconds in (("minute", "hour", 3600), ("hour", "day", 86_400)):
        if sum(last[each].interactions for each in minutes) != sum(
            kpi.interactions for bucket, kpi in last.items() if bucket.granularity == "day"
        ):
            return
        for bucket, kpi in last.items():
            if bucket.granularity == longer:
                parts = [
                    part
                    for each, part in last.items()
                    if each.granularity == shorter
                    and each[2:] == bucket[2:]
                    and bucket.start <= each.start < bucket.start + seconds
                ]
                for name in ("interactions", "eligible", "cost_count", "thumbs_count"):
                    assert sum(getattr(part, name) for part in parts) == getattr(kpi, name)
