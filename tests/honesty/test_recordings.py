"""Real traffic and real learners: a policy that learns raises no alarms by learning."""

import msgspec
import numpy as np
import pytest

from producers.replay.bundled import TENANTS, load
from schemas.domains import Arm, Component, DomainSpec, LearnerSpec
from schemas.events import Decision, Outcome
from stream_workers.bandits.randomness import draws
from stream_workers.learning.domain import DomainState

HORIZON_MS, GAP_MS, BATCH = 1_000, 20, 20


def play(recording, n, champion, learned=lambda event, number: event):
    """A domain's state after n recorded requests, decided by what it has learned; feedback comes within the horizon."""
    component = next(name for name in ("success", "quality", *recording.components) if name in recording.components)
    spec = DomainSpec(
        "t",
        "d",
        recording.size,
        tuple(map(Arm, recording.arms)),
        {component: Component(required=True)},
        champion,
        (LearnerSpec("other", "linucb", {"map": "standard"}),),
        horizon_ms=HORIZON_MS,
    )
    state, rng, waiting, kinds = DomainState(spec, 0), np.random.default_rng(1), [], set()
    rows = np.concatenate([rng.permutation(recording.rows) for _ in range(-(-n // recording.rows))])[:n]
    for first in range(0, n, BATCH):
        numbers = range(first, min(first + BATCH, n))
        x = np.stack([recording.features(int(rows[number])) for number in numbers]).astype(np.float32)
        ids = [str(number) for number in numbers]
        choices = state.decide(x, None, draws(ids, "t/d"))
        for i, number in enumerate(numbers):
            arm, decided = int(choices.arm[i]), 1_000_000 + GAP_MS * number
            decision = Decision(
                ids[i], "t", "d", recording.arms, arm, choices.propensities[i].tobytes(), choices.scores[i].tobytes(),
                x[i].tobytes(), "champion", 0, 0, HORIZON_MS, (component,), 0,
            )  # fmt: skip
            observed = {component: recording.result(int(rows[number]), recording.arms[arm])[component]}
            ended = decided + int(rng.integers(HORIZON_MS))
            waiting.append(learned(Outcome(number, "complete", decided, ended, observed, 0, decision), number))
        waiting.sort(key=lambda each: each.ended_at_ms)
        now = 1_000_000 + GAP_MS * (first + BATCH)
        state.learn([each for each in waiting if each.ended_at_ms <= now])
        waiting = [each for each in waiting if each.ended_at_ms > now]
        kinds |= {each["kind"] for each in state.alarms()}
    return state, kinds


@pytest.mark.parametrize("tenant", TENANTS)
@pytest.mark.parametrize(
    "champion",
    [LearnerSpec("champion", "doubly_robust"), LearnerSpec("champion", "squarecb", {"map": "standard"})],
    ids=["doubly_robust", "squarecb"],
)
def test_learning_is_no_alarm(tenant, champion):
    """From the first request on, while shares and rewards move as the policy learns, on every recording.  (That a young
    challenger with many features predicts too much where it predicts most is true, and may be told.)"""
    state, kinds = play(load(tenant, content=True), 6_000, champion)
    assert kinds <= {"calibration"}
    assert all(each["policy"] == "other" and each["found"] < 0 for each in state.alarms())
    checks = state.report()["checks"]
    assert checks["judged"] > 200
    assert all(each["n"] > 200 and each["lower"] < 0.05 for each in checks["calibration"])


def test_a_feature_that_breaks_is_found_in_real_traffic():
    """The same recording with one feature in other units from some request on."""

    def broken(event, number):
        x = np.frombuffer(event.decision.features, "<f4").copy()
        if number >= 4_000:
            x[3] *= 1000
        decision = msgspec.structs.replace(event.decision, features=x.tobytes())
        return msgspec.structs.replace(event, decision=decision)

    recording = load("stand-in-analysis", content=True)
    state, kinds = play(recording, 6_000, LearnerSpec("champion", "squarecb"), broken)
    assert "feature" in kinds
    assert next(each for each in state.alarms() if each["kind"] == "feature")["feature"] == 3
