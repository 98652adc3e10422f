"""What operators get: metrics that add up, logs without a word of users or a key, and checks of every key."""

import asyncio
import io
import logging

import pytest
import structlog
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from infra.logs import configure_logs
from infra.standins.models import Fault, ModelServer, served
from producers.providers import Catalogue, Message, Model, Provider, Providers, Request, Unanswered, check
from producers.providers.catalogue import BreakerLimits

from .conftest import LIMITS, ask

SECRET = "sk-test-51a3d97c0b44"
WORDS = "the orchard behind grandmother's house"


async def test_metrics_add_up_to_the_attempts(server, providers_of):
    """Counters of attempts, tokens and USD are the sums over all attempts; breakers show the state they are in."""
    registry = CollectorRegistry()
    providers = providers_of(
        registry=registry, limits=replace(LIMITS, hedge_after_s=0.1), breaker=BreakerLimits(failures=2)
    )
    server.faults.set(Fault("cut", "strong", after_pieces=1), Fault("hang", "middle"))
    attempts = []
    for _ in range(3):
        attempts += (await ask(providers, "strong", "middle", "cheap")).attempts
    assert {(each.arm, each.how) for each in attempts} >= {
        ("strong", "cut"),
        ("middle", "cancelled"),
        ("cheap", "answered"),
    }

    def value(name, **labels):
        return registry.get_sample_value(name, labels) or 0.0

    for arm in ("strong", "middle", "cheap"):
        own = [each for each in attempts if each.arm == arm]
        for how in {each.how for each in own}:
            assert value("croupier_model_attempts_total", arm=arm, how=how) == sum(each.how == how for each in own)
        assert value("croupier_model_usd_total", arm=arm) == pytest.approx(sum(each.cost_usd for each in own))
        counted = sum(
            value("croupier_model_tokens_total", arm=arm, kind=kind) for kind in ("input", "cached", "written")
        )
        assert counted == sum(each.usage.input_tokens for each in own)
        out = value("croupier_model_tokens_total", arm=arm, kind="output")
        assert out == sum(each.usage.output_tokens for each in own)
        assert value("croupier_model_usage_estimated_total", arm=arm) == sum(each.usage.estimated for each in own)
        assert value("croupier_model_breaker", arm=arm, state=providers.breakers()[arm]) == 1.0
    assert value("croupier_model_seconds_count", arm="cheap") == 3
    assert value("croupier_model_hedges_total", arm="cheap") == sum(each.how == "cancelled" for each in attempts)
    assert providers.breakers()["strong"] == "open"
    server.faults.set(Fault("fail"))
    with pytest.raises(Unanswered):
        await ask(providers, "cheap")
    assert value("croupier_model_unanswered_total") == 1


@pytest.mark.parametrize("level", ["debug", "info"])
async def test_no_word_of_anybody_and_no_key_in_logs(protocol, monkeypatch, level):
    """At the finest level, with every fault: what the real clients and ours log has no prompt, no answer and no key."""
    monkeypatch.setenv("CROUPIER_LOG_LEVEL", level)
    answers = 0
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, before = root.handlers, root.level
    defaults = structlog.get_config()
    configure_logs("test")
    root.handlers[0].setStream(stream)
    try:
        async with ModelServer({"strong": 5000, "cheap": 5000}, keys=frozenset({SECRET})) as server:
            url = server.url if protocol == "anthropic" else f"{server.url}/v1"
            models = {
                arm: Model(
                    where,
                    arm,
                    1.0,
                    1.0,
                    context_length=10**6,
                    most_output_tokens=100,
                    limits=replace(LIMITS, retries=1),
                )
                for arm, where in (("strong", "wrong"), ("cheap", "right"))
            }
            environment = {"RIGHT": SECRET, "WRONG": f"{SECRET}-wrong"}
            names = {"right": "RIGHT", "wrong": "WRONG"}
            catalogue = Catalogue({name: Provider(protocol, url, key) for name, key in names.items()}, models)
            request = Request((Message("system", WORDS), Message("user", f"What grows in {WORDS}?")))
            long = Request((Message("user", WORDS * 1000),))
            async with Providers(catalogue, environment=environment) as providers:
                for faults in (
                    [],
                    [Fault("fail")],
                    [Fault("rate-limit", retry_after=0.01)],
                    [Fault("cut", after_pieces=1)],
                ):
                    server.faults.set(*faults)
                    for asked in (request, long):
                        async with providers.stream(["strong", "cheap"], asked) as answer:
                            try:
                                text = "".join([piece async for piece in answer])
                                answers += 1
                            except Unanswered as error:
                                text = f"{error} {[each.detail for each in error.attempts]}"
                                assert WORDS not in text
                            assert SECRET not in text
                async for checked in check(catalogue, environment):
                    assert SECRET not in checked.detail
    finally:
        root.handlers, root.level = handlers, before
        structlog.configure(**defaults)
        structlog.contextvars.clear_contextvars()
    logged = stream.getvalue()
    assert answers == 1  # the right key was good, and nothing else was well
    assert "model did not answer" in logged and '"arm": "strong"' in logged
    assert WORDS not in logged and "orchard" not in logged and SECRET not in logged


