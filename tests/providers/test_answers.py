"""What the real clients make of the local models, well and ill: every way an attempt can end, and what it costs."""

import asyncio
import socket

import pytest
from msgspec.structs import replace

from infra.standins.models import Fault
from producers.providers import Catalogue, Message, Model, Provider, Providers, Request, Unanswered, cost_usd
from producers.providers.estimate import request_tokens

from .conftest import LIMITS, ask, question


async def test_an_answer_is_charged_by_the_providers_own_count(server, providers_of):
    """Text arrives in pieces; tokens are those reported, not counted here; the cost is theirs by the catalogue."""
    providers = providers_of()
    stream = await ask(providers, "strong", "cheap")
    (attempt,) = stream.attempts
    assert stream.answer.arm == "strong" and attempt.how == "answered" and not stream.answer.fell_back
    assert not attempt.usage.estimated and attempt.usage.output_tokens > 10
    assert stream.answer.cost_usd == attempt.cost_usd == cost_usd(providers.catalogue.models["strong"], attempt.usage)
    assert 0 < attempt.first_token_ms <= attempt.ms
    assert server.faults.seen == {"strong": 1}


async def test_what_is_sent_is_the_request(server, providers_of, protocol):
    """Turns in order without empty ones, pictures by address, the lesser output limit, the provider's extra fields."""
    server.bodies = []
    turns = (
        Message("system", "Be brief."),
        Message("user", "Look at this", images=("https://example.com/a.png",)),
        Message("assistant", "I see."),
        Message("assistant", ""),
        Message("user", "And what is it?"),
    )
    request = Request(turns, max_output_tokens=5000)
    await ask(providers_of(capabilities=frozenset({"vision"}), extra={"temperature": 0.5}), "cheap", request=request)
    (body,) = server.bodies
    picture = {
        "openai": {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        "anthropic": {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
    }[protocol]
    messages = body["messages"]
    if protocol == "openai":
        assert messages.pop(0) == {"role": "system", "content": "Be brief."}
    else:
        assert body["system"] == "Be brief."
    assert [each["role"] for each in messages] == ["user", "assistant", "user"]
    assert picture in messages[0]["content"] and {"type": "text", "text": "Look at this"} in messages[0]["content"]
    assert messages[1:] == [{"role": "assistant", "content": "I see."}, {"role": "user", "content": "And what is it?"}]
    assert (body["model"], body["max_tokens"], body["temperature"], body["stream"]) == ("cheap", 1000, 0.5, True)


async def test_cached_input_has_its_own_price(providers_of, protocol):
    """A long beginning that the provider has already read is reported as cached, and costs what the catalogue says."""
    extra = {"cache_control": {"type": "ephemeral"}} if protocol == "anthropic" else {}
    providers = providers_of(cached=0.1, written=12.5, extra=extra)
    long = Message("system", "All there is to know. " * 400)
    first = (
        (await ask(providers, "strong", request=Request((long, Message("user", "One question?"))))).attempts[0].usage
    )
    then = (await ask(providers, "strong", request=Request((long, Message("user", "Another question?"))))).attempts[0]
    assert first.cached_tokens == 0 and first.written_tokens == first.input_tokens > 1024
    plain = then.usage.input_tokens - then.usage.cached_tokens - then.usage.written_tokens
    assert then.usage.cached_tokens > 1024 and plain + then.usage.written_tokens < 50
    dollars = (
        plain * 10 + then.usage.cached_tokens * 0.1 + then.usage.written_tokens * 12.5 + then.usage.output_tokens * 30
    )
    assert then.cost_usd == pytest.approx(dollars / 1e6)


@pytest.mark.parametrize(
    ("fault", "how", "detail", "charged"),
    [
        (Fault("fail", status=500), "failed", "HTTP 500", False),
        (Fault("fail", status=529), "failed", "HTTP 529", False),
        (Fault("fail", status=401), "failed", "the key is not accepted", False),
        (Fault("fail", status=404), "failed", "no such model", False),
        (Fault("fail", status=400), "refused", "HTTP 400", False),
        (Fault("rate-limit"), "rate-limited", "HTTP 429", False),
        (Fault("cut", after_pieces=2), "cut", "the connection failed", True),
        (Fault("cut"), "failed", "the connection failed", True),
        (Fault("end-early", after_pieces=2), "cut", "ended before the answer did", True),
        (Fault("error", status=529, after_pieces=1), "cut", "", True),
        (Fault("error", status=529), "failed", "", True),
        (Fault("refuse"), "refused", "filter", True),
        (Fault("empty"), "failed", "an empty answer", True),
    ],
    ids=lambda value: f"{value.kind}-{value.status}-{value.after_pieces}" if isinstance(value, Fault) else "",
)
async def test_a_failure_is_told_charged_and_the_next_answers(server, providers_of, fault, how, detail, charged):
    """Failed requests cost nothing; what a provider had begun to work on is paid.  The next of the ranking answers."""
    server.faults.set(replace(fault, model="strong"))
    providers = providers_of()
    stream = await ask(providers, "strong", "cheap")
    failed, answered = stream.attempts
    assert (failed.arm, failed.how) == ("strong", how) and detail in failed.detail
    assert (failed.cost_usd > 0) == charged
    assert failed.cost_usd == cost_usd(providers.catalogue.models["strong"], failed.usage)
    assert (answered.arm, answered.how) == ("cheap", "answered") and stream.answer.fell_back
    assert stream.restarts == (1 if how == "cut" else 0)
    assert stream.answer.cost_usd == failed.cost_usd + answered.cost_usd


@pytest.mark.parametrize(
    ("fault", "limits", "detail"),
    [
        (Fault("hang"), {"first_token_s": 0.2}, "no first token within 0.2 s"),
        (Fault("hang", after_pieces=2), {"between_tokens_s": 0.2}, "nothing for 0.2 s in mid-answer"),
        (Fault("pause", seconds=0.1), {"total_s": 0.25}, "not complete after 0.25 s"),
    ],
    ids=["first token", "between tokens", "total"],
)
async def test_who_takes_too_long_is_left(server, providers_of, fault, limits, detail):
    """Each of the limits of time ends the attempt; the request is closed at the provider, too."""
    server.faults.set(replace(fault, model="strong"))
    providers = providers_of(limits=replace(LIMITS, **limits))
    async with providers.stream(["strong"], question()) as stream:
        with pytest.raises(Unanswered) as caught:
            async for _ in stream:
                pass
    (attempt,) = caught.value.attempts
    assert (attempt.how, attempt.detail) == ("timeout", detail)
    assert attempt.usage.estimated and attempt.cost_usd > 0
    await _until(lambda: server.open == 0)


async def test_nobody_there(protocol):
    """A port where nobody listens, and an address that does not take the connection within `connect_s`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        host = deaf.getsockname()
        waiting = [socket.socket() for _ in range(4)]  # fills the queue of connections nobody accepts
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(host)
        model = replace(_any_model(), limits=replace(LIMITS, connect_s=0.3))
        models = {where: replace(model, provider=where) for where in ("nobody", "deaf")}
        addresses = {"nobody": f"http://127.0.0.1:{port}", "deaf": f"http://127.0.0.1:{host[1]}"}
        catalogue = Catalogue({name: Provider(protocol, url) for name, url in addresses.items()}, models)
        async with Providers(catalogue) as providers, providers.stream(["nobody", "deaf"], question()) as stream:
            with pytest.raises(Unanswered):
                async for _ in stream:
                    pass
        for each in waiting:
            each.close()
    nobody, unheard = stream.attempts
    assert (nobody.how, nobody.cost_usd) == ("failed", 0.0) and "the connection failed" in nobody.detail
    assert (unheard.how, unheard.cost_usd) == ("timeout", 0.0) and "no connection in time" in unheard.detail


async def test_without_a_report_the_tokens_are_estimated(server, providers_of, protocol):
    """Servers that report no usage are charged by the stated estimate, marked as one."""
    server.faults.set(Fault("no-usage"))
    providers = providers_of()
    stream = await ask(providers, "cheap")
    usage = stream.attempts[0].usage
    if protocol == "openai":  # Anthropic's protocol always reports
        assert usage.estimated and usage.input_tokens == request_tokens(providers.catalogue.models["cheap"], question())
        assert usage.output_tokens == -(-len(stream.answer.text) // 4)


@pytest.mark.parametrize("pieces", [1, 3])
async def test_an_answer_nobody_wants_any_more(server, providers_of, protocol, pieces):
    """Leaving in mid-answer closes the request; what came is charged, not less than was reported, as an estimate."""
    server.faults.set(Fault("hang", after_pieces=4))
    providers = providers_of()
    received = ""
    async with providers.stream(["strong"], question()) as stream:
        async for piece in stream:
            received += piece
            pieces -= 1
            if not pieces:
                break
        assert stream.attempts == ()
    (attempt,) = stream.attempts
    assert (attempt.how, attempt.usage.estimated) == ("cancelled", True)
    assert attempt.usage.output_tokens >= len(received) / 4 and attempt.usage.input_tokens > 0
    assert attempt.cost_usd == cost_usd(providers.catalogue.models["strong"], attempt.usage) > 0
    await _until(lambda: server.open == 0)


async def test_thoughts_are_charged_and_not_shown(server, providers_of):
    """A model that thinks aloud: its thoughts are output that is paid, also when it is left before it says a word."""
    server.faults.set(Fault("think", pieces=5))
    answered = await ask(providers_of(), "strong")
    assert "Let me see" not in answered.answer.text
    thought = answered.attempts[0].usage.output_tokens - -(-len(answered.answer.text) // 4)
    assert thought > 50
    server.faults.set(Fault("think", pieces=5), Fault("hang", after_pieces=5))
    providers = providers_of(limits=replace(LIMITS, first_token_s=0.5))
    async with providers.stream(["strong"], question()) as stream:
        with pytest.raises(Unanswered, match="no first token"):
            async for _ in stream:
                pass
    (attempt,) = stream.attempts
    assert attempt.usage.estimated and abs(attempt.usage.output_tokens - thought) <= 1


@pytest.mark.parametrize("after_pieces", [0, 2])
async def test_a_cancelled_task_leaves_nothing_behind(server, providers_of, after_pieces):
    """Cancelled from outside while a model is asked: the attempt is recorded, the request closed, no task left."""
    server.faults.set(Fault("hang", after_pieces=after_pieces))
    providers = providers_of()
    stream = providers.stream(["strong", "cheap"], question())
    before = asyncio.all_tasks()

    async def read():
        async with stream:
            async for _ in stream:
                pass

    task = asyncio.create_task(read())
    await _until(lambda: server.open == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (attempt,) = stream.attempts
    assert (attempt.arm, attempt.how) == ("strong", "cancelled") and attempt.cost_usd > 0
    await _until(lambda: server.open == 0)
    await _until(lambda: not any("begin" in repr(each) for each in asyncio.all_tasks() - before))


async def test_nobody_is_left_to_ask(server, providers_of):
    """Every attempt is in the error, with what had come before the last one that spoke was cut."""
    server.faults.set(Fault("fail", "strong"), Fault("cut", "cheap", after_pieces=2), Fault("fail", "middle"))
    async with providers_of().stream(["strong", "cheap", "middle"], question()) as stream:
        with pytest.raises(Unanswered, match=r"strong \(failed: HTTP 500.*cheap \(cut") as caught:
            async for _ in stream:
                pass
    hows = [(each.arm, each.how) for each in caught.value.attempts]
    assert hows == [("strong", "failed"), ("cheap", "cut"), ("middle", "failed")]
    assert caught.value.attempts == stream.attempts and 0 < len(caught.value.partial) < 100
    with pytest.raises(RuntimeError, match="has not ended"):
        _ = stream.answer


def _any_model():
    return Model("local", "any", 1.0, 1.0, context_length=100_000, most_output_tokens=1000)


async def _until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)
