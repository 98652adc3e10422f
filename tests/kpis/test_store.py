"""The store against `merge` of the very records, and what a question costs where there is much."""

import time

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.kpis.store import KpiStore, Scope
from infra.kpis.window import covered, pieces
from stream_workers.analytics.bucket import SECONDS, Bucket, BucketId
from stream_workers.analytics.summary import merge
from stream_workers.analytics.sums import COUNTS, SUMS
from tests.analytics.logs import ARMS, NOON_MS, Run, event_lists, log

NOON = NOON_MS // 1000


def stored(run, seed=0, now=None):
    """A store that was shown all records of a run, repetitions among them."""
    store = KpiStore(clock=lambda: run.processor._clock_ms / 1000 if now is None else now)
    rng = np.random.default_rng(seed)
    for kpi in run.kpis:
        store.put(kpi)
        if rng.random() < 0.3:
            store.put(run.kpis[rng.integers(len(run.kpis))])
    for bucket in run.dropped:
        store.drop(bucket)
    return store


def agree(found, expected):
    assert (found.latency_ms, found.feedback_ms) == (expected.latency_ms, expected.feedback_ms)
    assert [(each.name, each.price, each.baseline) for each in found.arms] == [
        (each.name, each.price, each.baseline) for each in expected.arms
    ]
    for one, other in [(found.sums, expected.sums), *((a.sums, b.sums) for a, b in
                       zip(found.arms, expected.arms, strict=True))]:  # fmt: skip
        for name in SUMS:
            expected_sum = pytest.approx(getattr(other, name), rel=0 if name in COUNTS else 1e-9, abs=1e-12)
            assert getattr(one, name) == expected_sum, name


@given(event_lists(), st.integers(-200, 200), st.integers(0, 200 * 60), st.sampled_from([60, 3600, 86_400]), st.data())
def test_any_window_is_the_merge_of_its_buckets(events, begin, length, unit, data):
    """Whatever the window, scope and grouping: the same as adding up the last records of the buckets inside."""
    records = log(events)
    run = Run()
    while run.position < len(records):
        run.apply(records[run.position : run.position + data.draw(st.integers(1, 10))])
        run.position = min(run.position, len(records))
        run.checkpoint()
    store = stored(run)
    now = run.processor._clock_ms / 1000
    since, until = NOON + begin * unit, NOON + begin * unit + length * unit // 60
    inside = [
        kpi
        for piece in pieces(since, until, now)
        for bucket, kpi in run.last(piece.granularity).items()
        if piece.since <= bucket.start < piece.until
    ]
    agree(store.summary(Scope(), since, until), merge(inside))
    agree(
        store.summary(Scope(tenant="guild", policy="first"), since, until),
        merge(kpi for kpi in inside if (kpi.tenant, kpi.policy) == ("guild", "first")),
    )
    for (arm, spec), summary in store.by(("arm", "spec"), Scope(), since, until).items():
        agree(summary, merge(kpi for kpi in inside if (kpi.arm, kpi.spec) == (arm, spec)))
    without = store.by("arm", Scope(), since, until, arms=False)
    assert without.keys() == {kpi.arm for kpi in inside}
    for name, summary in without.items():
        whole = merge(kpi for kpi in inside if kpi.arm == name)
        agree(summary, msgspec.structs.replace(whole, arms=()))
    for point in store.series(Scope(), since, until, "hour"):
        granularity = next(name for name, seconds in SECONDS.items() if seconds == point.seconds)
        agree(point.summary, merge(k for b, k in run.last(granularity).items() if b.start == point.start))
    assert store.tenants() == sorted({bucket.tenant for bucket in run.last()})


@given(st.integers(0, 400 * 86_400), st.integers(0, 400 * 86_400), st.integers(0, 400 * 86_400))
def test_pieces_tile_the_window(since, length, now):
    """Without gap and overlap, in order, of full minutes, hours and days that are kept; only old edges move outward."""
    until = since + length
    begin, end = covered(since, until, now)
    assert begin <= since
    assert end >= until
    at = begin
    for piece in pieces(since, until, now):
        assert piece.since == at
        assert piece.since % SECONDS[piece.granularity] == piece.until % SECONDS[piece.granularity] == 0
        kept = {"minute": 48 * 3600, "hour": 90 * 86_400}.get(piece.granularity)
        assert kept is None or piece.since + kept > now
        at = piece.until
    assert at == end or begin == end


def filled(tenants, hours):
    """A store of many tenants' hours and days, of three arms each."""
    rng = np.random.default_rng(0)
    bins = [{int(n): int(c) for n, c in zip(rng.choice(range(250, 450), 25, replace=False), rng.integers(1, 9, 25),
                                            strict=True)} for _ in range(50)]  # fmt: skip
    store = KpiStore(clock=lambda: NOON + hours * 3600.0)
    for tenant in range(tenants):
        for granularity, step in (("hour", 3600), ("day", 86_400)):
            for start in range(NOON // step * step, NOON + hours * 3600, step):
                for arm in ARMS:
                    bucket = Bucket(
                        100 * step // 3600, 90, 80, 0, 60.0, 0.5, 90, 70.0, 90, 1.0, 90,
                        thumbs_sum=7.0, thumbs_count=9, eligible=300,
                        latency_ms=bins[(tenant + start) % 50], feedback_ms=bins[tenant % 50],
                    )  # fmt: skip
                    name = BucketId(granularity, start, f"guild-{tenant}", "routing", arm, "first", 1)
                    store.put(bucket.kpi(name, 1))
    return store


def test_a_store_of_many_tenants_answers_at_once():
    """50 tenants' 100 hours: 15,000 buckets of 50 bins in less than 900 bytes each, summed in no time."""
    store = filled(50, 100)
    size = store.size()
    assert size["hour"] == 50 * 100 * len(ARMS)
    assert size["bytes"] < 900 * (size["hour"] + size["day"])
    begun = time.process_time()
    found = store.by("tenant", Scope(), NOON, NOON + 100 * 3600)
    took = time.process_time() - begun
    assert len(found) == 50
    assert {each.interactions for each in found.values()} == {100 * 300}
    assert took < 0.5, took