async def test_every_key_is_checked_without_generating(protocol):
    """Good key, wrong key, no key, a model that the provider does not have, nobody there: each told with what to do."""
    async with ModelServer({"m": 1000}, keys=frozenset({SECRET})) as server:
        url = server.url if protocol == "anthropic" else f"{server.url}/v1"
        nowhere = "http://127.0.0.1:9"
        providers = {
            "good": Provider(protocol, url, "GOOD"),
            "wrong": Provider(protocol, url, "WRONG"),
            "none": Provider(protocol, url, "NONE"),
            "absent": Provider(protocol, url, "GOOD"),
            "nobody": Provider(protocol, nowhere),
            "unused": Provider(protocol, nowhere),
            "disabled": Provider(protocol, nowhere),
        }
        models = {
            name: Model(name, "other" if name == "absent" else "m", 1.0, 1.0, 1000, 100, enabled=name != "disabled")
            for name in providers
            if name != "unused"
        }
        catalogue = Catalogue(providers, models)
        found = [each async for each in check(catalogue, {"GOOD": SECRET, "WRONG": "sk-nope-nope"})]
        assert server.faults.seen == {}  # nothing was generated
    told = {each.provider: (each.ok, each.detail) for each in found}
    assert list(told) == ["good", "wrong", "none", "absent", "nobody"]
    assert told["good"] == (True, "the key works for m (good)")
    assert (
        told["wrong"][0] is False and "the key is not accepted" in told["wrong"][1] and "in WRONG" in told["wrong"][1]
    )
    assert told["none"] == (False, "no key: set NONE, or `enabled = false` for its models (m (none))")
    assert told["absent"] == (False, "it has no model other (absent): mend `model` in the catalogue")
    assert told["nobody"][0] is False and "the connection failed" in told["nobody"][1] and nowhere in told["nobody"][1]


async def test_without_a_key_a_provider_is_left_out(server):
    """The bot starts with the keys there are; the others' models say why they are not eligible."""
    catalogue = Catalogue(
        {
            "keyed": Provider("openai", f"{server.url}/v1", "NO_SUCH_KEY"),
            "open": Provider("openai", f"{server.url}/v1"),
        },
        {
            "strong": Model("keyed", "strong", 1.0, 1.0, 100_000, 100),
            "cheap": Model("open", "cheap", 1.0, 1.0, 100_000, 100),
            "off": Model("open", "off", 1.0, 1.0, 100_000, 100, enabled=False),
        },
    )
    async with Providers(catalogue, environment={"NO_SUCH_KEY": "  "}) as providers:
        request = Request((Message("user", "Hello?"),))
        assert providers.arms == ("cheap",)
        assert providers.restrictions(["strong", "cheap", "off"], request) == {"strong": "no-key", "off": "disabled"}
        stream = await ask(providers, "strong", "off", "cheap", request=request)
    assert [(each.arm, each.how) for each in stream.attempts] == [
        ("strong", "refused"),
        ("off", "refused"),
        ("cheap", "answered"),
    ]


async def test_a_catalogue_served_here_needs_no_keys(server):
    """For demonstrations: any catalogue, its models played by the local ones."""
    catalogue = Catalogue(
        {"a": Provider("openai", "https://example.com/v1", "A_KEY"), "b": Provider("anthropic", "https://example.com")},
        {"x": Model("a", "strong", 1.0, 1.0, 100_000, 100), "y": Model("b", "cheap", 1.0, 1.0, 100_000, 100)},
    )
    async with Providers(served(catalogue, server.url), environment={}) as providers:
        streams = await asyncio.gather(ask(providers, "x"), ask(providers, "y"))
    assert [each.answer.arm for each in streams] == ["x", "y"]
