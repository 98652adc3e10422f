import math
from statistics import NormalDist

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BadRecordError
from stream_workers.analytics.latency import RELATIVE_ACCURACY
from stream_workers.analytics.summary import Summary, latest, merge, wilson_interval

from .logs import Run, event_lists, log, lower_percentile, naive_buckets

SUMS = ("reward_sum", "cost_sum", "success_sum", "error_sum")


def kpis_of(events):
    return list(Run().whole(log(events)).last().values())


def same(first: Summary, second: Summary, rel: float) -> bool:
    """Equal in everything but the sums of floats, and in those to rounding."""
    plain = [msgspec.structs.replace(each, **dict.fromkeys(SUMS, 0.0)) for each in (first, second)]
    sums = [[getattr(each, name) for name in SUMS] for each in (first, second)]
    return plain[0] == plain[1] and sums[0] == pytest.approx(sums[1], rel=rel, abs=0)


@given(event_lists())
def test_a_summary_is_that_of_all_outcomes_together(events):
    """Means, rates and quantiles over all buckets equal those of the outcomes themselves, in one list."""
    summary = merge(kpis_of(events))
    buckets = list(naive_buckets(log(events)).values())
    interactions = sum(each["interactions"] for each in buckets)
    assert summary.interactions == interactions
    if not interactions:
        assert summary.reward is summary.cost_per_interaction is summary.feedback_rate is None
        assert summary.success_interval() is None
        return
    assert summary.reward == pytest.approx(sum(each["reward_sum"] for each in buckets) / interactions)
    assert summary.feedback_rate == sum(each["with_feedback"] for each in buckets) / interactions
    rates = {"cost": summary.cost_per_interaction, "success": summary.success_rate, "error": summary.error_rate}
    for name, rate in rates.items():
        count = sum(each[f"{name}_count"] for each in buckets)
        total = sum(each[f"{name}_sum"] for each in buckets)
        assert rate == (pytest.approx(total / count) if count else None)
    latencies = [value for each in buckets for value in each["latency_ms"]]
    for q, estimate in ((0.5, summary.latency_ms_p50), (0.95, summary.latency_ms_p95)):
        if not latencies:
            assert estimate is None
        else:
            assert estimate == pytest.approx(lower_percentile(latencies, q), rel=RELATIVE_ACCURACY * (1 + 1e-9))


@given(event_lists(), st.randoms(use_true_random=False), st.data())
def test_order_and_grouping_do_not_matter(events, random, data):
    """Merging is commutative exactly, and associative but for the rounding of float sums."""
    kpis = kpis_of(events)
    whole = merge(kpis)
    random.shuffle(kpis)
    assert merge(kpis) == whole
    first, second = sorted(data.draw(st.tuples(*[st.integers(0, len(kpis))] * 2)))
    parts = kpis[:first], kpis[first:second], kpis[second:]
    left = merge([merge([merge(parts[0]), merge(parts[1])]), merge(parts[2])])
    right = merge([merge(parts[0]), merge([merge(parts[1]), merge(parts[2])])])
    assert same(left, right, rel=1e-14)
    assert same(left, whole, rel=1e-14)


@given(event_lists())
def test_no_buckets_are_the_neutral_element(events):
    """Merging with nothing changes nothing, and a single bucket's summary has the bucket's own figures."""
    nothing = merge([])
    assert nothing.interactions == 0
    for kpi in kpis_of(events):
        alone = merge([kpi])
        assert merge([nothing, kpi, nothing]) == alone
        assert all(getattr(alone, name) == getattr(kpi, name) for name in alone.__struct_fields__)


@given(event_lists(), st.data())
def test_the_latest_value_of_a_bucket_is_found_in_any_mixture_of_its_records(events, data):
    """From all records ever emitted, in any order and with repetitions, `latest` picks what the whole log gives."""
    records = log(events)
    run = Run()
    for record in records:
        run.apply([record])
        run.checkpoint()
    mixed = data.draw(st.permutations(run.kpis + run.kpis[: len(run.kpis) // 2]))
    assert latest(mixed) == Run().whole(records).last()


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (1, 1), (3, 10), (10, 10), (0, 50), (999, 1000), (2.5, 7)])
def test_the_wilson_interval_holds_the_probabilities_a_score_test_accepts(successes, trials, confidence):
    """Its definition: p is inside if and only if the observed share is within z standard errors of p, taken at p."""
    low, high = wilson_interval(successes, trials, confidence)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    grid = np.linspace(0, 1, 20_001)
    with np.errstate(divide="ignore", invalid="ignore"):
        accepted = np.abs(successes / trials - grid) <= z * np.sqrt(grid * (1 - grid) / trials)
    inside = (grid >= low) & (grid <= high)
    edge = (np.abs(grid - low) < 1e-9) | (np.abs(grid - high) < 1e-9)
    assert np.array_equal(accepted[~edge], inside[~edge])
    assert inside.any()


def test_sums_beyond_a_float_are_infinite_and_no_error():
    """Whoever reports impossible costs gets an impossible sum, not a console that fails."""
    kpi = msgspec.structs.replace(merge([]), cost_sum=1.7e308, cost_count=1)
    assert merge([kpi, kpi]).cost_per_interaction == math.inf


def test_a_broken_sketch_is_refused():
    """A record of "kpis" whose sketch is not one of ours cannot be merged, and the error says so."""
    with pytest.raises(BadRecordError, match="latency sketch"):
        merge([msgspec.structs.replace(merge([]), latency_sketch=b"\xff\xff")])
