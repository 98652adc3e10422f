import json
import math
from statistics import NormalDist

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.domains import Component
from stream_workers.analytics.sketch import RELATIVE_ACCURACY
from stream_workers.analytics.summary import Summary, latest, merge, sums_of, wilson_interval
from stream_workers.analytics.sums import COUNTS, SUMS

from .logs import ARMS, Run, change, event_lists, log, lower_percentile, naive_buckets, outcome, specification


def kpis_of(events, granularity="day"):
    return list(Run().whole(log(events)).last(granularity).values())


def same(first: Summary, second: Summary) -> bool:
    """Equal in everything but the sums of floats, and in those to rounding."""
    assert (first.latency_ms, first.feedback_ms) == (second.latency_ms, second.feedback_ms)
    assert [(each.name, each.price, each.baseline) for each in first.arms] == [
        (each.name, each.price, each.baseline) for each in second.arms
    ]
    for one, other in zip([first.sums, *(a.sums for a in first.arms)], [second.sums, *(a.sums for a in second.arms)],
                          strict=True):  # fmt: skip
        for name in SUMS:
            assert getattr(one, name) == pytest.approx(getattr(other, name), rel=0 if name in COUNTS else 1e-12)
    return True


@settings(max_examples=40)
@given(event_lists())
def test_a_summary_is_that_of_all_outcomes_together(events):
    """Means, rates and quantiles over all buckets equal those of the outcomes themselves, in one list."""
    summary = merge(kpis_of(events))
    buckets = [columns for bucket, columns in naive_buckets(log(events)).items() if bucket.granularity == "day"]
    interactions = sum(each["interactions"] for each in buckets)
    assert summary.interactions == interactions
    if not interactions:
        assert summary.reward is summary.cost_per_interaction is summary.feedback_rate is summary.availability is None
        assert summary.success_interval() is summary.satisfaction is summary.regret is None
        return
    assert summary.reward == pytest.approx(sum(each["reward_sum"] for each in buckets) / interactions)
    assert summary.feedback_rate == sum(each["with_feedback"] for each in buckets) / interactions
    rates = {"cost": summary.cost_per_interaction, "success": summary.success_rate, "error": summary.error_rate}
    for name, rate in rates.items():
        count = sum(each[f"{name}_count"] for each in buckets)
        total = sum(each[f"{name}_sum"] for each in buckets)
        assert rate == (pytest.approx(total / count) if count else None)
    latencies = [value for each in buckets for value in each["latencies"]]
    for q in (0.5, 0.95, 0.99):
        exact = lower_percentile(latencies, q)
        assert summary.latency(q) == (exact if exact is None else pytest.approx(exact, rel=RELATIVE_ACCURACY + 1e-9))


@settings(max_examples=40)
@given(event_lists(), st.randoms(use_true_random=False), st.data())
def test_order_and_grouping_do_not_matter(events, random, data):
    """Merging is commutative, and associative but for the rounding of float sums."""
    kpis = kpis_of(events)
    whole = merge(kpis)
    random.shuffle(kpis)
    assert same(merge(kpis), whole)
    first, second = sorted(data.draw(st.tuples(*[st.integers(0, len(kpis))] * 2)))
    parts = kpis[:first], kpis[first:second], kpis[second:]
    left = merge([merge([merge(parts[0]), merge(parts[1])]), merge(parts[2])])
    right = merge([merge(parts[0]), merge([merge(parts[1]), merge(parts[2])])])
    assert same(left, right)
    assert same(left, whole)


@settings(max_examples=40)
@given(event_lists())
def test_no_buckets_are_the_neutral_element(events):
    """Merging with nothing changes nothing, and a single bucket's summary has the bucket's own figures."""
    nothing = merge([])
    assert nothing.interactions == 0
    assert all(value in {None, 0} for value in nothing.figures().values())
    for kpi in kpis_of(events):
        alone = merge([kpi])
        assert merge([nothing, kpi, nothing]) == alone
        assert alone.sums == sums_of(kpi)
        assert (alone.latency_ms, alone.feedback_ms) == (dict(kpi.latency_ms), dict(kpi.feedback_ms))


