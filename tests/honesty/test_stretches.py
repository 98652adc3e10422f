"""Stretches hold all decisions of their time, whatever the order in which they end; and why that matters."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_workers.honesty import layout as at
from stream_workers.honesty.checks import limits_of
from stream_workers.honesty.evidence import of_excess, of_gap
from stream_workers.honesty.judging import LEAST
from stream_workers.honesty.stretches import begin, move, wait_for, within

from .streams import Plan, fresh, kinds, look, simulate

HORIZON = 1_000


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.sampled_from([1.0, 20.0, 300.0, 5_000.0]))
def test_a_stretch_is_whole(seed, gap):
    """Any traffic, with breaks and bursts, any delays up to the horizon: when a stretch is judged, all decisions of its
    time have been taken, there are at least LEAST of them, and no two stretches share one."""
    rng = np.random.default_rng(seed)
    n = 1_500
    decided = 1e6 + np.cumsum(np.round(rng.exponential(gap, n) * rng.choice([0.1, 1.0, 30.0], n, p=[0.5, 0.49, 0.01])))
    ended = decided + np.round(HORIZON * rng.beta(0.3, 0.3, n))
    head, taken, ends = np.zeros(at.HEAD), set(), []
    for i in np.lexsort((decided, ended)):
        if move(head, wait_for(HORIZON), decided[i], ended[i], ended[i] - decided[i] >= HORIZON):
            there = np.flatnonzero((decided >= head[at.BEGIN]) & (decided <= head[at.UNTIL]))
            assert taken == set(there)
            assert len(taken) >= LEAST
            assert not ends or head[at.BEGIN] > ends[-1]
            ends.append(head[at.UNTIL])
            head[at.TAKEN] = 0
            taken = set()
            begin(head)
        if within(head, decided[i]):
            taken.add(i)
            head[at.TAKEN] += 1
    assert ends or gap == 5_000.0 or gap == 1.0


def test_sums_in_the_order_of_the_log_are_wrong():
    """Where one arm is quick and the others slow, or success is known before failure, sums over outcomes as they come
    speak against a stream that keeps all it says; stretches do not."""
    plan = Plan(n=20_000, gap_ms=0.5, quick=lambda reward, chosen: np.where((chosen == 0) | (reward > 0.5), 0.0, 1.0))
    log, limits, vector = simulate(plan, 1), limits_of(plan.subject), fresh(plan.subject)
    p = log.propensities.astype(float)
    excess = ((log.chosen == 0) - p[:, 0]).cumsum()
    spread = (p[:, 0] * (1 - p[:, 0])).cumsum()
    assert max(map(of_excess, excess, spread)) > limits[at.AUDIT]
    gaps = (log.reward - log.predicted[0]).cumsum()
    assert max(of_gap(gap, i + 1.0, 0.05) for i, gap in enumerate(gaps)) > limits[at.CALIBRATED]
    assert look(vector, log, limits) == 0
    assert vector[at.JUDGED] > 3_000
    assert kinds(vector) == set()
