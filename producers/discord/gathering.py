"""Finds a question again of which only the id is known: after a restart, and when another answer is asked for."""

import time
from typing import TYPE_CHECKING, Any

import discord
from msgspec.structs import replace

from .asked import Asked, of_command, of_message
from .choosing import RefusedError
from .insisting import insist
from .journal import Question
from .places import place
from .surface import TOKEN_SECONDS, ChannelSurface, CommandSurface, Surface

if TYPE_CHECKING:
    from .bot import CroupierBot


class WithdrawnError(Exception):
    """Who asked has taken the question back."""


class Gathering:
    """Asks Discord and the journal."""

    def __init__(self, bot: "CroupierBot", seconds: float) -> None:
        """seconds: for so long Discord is asked again when it fails."""
        self._bot = bot
        self._seconds = seconds

    async def asked(self, question: Question) -> Asked:
        """WithdrawnError: it was deleted.  RefusedError: it is not known any more."""
        first = self._first(question)
        if first.kind == "message":
            asked = await of_message(await self._message(question), question.tenant, self._bot.me, self._bot.journal)
        elif first.given is not None:
            asked = of_command(question, first.given, self._bot.get_channel(question.channel), self._bot.me)
        else:
            raise RefusedError("too_late")
        return self._once_more(asked, question)

    async def acknowledged(self, question: Question) -> Question:
        """A command of which we do not know whether Discord had our acknowledgement: its answer was lost, or we were.

        If so, Discord shows that we think, and there must be the answer, not beside it.
        """
        given = question.given
        if question.kind != "command" or given is None or given.acknowledged:
            return question
        if time.time() >= question.begun + TOKEN_SECONDS:
            return question
        webhook = discord.Webhook.partial(self._bot.application_id or 0, given.token, client=self._bot)
        original: Any = "@original"  # discord.py puts it into the address as it is
        try:
            response = await insist(lambda: webhook.fetch_message(original), self._seconds)
        except (discord.NotFound, discord.Forbidden):
            return question
        self._bot.journal.acknowledged(question.id, given, response.id)
        return self._bot.journal.question(question.id) or question

    def surface(self, question: Question) -> Surface:
        """Where it is answered."""
        if question.kind == "command" and question.given is not None and question.given.acknowledged:
            posted = self._bot.journal.messages(question.id)
            return CommandSurface(self._bot, question, posted[0] if posted else None)
        refers_to = question.first if self._first(question).kind == "message" else None
        return ChannelSurface(self._bot, question, refers_to=refers_to)

    def _first(self, question: Question) -> Question:
        if question.first == question.id:
            return question
        return self._bot.journal.question(question.first) or question

    async def _message(self, question: Question) -> discord.Message:
        channel = place(self._bot, question.channel, question.tenant)
        try:
            return await insist(lambda: channel.fetch_message(question.first), self._seconds)
        except (discord.NotFound, discord.Forbidden) as error:
            raise WithdrawnError from error

    def _once_more(self, asked: Asked, question: Question) -> Asked:
        """As a policy is to see it when earlier answers were not good enough: deeper in a longer conversation."""
        times = len(self._bot.journal.others(question)) if question.kind == "again" else 0
        return replace(
            asked,
            seen=replace(asked.seen, depth=asked.seen.depth + 2 * times),
            conversation=replace(asked.conversation, turns=asked.conversation.turns + 2 * times),
        )