@settings(max_examples=40)
@given(event_lists(), st.data())
def test_the_latest_value_of_a_bucket_is_found_in_any_mixture_of_its_records(events, data):
    """From all records ever emitted, in any order and with repetitions, `latest` picks what the whole log gives."""
    records = log(events)
    run = Run()
    for record in records:
        run.apply([record])
        run.checkpoint()
    mixed = data.draw(st.permutations(run.kpis + run.kpis[: len(run.kpis) // 2]))
    found = latest(mixed)
    assert {bucket: found[bucket] for bucket in run.last()} == Run().whole(records).last()


def routed(n, seed, observe):
    """A domain of three arms of which the first is drawn in half of the decisions; observe(arm, rng): observations."""
    rng = np.random.default_rng(seed)
    spec = specification(success=Component(required=True), prices=(0.001, 0.02, 0.004), default_reward=0.0)
    p = (0.5, 0.25, 0.25)
    events = [change(spec)]
    for number in range(n):
        choice = int(rng.choice(3, p=p))
        events.append(outcome(number, observe(choice, rng), choice=choice, propensities=p, scores=(0.5, 0.7, 0.4)))
    return events


def test_regret_is_what_the_best_arm_would_have_earned_more():
    """Success 0.5, 0.9 and 0.3 of arms drawn 2:1:1 is 0.55 on average: 0.35 less than the second alone.

    Of 60 logs the interval of 95%, corrected for the choice of the best, holds the truth in at least 85%.
    """
    held = []
    for seed in range(60):
        events = routed(300, seed, lambda arm, rng: {"success": float(rng.random() < (0.5, 0.9, 0.3)[arm])})
        regret = merge(kpis_of(events)).regret
        held.append(regret.lower <= 0.35 <= regret.upper)
        assert regret.best == {"guild/routing": ARMS[1]}
        assert regret.interactions == 300
    assert np.mean(held) >= 0.85


def test_the_cost_cut_is_against_the_dearest_arm():
    """Arms of 0.01, 0.04 and 0.02 drawn 2:1:1 cost 0.02 on average: half of what the dearest costs."""
    events = routed(2_000, 1, lambda arm, rng: {"success": 1.0, "cost": (0.01, 0.04, 0.02)[arm]})
    cut = merge(kpis_of(events)).cost_cut
    assert cut.baseline == f"guild/routing: {ARMS[1]}"
    assert cut.baseline_cost == pytest.approx(0.04)
    assert cut.estimate == pytest.approx(0.5, abs=0.03)
    assert merge(kpis_of(events[:8])).cost_cut is None  # too little is known of the dearest arm


def test_the_cost_cut_weighs_by_propensity():
    """Where long requests cost ten times as much and seldom go to the dearest arm, its plain mean would be too low."""
    spec = specification(success=Component(), prices=(0.001, 0.02, 0.004))
    rng = np.random.default_rng(3)
    events = [change(spec)]
    for number in range(4_000):
        long = rng.random() < 0.5
        p = (0.875, 0.125, 0.0) if long else (0.125, 0.875, 0.0)
        choice = int(rng.choice(3, p=p))
        cost = (10 if long else 1) * (0.001, 0.02)[choice]
        events.append(outcome(number, {"success": 1.0, "cost": cost}, choice=choice, propensities=p))
    cut = merge(kpis_of(events)).cost_cut
    assert cut.baseline_cost == pytest.approx(0.11, rel=0.1)  # the plain mean is about 0.043


def test_errors_that_another_arm_made_good_are_no_outage():
    """Available is who got an answer; what nobody observed says nothing."""
    seen = [{"error": 0.0}, {"error": 1.0, "fallback": 1.0}, {"error": 1.0}, {"success": 1.0}, {}]
    events = [change(specification(success=Component())), *(outcome(n, each) for n, each in enumerate(seen))]
    summary = merge(kpis_of(events))
    assert summary.availability == 0.75
    assert (summary.error_rate, summary.fallback_rate) == (2 / 3, 0.25)


def test_resolved_is_success_or_else_quality():
    """Where success is not observed, a quality of one half and more counts; where neither is, nothing is known."""
    seen = [{"success": 1.0, "quality": 0.1}, {"quality": 0.5}, {"quality": 0.49, "cost": 0.3}, {"cost": 0.1}, {}]
    events = [change(specification(success=Component())), *(outcome(n, each) for n, each in enumerate(seen))]
    summary = merge(kpis_of(events))
    assert summary.resolved_rate == 2 / 3
    assert summary.cost_per_resolved is None  # of those that were paid none was resolved


def test_the_share_of_fast_answers():
    """A limit's own bin does not count as within it: what is known to 1% is not taken for less."""
    events = [change(specification(success=Component()))]
    events += [outcome(n, {"latency_ms": ms}) for n, ms in enumerate((100.0, 1_900.0, 2_100.0, 9_000.0))]
    assert merge(kpis_of(events)).share_within(2_000.0) == 0.5


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
    events = [change(specification()), outcome(0, {"cost": 1.7e308})]
    (kpi,) = kpis_of(events)[:1]
    kpi = msgspec.structs.replace(kpi, cost_sum=1.7e308, cost_count=1)
    assert merge([kpi, kpi]).cost_per_interaction == math.inf


@settings(max_examples=30)
@given(event_lists(max_size=4))
def test_figures_are_plain_data(events):
    """JSON carries them, also of one outcome and of impossible sums."""
    kpis = kpis_of(events)
    for kpi in (*kpis, *(msgspec.structs.replace(each, cost_sum=math.inf, cost_count=1) for each in kpis)):
        json.dumps(merge([kpi]).figures(), allow_nan=False)
