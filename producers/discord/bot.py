"""The bot: Discord's client, what it was given to work with, and the parts that people meet."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import discord
import msgspec
import structlog
from discord import app_commands
from discord.ext import commands
from msgspec import Struct
from prometheus_client import CollectorRegistry

from producers.deciding import Deciding
from producers.providers import Answering

from .aftermath import Aftermath
from .answered import AnsweredQuestion
from .answerer import Answerer
from .choosing import Choosing, Prices, free
from .errors import explain, told
from .feedback import Feedback
from .journal import JOURNAL, Journal
from .metrics import BotMetrics, counted
from .pace import Pace
from .ports import Figures, People, SettingsStore
from .recording import Recording
from .remembered import REMEMBERED, Remembered
from .streaming import Streaming
from .tasks import Tasks
from .tenants import DIRECT, tenant_of
from .words import Translations, nearest

_log = structlog.stdlib.get_logger(__name__)

#: Adds one part (a cog, its views) to the bot.
Setup = Callable[["CroupierBot"], Awaitable[None]]


#: Is told of every answer; its errors are logged and touch nobody else.
AfterAnswer = Callable[[AnsweredQuestion], Awaitable[None]]


class Parts(Struct, frozen=True):
    """What the bot works with; infra/bot puts it together."""

    deciding: Deciding
    answering: Answering
    people: People
    settings: SettingsStore
    figures: Figures
    models: tuple[str, ...]  # arms of model_routing, in the order in which they are tried when nothing was decided
    state: Path  # directory of this bot's journal; nobody else's
    prices: Prices = free
    fetch_links: bool = False  # whether links in posts are followed (`analysis.fetching`)
    instructions: str = ""  # what models are told first; else asking.instructions in the guild's language
    pace: Pace = Pace()
    registry: CollectorRegistry = msgspec.field(default_factory=CollectorRegistry)


class Tree(app_commands.CommandTree["CroupierBot"]):
    """The slash commands; whoever gave one that fails is told so."""

    async def on_error(self, interaction: discord.Interaction[Any], error: app_commands.AppCommandError, /) -> None:
        """Tell and log."""
        await explain(interaction, error, self.client.language_in(interaction.guild, interaction.locale))


class CroupierBot(commands.AutoShardedBot):
    """discord.py's client with the parts."""

    def __init__(self, parts: Parts, setups: Sequence[Setup], *, message_content: bool = True, **options: Any) -> None:
        """message_content: whether the application may read messages that are not for the bot (a privileged intent).

        options: of `discord.Client`.
        """
        self.metrics = BotMetrics(parts.registry)
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            tree_cls=Tree,
            intents=intents(message_content=message_content),
            allowed_mentions=discord.AllowedMentions.none(),
            chunk_guilds_at_startup=False,
            member_cache_flags=discord.MemberCacheFlags.none(),
            http_trace=counted(self.metrics),
            **options,
        )
        self.parts = parts
        self.pace = parts.pace
        self.journal = Journal(parts.state / JOURNAL)
        self.stopping = False
        self.after_answer: list[AfterAnswer] = []
        self.remembered = Remembered(parts.state / REMEMBERED)
        parts.people.keeps(self.remembered)
        self.aftermath = Aftermath(self.remembered, parts.deciding, silent_after_s=parts.pace.unasked)
        self.recording = Recording(self.journal, parts.deciding, self.metrics, self.aftermath.meaning)
        choosing = Choosing(parts.deciding, parts.answering, parts.people, parts.settings, parts.models, parts.prices)
        streaming = Streaming(parts.answering, parts.settings, parts.pace)
        self.answerer = Answerer(self, choosing, streaming, self.recording, self._tell_answered)
        self.feedback = Feedback(self, self.answerer, self.recording, parts.pace)
        self._setups = setups
        self._after = Tasks(lambda _: None)

    async def setup_hook(self) -> None:
        """Adds the parts; runs once, before the first connection."""
        await self.tree.set_translator(Translations())
        for setup in self._setups:
            await setup(self)

    @property
    def me(self) -> int:
        """The bot's own user id; 0 before it has logged in."""
        return self.user.id if self.user is not None else 0

    def language(self, tenant: str, locale: str | None = None) -> str:
        """The language to speak: the guild's choice; in direct messages that of the user's client, if known."""
        return nearest(locale if tenant == DIRECT and locale is not None else self.parts.settings.of(tenant).language)

    def language_in(self, guild: discord.abc.Snowflake | None, locale: discord.Locale | None = None) -> str:
        """The same."""
        return self.language(tenant_of(guild), None if locale is None else locale.value)

    def failed(self, where: str, error: BaseException) -> None:
        """A defect or fault that was survived: for the operator."""
        self.metrics.failed.labels(where).inc()
        _log.error("failed", where=where, **told(error))

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        """A listener has failed; the others go on."""
        error = sys.exc_info()[1]
        if error is not None:
            self.failed(event_method, error)

    async def stop(self) -> None:
        """Take on nothing new, let answers end that are being given, and leave Discord."""
        self.stopping = True
        left = await self.answerer.stop()
        await self._after.stop(1.0)
        await self.close()
        self.journal.close()
        self.remembered.close()
        if left:
            _log.warning("answers were interrupted, and will be gone on with", questions=left)

    def _tell_answered(self, told: AnsweredQuestion) -> None:
        for each in self.after_answer:
            self._after.run(self._after.number(), self._guarded(each(told)))

    async def _guarded(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:
            self.failed("after an answer", error)

    async def on_message(self, message: discord.Message, /) -> None:
        """Nothing: the parts listen themselves, and there are no commands by prefix."""


def intents(*, message_content: bool) -> discord.Intents:
    """What the bot is told of: guilds, messages, reactions and votes in polls, and no members and presences."""
    wanted = discord.Intents.none()
    wanted.guilds = True
    wanted.messages = True
    wanted.reactions = True
    wanted.guild_polls = True
    wanted.message_content = message_content
    return wanted
