"""Outcomes in the order in which the joiner writes them: stretches are whole, and an honest stream has no alarms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.domains import Arm, Component, DomainSpec, LearnerSpec
from schemas.events import Clock, Decision, Outcome, Reward
from schemas.wire import decode, encode
from stream_workers.honesty import layout as at
from stream_workers.honesty.stretches import begin, move, wait_for, within
from stream_workers.joining.processor import JoinerProcessor
from stream_workers.learning.domain import DomainState
from stream_workers.runtime.stage import MemoryState

HORIZON_MS = 1_000
SPEC = DomainSpec(
    "acme",
    "routing",
    2,
    (Arm("quick"), Arm("slow"), Arm("silent")),
    {"success": Component(required=True)},
    LearnerSpec("learned", "uniform"),
    horizon_ms=HORIZON_MS,
)
P = np.array([0.5, 0.3, 0.2], "<f4")


class Record:
    def __init__(self, offset, timestamp, event):
        self.offset, self.timestamp, self.key, self.value = offset, timestamp, b"acme", encode(event)


def joined(seed, n, gap, silence=0.8, most=400):
    """What the joiner makes of n decisions and their rewards, in batches of up to `most`: all outcomes, in its order.

    "quick" is rewarded after 5 ms; "slow" after up to the horizon and a little more, successes first; "silent" not at
    all with a probability of `silence`.
    """
    rng = np.random.default_rng(seed)
    times = 1_000_000 + np.cumsum(rng.exponential(gap, n)).astype(int)
    chosen, success = rng.choice(3, n, p=P.astype(float) / P.astype(float).sum()), rng.random(n) < 0.6
    delay = np.where(chosen == 0, 5, rng.integers(50, np.where(success, 300, 1_100)))
    if not silence:
        delay = np.minimum(delay, HORIZON_MS - 1)
    silent = (chosen == 2) & (rng.random(n) < silence)
    features = rng.normal(size=(n, 2)).astype("<f4")
    decisions = [
        Record(i, int(times[i]), Decision(
            f"d{i}", "acme", "routing", ("quick", "slow", "silent"), int(chosen[i]), P.tobytes(), P.tobytes(),
            features[i].tobytes(), "learned", 0, 0, HORIZON_MS, ("success",), i,
        ))
        for i in range(n)
    ]  # fmt: skip
    order = [i for i in np.argsort(times + delay, kind="stable") if not silent[i]]
    rewards = [
        Record(
            offset, int(times[i] + delay[i]), Reward(f"r{i}", "acme", f"d{i}", {"success": float(success[i])})
        )
        for offset, i in enumerate(order)
    ]  # fmt: skip
    end = int(times[-1]) + 3 * HORIZON_MS
    decisions.append(Record(len(decisions), end, Clock()))
    rewards.append(Record(len(rewards), end, Clock()))
    outcomes = []
    joiner = JoinerProcessor(
        0, MemoryState(), lambda topic, key, value: outcomes.append(decode(topic, value)), lambda *_: None,
        early_ms=50, remember_ms=100,
    )  # fmt: skip
    waiting = {"decisions": decisions, "rewards": rewards}
    while any(waiting.values()):
        topic = rng.choice([topic for topic, records in waiting.items() if records])
        size = int(rng.integers(1, most))
        joiner.apply(topic, waiting[topic][:size])
        waiting[topic] = waiting[topic][size:]
    found = [each for each in outcomes if isinstance(each, Outcome)]
    assert len(found) == n
    return found


@settings(max_examples=15)
@given(st.integers(0, 2**32), st.sampled_from([2.0, 15.0, 60.0]), st.sampled_from([20, 400, 1_500]))
def test_stretches_of_what_is_joined_are_whole(seed, gap, most):
    """However the joiner came by its records: when a stretch is judged, every decision of its time has been taken."""
    outcomes = joined(seed, 1_500, gap, most=most)
    decided = np.array([each.decided_at_ms for each in outcomes])
    head, taken, judged = np.zeros(at.HEAD), 0, 0
    for outcome in outcomes:
        times = float(outcome.decided_at_ms), float(outcome.ended_at_ms)
        if move(head, wait_for(HORIZON_MS), *times, outcome.ended == "horizon"):
            assert taken == ((decided >= head[at.BEGIN]) & (decided <= head[at.UNTIL])).sum()
            judged, taken = judged + 1, 0
            head[at.TAKEN] = 0
            begin(head)
        if within(head, float(outcome.decided_at_ms)):
            taken += 1
            head[at.TAKEN] += 1
    assert judged or gap == 2.0


@pytest.mark.parametrize("most", [50, 5_000])
@pytest.mark.parametrize(("gap", "silence"), [(1.0, 0.8), (10.0, 0.8), (10.0, 0.003), (10.0, 0.0)])
def test_an_honest_stream_of_unequal_arms_has_no_alarm(gap, silence, most):
    """One arm's feedback comes at once, another's late, the third's more or less seldom, traffic stops in the end, and
    the joiner reads both topics side by side or one far ahead of the other."""
    state = DomainState(SPEC, 0)
    outcomes = joined(1, 12_000, gap, silence, most)
    for first in range(0, len(outcomes), 100):
        state.learn(outcomes[first : first + 100])
        assert state.alarms() == []
    assert state.report()["checks"]["judged"] > 1_000
