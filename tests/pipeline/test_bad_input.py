"""Whatever is sent, the stream goes on: what cannot be handled is in dead-letters, whole, with the reason."""

import math
import os

import pytest

from schemas import wire
from schemas.events import Clock, Context, DeadLetter, Decision, Outcome, Reward
from tests.pipeline.conftest import spec


@pytest.mark.kafka
@pytest.mark.timeout(180)
async def test_every_kind_of_bad_record_is_kept_with_its_reason_and_the_stream_goes_on(live, by_reason):
    """Contexts and rewards of every kind of badness, between good ones: each bad one is a dead letter that holds its
    bytes and says why; each good one is decided and ends with its outcome; no worker restarts."""
    await live.apply(spec())
    good = Context("bad", "acme", "model_routing", bytes(8))
    whole = wire.encode(good)
    bad_contexts = {
        "not-messagepack": [os.urandom(40) + b"\xc1", whole[:-3], b""],
        "unknown-version": [whole.replace(b"context.1", b"context.9")],
        "unknown-type": [wire.encode(Clock()), wire.encode({"id": "x"}), b"\x01"],
        "invalid": [wire.encode(["context.1", "", "acme", "model_routing", b""]), None],
        "features-length": [wire.encode(Context("f", "acme", "model_routing", bytes(12)))],
        "features-not-finite": [wire.encode(Context("n", "acme", "model_routing", b"\x00\x00\xc0\x7f" * 2))],
        "unknown-domain": [
            wire.encode(Context("d", "acme", "no_such_domain", bytes(8))),
            wire.encode(Context("t", "nobody", "model_routing", bytes(8))),
        ],
        "unknown-arm": [wire.encode(Context("a", "acme", "model_routing", bytes(8), ("large", "no-such-arm")))],
        "too-large": [wire.encode(["context.1", "big", "acme", "model_routing", bytes(2 * 1024 * 1024)])],
    }
    await live.context("good-0")
    sent = 0
    for values in bad_contexts.values():
        for value in values:
            await live.send("contexts", value)
            sent += 1
    await live.send("contexts", whole, b"another-tenant")  # wrong-key
    await live.context("good-1")
    decided = await live.until("decisions", Decision, 2)
    assert {each.id for each in decided} == {"good-0", "good-1"}
    letters = by_reason(await live.until("dead-letters", DeadLetter, sent + 1))
    assert [letters[reason][0].stage for reason in letters] == ["router"] * len(letters)
    for reason, values in bad_contexts.items():
        assert sorted(each.value or b"" for each in letters[reason]) == sorted(value or b"" for value in values), reason
    assert [each.value for each in letters["wrong-key"]] == [whole]

    bad_rewards = {
        "not-messagepack": [b"\xc1\xc1"],
        "unknown-version": [wire.encode(["reward.7", "x", "acme", "good-0", {}])],
        "invalid": [
            wire.encode(Reward("r", "acme", "good-0", {"cost": -0.5})),
            wire.encode(Reward("r", "acme", "good-0", {"quality": math.nan})),
            wire.encode(Reward("r", "acme", "good-0", {"success": 7.0})),
            wire.encode(Reward("r", "acme", "good-0", {})),
        ],
        "orphan": [wire.encode(Reward("r", "acme", "never-was", {"quality": 1.0}))],
    }
    for values in bad_rewards.values():
        for value in values:
            await live.send("rewards", value)
    await live.reward("good-0", quality=0.75, cost=0.1)
    await live.reward("good-1", quality=0.25, cost=0.2)
    outcomes = {each.decision.id: each for each in await live.until("outcomes", Outcome, 2)}
    assert outcomes["good-0"].observations == {"quality": 0.75, "cost": 0.1}
    assert outcomes["good-1"].observations == {"quality": 0.25, "cost": 0.2}
    assert {each.ended for each in outcomes.values()} == {"complete"}
    kept = await live.until("dead-letters", DeadLetter, 7, lambda each: each.topic == "rewards")
    letters = by_reason(kept)
    for reason, values in bad_rewards.items():
        assert sorted(each.value for each in letters[reason]) == sorted(values), reason


@pytest.mark.kafka
@pytest.mark.timeout(120)
async def test_feedback_that_is_partial_late_or_never_comes_ends_at_the_horizon_on_an_idle_partition(live):
    """Without any further traffic the horizons of three decisions pass: one with half its feedback, one with none, one
    whose feedback is late; each has one outcome, and the late feedback changes nothing."""
    await live.apply(spec())
    for name in ("half", "none", "late"):
        await live.context(name)
    await live.until("decisions", Decision, 3)
    await live.reward("half", quality=1.0)
    outcomes = {each.decision.id: each for each in await live.until("outcomes", Outcome, 3)}
    await live.reward("late", quality=1.0, cost=0.0)
    await live.running.settled()
    assert {name: (each.ended, each.observations) for name, each in outcomes.items()} == {
        "half": ("horizon", {"quality": 1.0}),
        "none": ("horizon", {}),
        "late": ("horizon", {}),
    }
    assert all(each.ended_at_ms == each.decided_at_ms + 2_000 for each in outcomes.values())
    assert len(await live.events("outcomes", Outcome)) == 3
