"""How often alarms are false, looked at after every outcome, over a thousand and more simulated streams."""

import numpy as np
import pytest

from stream_workers.honesty import judging
from stream_workers.honesty.checks import findings, limits_of
from stream_workers.honesty.evidence import (
    LOG_FINE,
    LOG_STEADY,
    above,
    away,
    excess_radius,
    gap_radius,
    of_excess,
    of_feature,
    of_gap,
)
from stream_workers.honesty.layout import BINS, JUDGED, SPAN

from .streams import Plan, fresh, kinds, look, simulate

STREAMS = 1_000


def ever(plan, **levels):
    """Share of streams in which each kind of alarm was ever raised.  Alarms stay in the vector: that is continuous."""
    found, limits = [], limits_of(plan.subject, **levels)
    for seed in range(STREAMS):
        vector = fresh(plan.subject)
        look(vector, simulate(plan, seed), limits)
        found.append(kinds(vector))
    return {kind: np.mean([kind in each for each in found]) for kind in set().union(*found)}


#: Success is known at once and failure at the horizon; and the arms differ in speed.
QUICK = {"quick": lambda reward, chosen: np.where(reward > 0.5, 0.1, 0.6) * (0.5 + 0.15 * chosen)}


@pytest.mark.parametrize("delays", [{}, QUICK], ids=["plain", "good news comes first"])
@pytest.mark.parametrize("concentration", [0.3, 3.0])
def test_no_false_alarms_at_the_levels_in_force(delays, concentration):
    """Among 1,000 honest streams of 6,000 outcomes there is no alarm of any kind."""
    assert ever(Plan(n=6_000, concentration=concentration, gap_ms=20.0, **delays)) == {}


@pytest.mark.parametrize("delays", [{}, QUICK], ids=["plain", "good news comes first"])
def test_false_alarms_are_as_seldom_as_stated(delays):
    """At a level of 5% propensities and calibration have a false alarm in at most 5% of streams.  Where one false alarm
    in 60 stretches is stated, each other kind has one in no more than half of the streams, which have 28."""
    found = ever(Plan(n=6_000, gap_ms=20.0, **delays), false_ever=0.05, false_every=60.0)
    assert found.get("propensity", 0.0) <= 0.05
    assert found.get("calibration", 0.0) <= 0.05
    for kind in ("reward", "prediction", "share", "feedback", "feature"):
        assert found.get(kind, 0.0) <= 0.5


def cusum(evidence, limit):
    """Share of streams in which an e-CUSUM of (streams, stretches) evidence is ever at its limit."""
    level, crossed = np.zeros(len(evidence)), np.zeros(len(evidence), bool)
    for each in evidence.T:
        level = np.maximum(level, 0.0) + each
        crossed |= level >= limit
    return crossed.mean()


def bernoulli(rng, mean, shape):
    return (rng.random((*shape, 64)) < mean).astype(float)


#: What is exactly at the border of what is tolerated, as evidence of (streams, stretches) of 64 outcomes.
BORDERS = {
    "reward": lambda rng, shape: each(lambda r: above((0.5 - r).sum(), 64.0), bernoulli(rng, 0.5, shape)),
    "prediction": lambda rng, shape: each(lambda r: away((r - 0.4).sum(), 64.0, 0.1), bernoulli(rng, 0.5, shape)),
    "feedback": lambda rng, shape: each(lambda c: above((0.1 - c).sum(), 64.0), bernoulli(rng, 0.1, shape)),
    "mean": lambda rng, shape: each(moved, rng.normal(0.5, 0.5, (*shape, 64))),
    "spread": lambda rng, shape: each(moved, np.where(rng.random((*shape, 64)) < 1.5 / 9, 3.0, 0.0) * sign(rng, shape)),
    "narrow": lambda rng, shape: each(moved, np.where(rng.random((*shape, 64)) < 0.5 / 9, 3.0, 0.0) * sign(rng, shape)),
}


def sign(rng, shape):
    return rng.choice([-1.0, 1.0], (*shape, 64))


def moved(z):
    z = np.clip(z, -3, 3)
    return of_feature(z.sum(), (z**2).sum(), 64.0, 1.0)


def each(evidence, streams):
    return np.array([[evidence(stretch) for stretch in stream] for stream in streams])


@pytest.mark.parametrize("name", BORDERS)
def test_e_cusum_at_the_border(name):
    """What is just tolerated raises an alarm within m stretches with a probability of at most m / c, where c stretches
    are what a false alarm takes at least on average.  Without the price of several bets it would be more."""
    evidence = BORDERS[name](np.random.default_rng(3), (1_000, 20))
    assert cusum(evidence, np.log(100.0)) <= 20 / 100
    assert cusum(evidence + LOG_STEADY, np.log(100.0)) > 20 / 100


