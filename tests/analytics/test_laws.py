"""Laws of the analytics stage, on random partitions: against a naive recomputation, and under every misfortune."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Reason
from schemas.events import Outcome, SpecChange
from schemas.wire import decode
from stream_workers.analytics.latency import RELATIVE_ACCURACY

from .logs import Run, event_lists, log, lower_percentile, naive_buckets

SUMS_EXACT = ("cost_sum", "success_sum", "error_sum")
COUNTS = ("interactions", "with_feedback", "cost_count", "success_count", "error_count", "unfollowed", "applied")


def values(run: Run):
    """The last record of each bucket without the offset it reflects, which duplicates move."""
    return {bucket: msgspec.structs.replace(kpi, applied=0) for bucket, kpi in run.last().items()}


@given(event_lists())
def test_every_bucket_is_what_a_naive_recomputation_gives(events):
    """Counts and sums equal those of plain lists, rewards to rounding, quantiles to the sketch's 1%."""
    records = log(events, first_offset=1000)
    run = Run().whole(records)
    expected = naive_buckets(records)
    assert run.last().keys() == expected.keys()
    assert len(run.kpis) == len(expected)
    for bucket, kpi in run.last().items():
        columns = expected[bucket]
        for name in (*COUNTS, *SUMS_EXACT):
            assert getattr(kpi, name) == columns[name], name
        assert kpi.reward_sum == pytest.approx(columns["reward_sum"], rel=1e-12)
        for q, estimate in ((0.5, kpi.latency_ms_p50), (0.95, kpi.latency_ms_p95)):
            exact = lower_percentile(columns["latency_ms"], q)
            if exact is None:
                assert estimate is None
            else:
                assert estimate == pytest.approx(exact, rel=RELATIVE_ACCURACY * (1 + 1e-9))


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
        name = (kpi.tenant, kpi.domain, kpi.arm, kpi.hour)
        assert by_applied.setdefault((name, kpi.applied), kpi) == kpi
    for bucket, kpi in Run().whole(records).last().items():
        name = (bucket.tenant, bucket.domain, bucket.arm, bucket.hour)
        assert kpi.applied == max(applied for each, applied in by_applied if each == name)
        assert by_applied[name, kpi.applied] == kpi


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


@given(event_lists(), st.sampled_from(["guild", "other"]))
def test_no_tenant_moves_another_s_buckets(events, tenant):
    """A tenant's buckets are the same when the other tenants' records are left out."""
    records = log(events)
    key = tenant.encode()
    alone = Run().whole([record for record in records if record.key == key])
    together = Run().whole(records)
    assert alone.last() == {bucket: kpi for bucket, kpi in together.last().items() if bucket.tenant == tenant}


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


@given(event_lists())
def test_state_is_one_key_for_each_bucket_and_domain(events):
    """Nothing else grows: besides the ordinals, state holds a key per bucket and a key per domain ever specified."""
    records = log(events)
    run = Run().whole(records)
    domains = {(event.tenant, event.domain) for event in events if isinstance(event, SpecChange)}
    ordinals = [key for key in run.durable if key.startswith(b"\x01ordinals")]
    assert len(run.durable) - len(ordinals) == len(naive_buckets(records)) + len(domains)
    assert all(decode("kpis", msgspec.msgpack.encode(kpi)) == kpi for kpi in run.kpis)
