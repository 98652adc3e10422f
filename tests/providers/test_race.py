"""Who is asked, when, and who answers: retries, fallbacks, hedges and breakers with the real clients."""

import asyncio
import time

import pytest
from msgspec.structs import replace

from infra.standins.models import Fault
from producers.providers import Message, Request, Unanswered
from producers.providers.catalogue import BreakerLimits, ThrottleLimits

from .conftest import LIMITS, ask, question


@pytest.fixture
def protocol():
    """Who is asked and when does not depend on how: `test_answers` has both."""
    return "openai"


async def test_a_retry_waits_for_what_the_provider_asks(server, providers_of):
    """429 with a short Retry-After: the same model is asked again, not before that time, and answers."""
    server.faults.set(Fault("rate-limit", "strong", retry_after=0.3, requests=1))
    begun = time.monotonic()
    stream = await ask(providers_of(limits=replace(LIMITS, retries=1)), "strong", "cheap")
    assert time.monotonic() - begun >= 0.3
    assert [(each.arm, each.how) for each in stream.attempts] == [("strong", "rate-limited"), ("strong", "answered")]
    assert not stream.answer.fell_back and server.faults.seen == {"strong": 2}


async def test_a_provider_that_asks_for_long_is_not_waited_for(server, providers_of):
    """429 with a long Retry-After: the next model is asked at once, and the first is left alone for that time."""
    server.faults.set(Fault("rate-limit", "strong", retry_after=30, requests=1))
    now = 0.0
    providers = providers_of(limits=replace(LIMITS, retries=3), clock=lambda: now + time.monotonic())
    stream = await ask(providers, "strong", "cheap")
    assert [(each.arm, each.how) for each in stream.attempts] == [("strong", "rate-limited"), ("cheap", "answered")]
    assert providers.restrictions(["strong", "cheap"], question()) == {"strong": "unhealthy"}
    again = await ask(providers, "strong", "cheap")
    assert [(each.arm, each.how) for each in again.attempts] == [("strong", "refused"), ("cheap", "answered")]
    assert again.answer.fell_back and server.faults.seen["strong"] == 1
    now = 30.0
    assert providers.restrictions(["strong", "cheap"], question()) == {}
    assert (await ask(providers, "strong")).answer.arm == "strong"


async def test_retries_end(server, providers_of):
    """Not more often than the catalogue says, and only what may help."""
    server.faults.set(Fault("fail", "strong"), Fault("fail", "middle", status=401))
    providers = providers_of(limits=replace(LIMITS, retries=2))
    stream = await ask(providers, "strong", "middle", "cheap")
    assert [each.arm for each in stream.attempts] == ["strong", "strong", "strong", "middle", "cheap"]
    assert [each.how for each in stream.attempts] == ["failed"] * 4 + ["answered"]


async def test_a_cut_answer_begins_anew(server, providers_of):
    """What had come is withdrawn, and the answer is the next model's alone."""
    server.faults.set(Fault("cut", "strong", after_pieces=2), Fault("cut", "middle", after_pieces=1))
    stream = await ask(providers_of(limits=replace(LIMITS, retries=2)), "strong", "middle", "cheap")
    assert stream.restarts == 2 and stream.answer.arm == "cheap"
    assert [each.how for each in stream.attempts] == ["cut", "cut", "answered"]  # not asked again: it had spoken


async def test_a_hedge_wins(server, providers_of):
    """No first token within hedge_after: the next is asked, speaks first, answers; the first is cancelled and paid."""
    server.faults.set(Fault("hang", "strong"))
    stream = await ask(providers_of(limits=replace(LIMITS, hedge_after_s=0.1)), "strong", "middle", "cheap")
    cancelled, answered = stream.attempts
    assert (cancelled.arm, cancelled.how, cancelled.detail) == ("strong", "cancelled", "middle spoke first")
    assert (answered.arm, answered.how) == ("middle", "answered") and stream.answer.arm == "middle"
    assert stream.answer.fell_back and stream.restarts == 0
    assert cancelled.usage.estimated and cancelled.cost_usd > 0 and cancelled.first_token_ms is None
    assert stream.answer.cost_usd == cancelled.cost_usd + answered.cost_usd
    assert "cheap" not in server.faults.seen  # two at once, not more
    await _until(lambda: server.open == 0)