def crossings(increments, variances, evidence_of, limit):
    """Share of streams in which evidence is ever at the limit; increments (streams, n)."""
    totals, spreads = increments.cumsum(1), variances.cumsum(1)
    at = np.array([[evidence_of(s, v) for s, v in zip(*row, strict=True)] for row in zip(totals, spreads, strict=True)])
    return (at.max(1) >= limit).mean()


@pytest.mark.parametrize("p", [0.5, 0.05, 0.002])
def test_ville_for_propensities(p):
    """Looking after every single draw, evidence of 1 / alpha is ever there in at most alpha of honest streams, and (the
    test is about something) in some; a z-test that is looked at all the time is wrong in most."""
    rng = np.random.default_rng(1)
    draws = (rng.random((2_000, 1_000)) < p) - p
    variances = np.full(draws.shape, p * (1 - p))
    alpha = 0.2
    # Half of the bets are of the other direction, and so is their share of the level: without it crossings are plenty.
    share = crossings(draws, variances, of_excess, np.log(1 / alpha))
    assert share <= alpha
    assert crossings(draws, variances, of_excess, np.log(1 / alpha) - LOG_FINE) > share
    z = np.abs(draws.cumsum(1)) / np.sqrt(variances.cumsum(1))
    assert (z[:, 30:].max(1) > 1.96).mean() > alpha


@pytest.mark.parametrize("mean", [0.5, 0.1])
def test_ville_for_gaps(mean):
    """The same for rewards that are off by exactly what is tolerated."""
    rng = np.random.default_rng(2)
    gaps = (rng.random((2_000, 1_000)) < mean) - (mean - 0.05)
    counts, alpha = np.ones(gaps.shape), 0.2

    def evidence(total, number):
        return of_gap(total, number, 0.05)

    share = crossings(gaps, counts, evidence, np.log(1 / alpha))
    assert share <= alpha
    assert crossings(gaps, counts, evidence, np.log(1 / alpha) - LOG_STEADY) > share


@pytest.mark.parametrize(
    ("radius", "evidence"),
    [(excess_radius, of_excess), (gap_radius, lambda total, number: of_gap(total, number, 0.0))],
)
@pytest.mark.parametrize("spread", [1.0, 30.0, 2_000.0, 1e6])
def test_intervals_are_where_the_tests_end(radius, evidence, spread):
    """A sum at the radius of the confidence sequence has the evidence of its level, to the bit's rounding."""
    for level in (1.0, 3.0, 20.0):
        assert evidence(radius(spread, level), spread) == pytest.approx(level, abs=1e-6)


def test_confidence_sequences_cover():
    """95% intervals of each arm's excess cover 0, and those of the calibration error the true one, at all stretches'
    ends at once, in at least 95% of 1,000 streams."""
    plan = Plan(n=5_000, K=2, d=1, P=1, gap_ms=20.0)
    limits = limits_of(plan.subject)
    missed = {"arm": 0, "sharpness": 0, "calibration": 0}
    for seed in range(STREAMS):
        log, vector = simulate(plan, seed), fresh(plan.subject)
        wrong, seen = set(), 0.0
        for at in range(0, len(log.chosen), 100):
            look(vector, log.rows(slice(at, at + 100)), limits)
            if vector[JUDGED] == seen:
                continue
            seen = vector[JUDGED]
            found = findings(vector, plan.subject)
            for each in (found["propensities"][0], found["propensities"][2]):
                if not each["lower"] <= 0.0 <= each["upper"]:
                    wrong.add("arm" if each["arm"] else "sharpness")
            calibration = found["calibration"][0]
            # Errors of predictions have a mean of 0 in each bin but for what clipping leaves: less than 0.03.
            if calibration["n"] and calibration["lower"] > 0.03:
                wrong.add("calibration")
        assert seen > 1_000
        for kind in wrong:
            missed[kind] += 1
    assert max(missed.values()) <= 0.05 * STREAMS


def test_spans_share_the_level():
    """However many spans there are, their parts of the level sum up to at most 1, and a span's falls as its square."""
    parts = np.array([np.exp(-judging.price_of_span(float(k))) for k in range(200_000)])
    assert 0.99 < parts.sum() <= 1.0
    number = np.arange(1, len(parts) + 1)
    assert (parts >= 0.5 / number**2 * (1 - 1e-12)).all()


def test_spans_begin_anew():
    """After SPAN outcomes a test begins anew, and what is judged afterwards is of the new span alone."""
    plan = Plan(n=50_000, d=1)
    vector = fresh(plan.subject)
    look(vector, simulate(plan, 0), limits_of(plan.subject))
    assert vector[SPAN] == 1
    assert 0 < vector[JUDGED] < judging.SPAN + 1_000
    assert len(np.unique([each["from"] for each in findings(vector, plan.subject)["calibration"][0]["bins"]])) == BINS
