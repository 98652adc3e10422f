"""The kernels against checks that keep every outcome: the same alarms, at the same times, about the same things."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_workers.honesty import gathering
from stream_workers.honesty.checks import limits_of
from stream_workers.honesty.layout import ALARM_FIELDS, KINDS

from .naive import Naive
from .streams import Log, Plan, fresh, look, simulate

FALSE_EVER, FALSE_EVERY = 0.3, 3.0  # so that alarms are many


def alarms(vector):
    table = vector[-len(KINDS) * ALARM_FIELDS :].reshape(len(KINDS), ALARM_FIELDS)
    return {name: tuple(row) for name, row in zip(KINDS, table, strict=True) if row[0] > 0}


def faulty(seed):
    """A plan with some faults of random kinds from some outcome on."""
    rng = np.random.default_rng(seed)
    K, d, P = int(rng.integers(1, 6)), int(rng.integers(0, 5)), int(rng.integers(1, 4))
    n = 4000
    start = rng.integers(0, n // 2)

    def from_then(change):
        return (lambda it, number: np.where((number >= start)[:, None], change(it), it)) if rng.random() < 0.4 else None

    arm = int(rng.integers(K))
    power, scale, shift = rng.choice([0.3, 3.0]), rng.choice([0.0, 0.2, 5.0]), rng.normal() * 2

    def sharper(p):
        return p**power / (p**power).sum(1, keepdims=True)

    def without(p):
        q = p * (np.arange(K) != arm) + 1e-12
        return q / q.sum(1, keepdims=True)

    def pulled(p):
        return 0.1 * p + 0.9 * (np.arange(K) == arm)

    return Plan(
        n, K, d, P,
        draw=from_then(sharper) or from_then(without),
        shown=from_then(lambda p: np.maximum(sharper(p.astype(float)), 1e-6)) or from_then(pulled),
        means=from_then(lambda m: m * np.where(np.arange(K) == arm, 0.2, 0.9)) or from_then(lambda m: 0.2 * m),
        features=from_then(lambda x: x * scale + shift) if d else None,
        feedback=from_then(lambda f: np.where(np.arange(K) == arm, 0.1, f)),
        concentration=rng.choice([0.3, 1.0, 5.0]),
        gap_ms=float(rng.choice([5.0, 20.0, 200.0])),
    )  # fmt: skip


def masked(log, rng):
    """Some arms are not eligible in some decisions; some features are missing; some policies predict nothing."""
    n, K = log.propensities.shape
    eligible = (rng.random((n, K)) < 0.8) | (np.arange(K) == log.chosen[:, None])
    p = np.where(eligible, log.propensities, 0).astype(float)
    log.propensities = np.ascontiguousarray((p / p.sum(1, keepdims=True)).astype(np.float32))
    log.eligible = eligible
    missing = rng.random(log.x.shape) < rng.choice([0.0, 0.3, 1.0], log.x.shape[1])
    log.x = np.where(missing, np.nan, log.x).astype(np.float32)
    log.predicted[1:] = np.where(rng.random((len(log.predicted) - 1, 1)) < 0.5, np.nan, log.predicted[1:])
    return log


def naive_of(plan, log, has_model):
    naive = Naive(plan.subject, FALSE_EVER, FALSE_EVERY)
    columns = vars(log)
    for i in range(len(log.chosen)):
        row = {name: column[i] for name, column in columns.items() if name != "predicted"}
        naive.look(row | {"predicted": log.predicted[:, i]}, has_model)
    return naive


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.booleans(), st.booleans())
def test_the_alarms_of_the_naive_checks(seed, has_model, with_masks):
    """Any faults: the last alarm of each kind is that of the naive checks, and there were as many."""
    plan = faulty(seed)
    log = simulate(plan, seed)
    if with_masks:
        log = masked(log, np.random.default_rng(seed))
    limits, vector = limits_of(plan.subject, FALSE_EVER, FALSE_EVERY), fresh(plan.subject)
    raised = look(vector, log, limits, has_model)
    naive = naive_of(plan, log, has_model)
    found = alarms(vector)
    assert found.keys() == naive.alarms.keys()
    for kind, row in naive.alarms.items():
        assert found[kind] == pytest.approx(row, rel=1e-6, abs=1e-9), kind
    assert raised == naive.raised


def test_the_law_above_is_about_every_kind():
    """Among the streams of that test every kind of alarm but `thin` is raised, each often; and none always."""
    seen = []
    for seed in range(60):
        plan = faulty(seed)
        vector = fresh(plan.subject)
        look(vector, simulate(plan, seed), limits_of(plan.subject, FALSE_EVER, FALSE_EVERY))
        seen.append(set(alarms(vector)))
    for kind in KINDS:
        assert kind == "thin" or 3 <= sum(kind in each for each in seen) <= 57, kind


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.lists(st.integers(1, 400), min_size=1, max_size=20))
def test_a_batch_is_its_sequence(seed, sizes):
    """However outcomes are batched, the vector has the same bits."""
    plan = faulty(seed)
    log, limits = simulate(plan, seed), limits_of(plan.subject, FALSE_EVER, FALSE_EVERY)
    whole, parts = fresh(plan.subject), fresh(plan.subject)
    raised = look(whole, log, limits)
    at, counted = 0, 0
    while at < len(log.chosen):
        size = sizes[at % len(sizes)]
        counted += look(parts, log.rows(slice(at, at + size)), limits)
        at += size
    assert whole.tobytes() == parts.tobytes()
    assert raised == counted


def test_interpreted(monkeypatch):
    """The kernel as plain Python gives the compiled one's bits."""
    plan = faulty(3)
    log, limits = simulate(plan, 3).rows(slice(0, 600)), limits_of(plan.subject, FALSE_EVER, FALSE_EVERY)
    compiled, interpreted = fresh(plan.subject), fresh(plan.subject)
    look(compiled, log, limits)
    monkeypatch.setattr("tests.honesty.streams.gather", gathering.gather.py_func)
    look(interpreted, log, limits)
    assert compiled.tobytes() == interpreted.tobytes()


def test_thin():
    """An enabled arm that is never offered, and one whose few acts carry all the weight, are told of; others not."""
    plan = Plan(n=40_000, K=3, d=0, P=1, floor=0.0001)
    log = simulate(plan, 1)
    n = len(log.chosen)
    p = np.tile(np.array([0.9995, 0.0005, 0.0], np.float32), (n, 1))
    eligible = np.tile([True, True, False], (n, 1))
    log = Log(
        log.predicted, log.x, eligible, (np.random.default_rng(2).random(n) < 0.0005).astype(np.int64), p, log.reward,
        log.complete, log.decided, log.ended, log.lapsed,
    )  # fmt: skip
    for enabled, place, effective in (((True, True, False), 1, None), ((True, True, True), 2, 0.0)):
        plan.subject = Plan(n=1, K=3, d=0, P=1).subject
        subject = type(plan.subject)(plan.subject.policies, plan.subject.arms, enabled, 0, 1000, 0.0001)
        vector = fresh(subject)
        look(vector, log, limits_of(subject))
        found = alarms(vector)
        assert found.keys() == {"thin"}
        assert found["thin"][1] == place
        assert found["thin"][3] < 10 if effective is None else found["thin"][3] == effective
