"""The part that people ask: `/ask`, mentions, direct messages, replies to answers; and what they say about answers."""

from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands
from discord.ext import commands, tasks

from .asked import Asked, of_command, of_message
from .buttons import AnswerButton
from .catching_up import CatchingUp
from .conversation import mentioned
from .journal import Given, Question
from .places import replied_to, tenant_in
from .tenants import DIRECT, tenant_of
from .words import label, say

if TYPE_CHECKING:
    from .bot import CroupierBot

_HUMAN = frozenset({discord.MessageType.default, discord.MessageType.reply})


class Asking(commands.Cog):
    """Hears Discord's events, and hands them on."""

    def __init__(self, bot: "CroupierBot") -> None:
        self._bot = bot
        self.catching_up = CatchingUp(bot, self, bot.pace)
        self._sweep.change_interval(seconds=bot.pace.sweep)

    async def cog_load(self) -> None:
        """Begin to look for what is left over."""
        self._sweep.start()

    async def cog_unload(self) -> None:
        """No more."""
        self._sweep.cancel()

    # Questions

    @app_commands.command(name="ask", description=label("asking.ask_description"))
    @app_commands.describe(question=label("asking.ask_question"))
    async def ask(self, interaction: discord.Interaction[Any], question: app_commands.Range[str, 1, 4_000]) -> None:
        """A question by command."""
        await self.by_interaction(interaction, question)

    async def by_interaction(self, interaction: discord.Interaction[Any], question: str) -> None:
        """A question by command, or by a button that suggests it: noted, then acknowledged, then answered."""
        bot, tenant = self._bot, tenant_of(interaction.guild_id)
        if bot.stopping or interaction.channel_id is None:
            language = bot.language(tenant, interaction.locale.value)
            await interaction.response.send_message(say(language, "refusals.restarting"), ephemeral=True)
            return
        user = interaction.user.id
        given = Given(user, question, interaction.token, interaction.locale.value)
        asker = bot.parts.people.unit(tenant, user)
        asked = Question(interaction.id, "command", tenant, interaction.channel_id, interaction.id, asker, given=given)

        async def acknowledge() -> None:
            response = await interaction.response.defer(thinking=True)
            bot.journal.acknowledged(asked.id, given, None if response is None else response.message_id)

        async def gather() -> Asked:
            return of_command(asked, given, interaction.channel, bot.me)

        bot.answerer.take(asked, gather, user, acknowledge=acknowledge)

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """What somebody has written."""
        await self.considered(message)

    async def considered(self, message: discord.Message) -> bool:
        """Take it on if it is for us; whether it was, for the first time."""
        bot = self._bot
        if message.author.bot or message.webhook_id is not None or message.type not in _HUMAN:
            return False
        await bot.feedback.replied(message)
        if bot.stopping or not self._for_us(message):
            return False
        tenant = tenant_in(message)
        asker = bot.parts.people.unit(tenant, message.author.id)
        question = Question(message.id, "message", tenant, message.channel.id, message.id, asker)

        async def gather() -> Asked:
            return await of_message(message, tenant, bot.me, bot.journal)

        return bot.answerer.take(question, gather, message.author.id)

    def _for_us(self, message: discord.Message) -> bool:
        """A direct message, a mention, or a reply to an answer."""
        if tenant_in(message) == DIRECT or mentioned(message, self._bot.me):
            return True
        above = replied_to(message)
        return above is not None and self._bot.journal.answered_by(above) is not None

    # Feedback

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, payload: discord.RawReactionActionEvent) -> None:
        """An emoji."""
        if payload.user_id != self._bot.me and not (payload.member and payload.member.bot):
            await self._bot.feedback.reacted(payload.message_id, payload.user_id, str(payload.emoji))

    @commands.Cog.listener()
    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """A message is gone."""
        await self._bot.feedback.deleted(payload.message_id)

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Many are."""
        for each in payload.message_ids:
            await self._bot.feedback.deleted(each)

    # Connections

    @commands.Cog.listener()
    async def on_shard_ready(self, shard: int) -> None:
        """A new session: what was before is not told."""
        self._bot.metrics.sessions.labels("ready").inc()
        await self.catching_up.connected(shard)

    @commands.Cog.listener()
    async def on_shard_resumed(self, shard: int) -> None:
        """The session goes on: what was missed is told."""
        self._bot.metrics.sessions.labels("resumed").inc()
        self.catching_up.resumed(shard)

    @commands.Cog.listener()
    async def on_shard_disconnect(self, shard: int) -> None:
        """Nothing is heard."""
        self._bot.metrics.sessions.labels("disconnected").inc()
        self.catching_up.disconnected(shard)

    # What is left over

    @tasks.loop(seconds=15)
    async def _sweep(self) -> None:
        """Go on with what is open and nobody is at, record silence, forget what is old."""
        bot = self._bot
        try:
            await bot.wait_until_ready()
            if bot.stopping:
                return
            for each in bot.journal.not_done():
                bot.answerer.resume(each)
            self.catching_up.note_alive()
            await bot.feedback.settle()
            await bot.aftermath.settle()
            bot.journal.forget(bot.pace.forget)
        except Exception as error:
            bot.failed("sweep", error)


async def setup(bot: "CroupierBot") -> None:
    """Add it."""
    bot.add_dynamic_items(AnswerButton)
    await bot.add_cog(Asking(bot))