async def test_a_hedge_loses(server, providers_of):
    """The first speaks while the next is being asked: it answers, and the next is paid for having been asked."""
    server.faults.set(Fault("slow", "strong", seconds=0.4), Fault("hang", "middle"))
    stream = await ask(providers_of(limits=replace(LIMITS, hedge_after_s=0.1)), "strong", "middle")
    assert [(each.arm, each.how) for each in stream.attempts] == [("middle", "cancelled"), ("strong", "answered")]
    assert stream.answer.arm == "strong" and stream.attempts[0].cost_usd > 0


async def test_a_hedge_that_fails_leaves_the_first_to_answer(server, providers_of):
    """And the third is asked when the second is known to have failed."""
    server.faults.set(Fault("slow", "strong", seconds=0.6), Fault("fail", "middle"), Fault("hang", "cheap"))
    stream = await ask(providers_of(limits=replace(LIMITS, hedge_after_s=0.1)), "strong", "middle", "cheap")
    assert [(each.arm, each.how) for each in stream.attempts] == [
        ("middle", "failed"),
        ("cheap", "cancelled"),
        ("strong", "answered"),
    ]


async def test_who_was_overtaken_answers_when_the_winner_is_cut(server, providers_of):
    """A model that lost the race only by its pace is asked again when nobody else is left."""
    server.faults.set(Fault("slow", "strong", seconds=1.0, requests=1), Fault("cut", "middle", after_pieces=1))
    stream = await ask(providers_of(limits=replace(LIMITS, hedge_after_s=0.1)), "strong", "middle")
    assert [(each.arm, each.how) for each in stream.attempts] == [
        ("strong", "cancelled"),
        ("middle", "cut"),
        ("strong", "answered"),
    ]
    assert stream.restarts == 1 and stream.answer.arm == "strong"


async def test_without_hedging_a_slow_model_is_waited_for(server, providers_of):
    server.faults.set(Fault("slow", "strong", seconds=0.3))
    stream = await ask(providers_of(), "strong", "cheap")
    assert [each.arm for each in stream.attempts] == ["strong"] and server.faults.seen == {"strong": 1}


