"""The real clients against the local models: what the tests of providers share."""

from collections.abc import AsyncIterator, Callable
from typing import Any, Literal

import pytest
from msgspec.structs import replace

from infra.standins.models import ModelServer
from producers.providers import Catalogue, Message, Model, Provider, Providers, Request
from producers.providers.catalogue import BreakerLimits, Limits, ThrottleLimits

Protocol = Literal["openai", "anthropic"]

#: Short enough to wait for, long enough for a busy machine.
LIMITS = Limits(
    connect_s=2.0,
    first_token_s=3.0,
    between_tokens_s=3.0,
    total_s=10.0,
    hedge_after_s=None,
    retries=0,
    retry_within_s=1.0,
)
#: Three arms of different prices; the stand-in serves them like any other model.
MODELS = {"strong": 10.0, "middle": 3.0, "cheap": 0.5}


@pytest.fixture(params=["openai", "anthropic"])
def protocol(request: pytest.FixtureRequest) -> Protocol:
    return request.param


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer(dict.fromkeys(MODELS, 100_000)) as running:
        yield running


@pytest.fixture
async def providers_of(server: ModelServer, protocol: Protocol) -> AsyncIterator[Callable[..., Providers]]:
    """Makes the `Providers` of a test; fields of `Model` by name are those of all arms."""
    made: list[Providers] = []

    def make(
        *,
        breaker: BreakerLimits | None = None,
        throttle: ThrottleLimits | None = None,
        registry: Any = None,
        clock: Any = None,
        **fields: Any,
    ) -> Providers:
        catalogue = replace(
            catalogue_of(server, protocol, **fields),
            breaker=breaker or BreakerLimits(failures=100),
            throttle=throttle or ThrottleLimits(),
        )
        made.append(Providers(catalogue, registry=registry, **({"clock": clock} if clock else {})))
        return made[-1]

    yield make
    for each in made:
        await each.close()


def catalogue_of(server: ModelServer, protocol: Protocol, **fields: Any) -> Catalogue:
    url = server.url if protocol == "anthropic" else f"{server.url}/v1"
    common = {"context_length": 100_000, "most_output_tokens": 1000, "limits": LIMITS, **fields}
    models = {arm: Model("local", arm, price, 3 * price, **common) for arm, price in MODELS.items()}
    return Catalogue({"local": Provider(protocol, url)}, models)


def question(text: str = "How do I keep bread fresh for longer than a day or two?") -> Request:
    return Request((Message("system", "You are kind."), Message("user", text)), max_output_tokens=500)


async def ask(providers: Providers, *ranking: str, request: Request | None = None) -> Any:
    """The stream after all of it was read."""
    async with providers.stream(ranking, request or question()) as stream:
        pieces: list[str] = []
        restarts = 0
        async for piece in stream:
            if stream.restarts > restarts:
                restarts = stream.restarts
                pieces.clear()
            pieces.append(piece)
        assert "".join(pieces) == stream.answer.text
    return stream
