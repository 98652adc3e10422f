"""The bot: Discord's client, what it was given to work with, and the parts that people meet."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands
from msgspec import Struct

from producers.deciding import Choice, Deciding
from producers.providers import Answer, Answering, Message

from .errors import explain
from .ports import Answered, Conversation, Figures, People, Seen, SettingsStore
from .tenants import tenant_of
from .words import Translations, nearest

#: Adds one part (a cog, its views) to the bot.
Setup = Callable[["CroupierBot"], Awaitable[None]]


class AnsweredQuestion(Struct, frozen=True):
    """An answer that people can see now: what `after_answer` is told."""

    seen: Seen  # the question
    conversation: Conversation  # before it
    turns: tuple[Message, ...]  # what was asked of the model: the conversation, then the question
    choice: Choice
    answer: Answer
    answered: Answered  # what features may know of the answer
    channel: "discord.abc.MessageableChannel"  # known to type checkers only
    message: int  # id of the last message of the answer
    language: str  # to speak


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
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            tree_cls=Tree,
            intents=intents(message_content=message_content),
            allowed_mentions=discord.AllowedMentions.none(),
            chunk_guilds_at_startup=False,
            member_cache_flags=discord.MemberCacheFlags.none(),
            **options,
        )
        self.parts = parts
        self.after_answer: list[AfterAnswer] = []
        self._setups = setups

    async def setup_hook(self) -> None:
        """Adds the parts; runs once, before the first connection."""
        await self.tree.set_translator(Translations())
        for setup in self._setups:
            await setup(self)

    def language_in(self, guild: discord.abc.Snowflake | None, locale: discord.Locale | None = None) -> str:
        """The language to speak: the guild's choice; in direct messages that of the user's client, if known."""
        if guild is None and locale is not None:
            return nearest(locale.value)
        return nearest(self.parts.settings.of(tenant_of(guild)).language)

    async def on_message(self, message: discord.Message, /) -> None:
        """Nothing: the parts listen themselves, and there are no commands by prefix."""


def intents(*, message_content: bool) -> discord.Intents:
    """What the bot is told of: guilds, messages and reactions, and no members and presences."""
    wanted = discord.Intents.none()
    wanted.guilds = True
    wanted.messages = True
    wanted.reactions = True
    wanted.message_content = message_content
    return wanted