async def test_leaving_a_race_pays_both(server, providers_of):
    """Cancelled while two are being asked: both requests are closed and charged."""
    server.faults.set(Fault("hang"))
    stream = providers_of(limits=replace(LIMITS, hedge_after_s=0.05)).stream(["strong", "middle"], question())

    async def read():
        async with stream:
            async for _ in stream:
                pass

    task = asyncio.create_task(read())
    await _until(lambda: server.open == 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted((each.arm, each.how) for each in stream.attempts) == [
        ("middle", "cancelled"),
        ("strong", "cancelled"),
    ]
    assert all(each.cost_usd > 0 for each in stream.attempts)
    await _until(lambda: server.open == 0)


async def test_a_model_that_hangs_opens_its_breaker(server, providers_of):
    """Always overtaken means always failed: after so many nobody waits for it any more; the others' stay closed."""
    server.faults.set(Fault("hang", "strong"))
    providers = providers_of(
        limits=replace(LIMITS, hedge_after_s=0.05),
        breaker=BreakerLimits(failures=3),
        throttle=ThrottleLimits(burst=100),
    )
    for _ in range(50):  # on a busy machine some do not count: the process was late itself
        if providers.breakers()["strong"] == "closed":
            assert (await ask(providers, "strong", "cheap")).answer.arm == "cheap"
    assert providers.breakers() == {"strong": "open", "middle": "closed", "cheap": "closed"}
    assert providers.restrictions(["strong", "cheap"], question()) == {"strong": "unhealthy"}
    asked = server.faults.seen["strong"]
    await ask(providers, "strong", "cheap")
    assert server.faults.seen["strong"] == asked >= 3


async def test_a_breaker_opens_and_a_probe_closes_it(server, providers_of):
    """After n failures in a row the model is not asked; later one request asks it, and its success lets all others."""
    server.faults.set(Fault("fail", "strong"))
    now = 0.0
    providers = providers_of(
        breaker=BreakerLimits(failures=3, open_s=50, longest_open_s=300), clock=lambda: now + time.monotonic()
    )
    for _ in range(5):
        await ask(providers, "strong", "cheap")
    assert server.faults.seen["strong"] == 3
    server.faults.set(Fault("slow", "strong", seconds=0.2))
    now = 50.0
    assert providers.breakers()["strong"] == "half-open"
    streams = await asyncio.gather(*(ask(providers, "strong", "cheap") for _ in range(5)))
    assert sorted(each.answer.arm for each in streams) == ["cheap"] * 4 + ["strong"]
    assert server.faults.seen["strong"] == 4
    assert providers.breakers()["strong"] == "closed"
    streams = await asyncio.gather(*(ask(providers, "strong", "cheap") for _ in range(5)))
    assert {each.answer.arm for each in streams} == {"strong"}


async def test_when_everything_is_slow_nobody_asks_twice(server, providers_of):
    """Hedges and retries together are a share of all requests: slow or failing providers do not get twice the load."""
    throttle = ThrottleLimits(share=0.1, burst=3)
    server.faults.set(Fault("slow", seconds=0.3))
    slow = providers_of(limits=replace(LIMITS, hedge_after_s=0.02), throttle=throttle)
    streams = await asyncio.gather(*(ask(slow, "strong", "cheap") for _ in range(40)))
    assert 3 <= sum(len(each.attempts) - 1 for each in streams) <= 3 + 0.1 * 40
    assert sum(server.faults.seen.values()) <= 40 + 3 + 0.1 * 40
    server.faults.set(Fault("fail", "strong"))
    failing = providers_of(limits=replace(LIMITS, retries=1), throttle=throttle)
    before = server.faults.seen["strong"]
    streams = [await ask(failing, "strong", "cheap") for _ in range(20)]
    assert {each.answer.arm for each in streams} == {"cheap"}  # going on to the next is never throttled
    assert 3 <= server.faults.seen["strong"] - before - 20 <= 3 + 0.1 * 20


async def test_a_process_that_is_late_itself_does_not_blame_models(server, providers_of):
    """Time that ran out while this process stood still says nothing about the model: its breaker stays closed."""
    server.faults.set(Fault("hang"))
    providers = providers_of(limits=replace(LIMITS, first_token_s=0.2), breaker=BreakerLimits(failures=1))

    async def run_out_of_time():
        async with providers.stream(["strong"], question()) as stream:
            with pytest.raises(Unanswered, match="no first token within"):
                async for _ in stream:
                    pass

    asyncio.get_running_loop().call_later(0.1, time.sleep, 0.8)
    await run_out_of_time()
    assert providers.breakers()["strong"] == "closed"
    for _ in range(10):  # a busy machine may be late once more
        if providers.breakers()["strong"] == "closed":
            await run_out_of_time()
    assert providers.breakers()["strong"] == "open"


async def test_requests_a_model_can_not_take_say_nothing_of_its_health(server, providers_of):
    """Refusals of content (400, filters) are the request's, not the model's: the breaker stays closed."""
    server.faults.set(Fault("fail", "strong", status=400), Fault("refuse", "middle"))
    providers = providers_of(breaker=BreakerLimits(failures=1))
    for _ in range(3):
        await ask(providers, "strong", "middle", "cheap")
    assert set(providers.breakers().values()) == {"closed"}


async def test_restrictions_say_why(server, providers_of):
    """Each reason by its name; what can not take a request is not asked, and that is an attempt on record."""
    providers = providers_of()
    pictures = Request((Message("user", "What is this?", images=("https://example.com/a.png",)),))
    long = Request((Message("user", "word " * 90_000),))
    assert providers.restrictions(["strong", "no-such"], question()) == {"no-such": "unknown"}
    assert providers.restrictions(["strong"], pictures) == {"strong": "capability"}
    assert providers.restrictions(["strong"], long) == {"strong": "context-length"}
    async with providers.stream(["no-such", "strong"], long) as stream:
        with pytest.raises(Unanswered):
            async for _ in stream:
                pass
    assert [(each.arm, each.how, each.detail, each.cost_usd) for each in stream.attempts] == [
        ("no-such", "refused", "not asked: unknown", 0.0),
        ("strong", "refused", "not asked: context-length", 0.0),
    ]
    assert server.faults.seen == {}


async def _until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)
