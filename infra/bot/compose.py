"""The composition root of the bot: every part, made and closed in order."""

import gc
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from typing import Any

import structlog
from msgspec import Struct
from prometheus_client import REGISTRY

from producers.deciding import DecisionPath
from producers.deciding.path import DEADLINE_MS
from producers.deciding.spool import DEFAULT_BYTES
from producers.discord.bot import CroupierBot, Parts
from producers.discord.choosing import Prices
from producers.discord.people.names import NamedDeciding, NamedFigures
from producers.discord.settings import LocalSettings
from producers.discord.setups import SETUPS
from producers.providers import Catalogue, Providers, Request, expected_cost, read_catalogue
from producers.providers.endpoints import key_of
from producers.providers.estimate import request_tokens
from schemas.errors import CroupierError

from .enrol import Enrolment
from .figuring import LaterFigures
from .logged import LogOfDecisions
from .settings import BotSettings
from .stores import ENROLLED, SETTINGS, open_people
from .template import EXPECTED_OUTPUT_TOKENS, Template, read_template

_log = structlog.stdlib.get_logger(__name__)


class Composed(Struct, frozen=True):
    """The bot, and what of it the process tells about."""

    bot: CroupierBot
    path: DecisionPath
    providers: Providers
    enrolment: Enrolment


class Deployed(CroupierBot):
    """The bot that tells Discord its commands when it starts."""

    async def setup_hook(self) -> None:
        """As `CroupierBot`; commands that Discord does not take now are those it had before."""
        await super().setup_hook()
        try:
            await self.tree.sync()
        except Exception as error:
            self.failed("commands", error)

    async def on_ready(self) -> None:
        """Let the garbage collector pass over the guilds and modules, which live as long as the process.

        With thousands of guilds each full collection would be a tenth of a second in which nobody is answered.
        """
        if not gc.get_freeze_count():
            gc.collect()
            gc.freeze()
            gc.set_threshold(20_000, 20, 10)


def available(catalogue: Catalogue, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The models whose provider has its key, in the order of the catalogue: that in which fallbacks are tried."""
    return tuple(
        arm
        for arm in catalogue.arms
        if key_of(catalogue.providers[catalogue.models[arm].provider], environment) is not None
    )


def read_files(settings: BotSettings, environment: Mapping[str, str]) -> tuple[Catalogue, tuple[str, ...], Template]:
    """Catalogue, models that can be asked, template.  CroupierError lists what is wrong with the files."""
    catalogue = read_catalogue(settings.models)
    models = available(catalogue, environment)
    if not models:
        wanted = sorted({each.key_variable for each in catalogue.providers.values() if each.key_variable})
        raise CroupierError(
            f"{settings.models}: no model can be asked, because no provider has its key: set one of {', '.join(wanted)}"
        )
    return catalogue, models, read_template(settings.template, catalogue, models)


def prices_of(catalogue: Catalogue) -> Prices:
    """What a request is expected to cost with a model, in USD."""

    def price(arm: str, request: Request) -> float:
        model = catalogue.models[arm]
        return expected_cost(model, request_tokens(model, request), EXPECTED_OUTPUT_TOKENS)

    return price


@asynccontextmanager
async def composed(settings: BotSettings, environment: Mapping[str, str], **options: Any) -> AsyncIterator[Composed]:
    """Everything but Discord is up; Kafka need not be.  options: of `discord.Client`."""
    catalogue, models, template = read_files(settings, environment)
    state = settings.state
    async with AsyncExitStack() as stack:
        enrolment = await stack.enter_async_context(
            Enrolment(settings.bootstrap, settings.prefix, template, state / ENROLLED)
        )
        stored = stack.enter_context(closing(LocalSettings(state / SETTINGS, enrolment)))
        people, names = stack.enter_context(open_people(state))
        people.keeps(LogOfDecisions(settings.bootstrap, settings.prefix))
        providers = await stack.enter_async_context(Providers(catalogue, registry=REGISTRY, environment=environment))
        path = await stack.enter_async_context(
            DecisionPath(
                settings.bootstrap,
                state / "spool",
                prefix=settings.prefix,
                deadline_ms=settings.deadline_ms or DEADLINE_MS,
                spool_bytes=settings.spool_bytes or DEFAULT_BYTES,
            )
        )
        parts = Parts(
            deciding=NamedDeciding(path, names),
            answering=providers,
            people=people,
            settings=stored,
            figures=NamedFigures(LaterFigures(settings.bootstrap, settings.prefix), names),
            models=models,
            state=state,
            prices=prices_of(catalogue),
            instructions=settings.instructions,
            fetch_links=settings.fetch_links,
            pace=settings.pace,
            registry=REGISTRY,
        )
        bot = Deployed(parts, SETUPS, message_content=settings.message_content, **options)
        absent = [arm for arm in catalogue.arms if arm not in models]
        if absent:
            _log.warning("models whose provider has no key are left out", arms=absent)
        yield Composed(bot, path, providers, enrolment)
