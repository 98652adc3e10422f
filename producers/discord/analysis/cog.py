"""Listens for posts in the channels that a guild has chosen, and for people who ask for a summary themselves."""

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any, Final

import discord
from discord import app_commands
from discord.ext import commands

from producers.discord.aftermath import Aftermath
from producers.discord.conversation import mentioned
from producers.discord.drafting import BUDGET, Drafting
from producers.discord.feedback import reaction_value
from producers.discord.ports import CONTENT_ANALYSIS
from producers.discord.remembered import Made
from producers.discord.splitting import split
from producers.discord.tenants import tenant_of
from producers.discord.words import label, say
from producers.providers import Unanswered
from schemas.observations import DELETED, REACTION, REPLIED, REQUESTED

from .analysing import Analysing, NothingToReadError
from .fetching import Limits, Links
from .material import Material, material_of
from .prompts import FULL

if TYPE_CHECKING:
    from producers.discord.bot import CroupierBot

_HUMAN: Final = frozenset({discord.MessageType.default, discord.MessageType.reply})
#: Characters of a post below which nobody is given a summary of its own words.
_SHORTEST: Final = 200
#: Posts that are looked at or wait for it at once; more are left alone, for nobody waits for a summary.
_MOST_POSTS: Final = 1_000
_AT_ONCE: Final = 64
_WHO_CHARACTERS: Final = 22


class ContentAnalysis(commands.Cog):
    """The part."""

    def __init__(self, bot: "CroupierBot", aftermath: Aftermath, *, limits: Limits | None) -> None:
        """limits: of links that are followed; None: the bot's owner does not allow that."""
        self._bot = bot
        self._aftermath = aftermath
        self._limits = limits
        self._open = AsyncExitStack()
        self._posts: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._asking: set[int] = set()  # users who wait for a summary
        self._menu = app_commands.ContextMenu(name=label("analysis.menu"), callback=self.summarise)
        self._menu.allowed_contexts = app_commands.AppCommandContext(
            guild=True, dm_channel=False, private_channel=False
        )

    async def cog_load(self) -> None:
        """Begin."""
        links = None if self._limits is None else await self._open.enter_async_context(Links.open(self._limits))
        parts = self._bot.parts
        drafting = Drafting(parts.answering, parts.settings, parts.models)
        self._analysing = Analysing(self._bot, drafting, self._aftermath, links)
        self._bot.tree.add_command(self._menu)

    async def cog_unload(self) -> None:
        """End: what is being summarised is not waited for."""
        self._bot.tree.remove_command(self._menu.name, type=discord.AppCommandType.message)
        for each in self._posts:
            each.cancel()
        await asyncio.gather(*self._posts, return_exceptions=True)
        await self._open.aclose()

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """A post, or a reply to a summary."""
        if message.author.bot or message.webhook_id is not None or message.guild is None:
            return
        if message.type not in _HUMAN or self._bot.stopping:
            return
        reference = message.reference.message_id if message.reference else None
        if reference is not None and (made := self._ours(reference)) is not None:
            await self._aftermath.heard(made, REPLIED)
            return
        tenant = tenant_of(message.guild)
        if not self._switched_on(message, tenant):
            return
        material = self._material(message)
        if material and len(self._posts) < _MOST_POSTS:
            task = asyncio.create_task(self._consider(message, tenant, material))
            self._posts.add(task)
            task.add_done_callback(self._posts.discard)

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, payload: discord.RawReactionActionEvent) -> None:
        """An emoji under a summary."""
        value = reaction_value(str(payload.emoji))
        if value is None or payload.user_id == self._bot.me or (payload.member and payload.member.bot):
            return
        if (made := self._ours(payload.message_id)) is not None:
            who = self._bot.parts.people.unit(made.tenant, payload.user_id)[:_WHO_CHARACTERS]
            await self._aftermath.heard(made, REACTION, value, who)

    @commands.Cog.listener()
    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """A summary was deleted, or a post that was summarised: then its summary goes as well."""
        await self._deleted(payload.message_id)

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Many were."""
        for each in payload.message_ids:
            await self._deleted(each)

    async def summarise(self, interaction: discord.Interaction[Any], message: discord.Message) -> None:
        """Somebody wants a summary of a post, and is the only one to see it."""
        tenant, user = tenant_of(interaction.guild_id), interaction.user.id
        language = self._bot.language(tenant, interaction.locale.value)
        problem = self._problem(message, tenant, user, language)
        if problem is not None:
            await interaction.response.send_message(problem, ephemeral=True)
            return
        self._asking.add(user)
        try:
            await interaction.response.defer(ephemeral=True, thinking=True)
            made = self._aftermath.remembered.by_source(message.id)
            if made is not None and made.domain == CONTENT_ANALYSIS and made.arm != FULL:
                await self._aftermath.heard(made, REQUESTED)
            text = await self._requested(message, tenant, language, f"s-{interaction.id}-0")
            for part in split(text):
                await interaction.followup.send(part.text, ephemeral=True, suppress_embeds=True)
        finally:
            self._asking.discard(user)

    async def _requested(self, message: discord.Message, tenant: str, language: str, call: str) -> str:
        """The summary, or why there is none."""
        try:
            text, _ = await self._analysing.summary(message, self._material(message), FULL, tenant, language, call)
            how = "done"
        except NothingToReadError:
            text, how = say(language, "analysis.nothing_to_read"), "nothing"
        except Unanswered:
            text, how = say(language, "analysis.failed"), "unanswered"
        self._bot.metrics.analyses.labels("requested", how).inc()
        return text

    def _problem(self, message: discord.Message, tenant: str, user: int, language: str) -> str | None:
        if not self._bot.parts.settings.of(tenant).on(CONTENT_ANALYSIS):
            return say(language, "analysis.switched_off")
        if user in self._asking:
            return say(language, "analysis.one_at_a_time")
        if not self._material(message) and len(message.content) < _SHORTEST:
            return say(language, "analysis.too_short")
        reason = self._analysing.refusal(message, tenant, FULL, language)
        if reason is None:
            return None
        return say(language, "analysis.budget") if reason == BUDGET else say(language, "analysis.failed")

    async def _consider(self, message: discord.Message, tenant: str, material: Material) -> None:
        try:
            async with self._turns:
                await self._analysing.consider(message, tenant, material)
        except Exception as error:
            self._bot.failed("analysis", error)

    async def _deleted(self, message: int) -> None:
        made = self._ours(message)
        if made is not None:
            if self._aftermath.remembered.hidden(message):
                await self._aftermath.heard(made, DELETED)
            return
        about = self._aftermath.remembered.by_source(message)
        if about is None or about.domain != CONTENT_ANALYSIS:
            return
        for number, channel in self._aftermath.remembered.messages(about.decision):
            self._aftermath.remembered.hidden(number)
            with suppress(discord.HTTPException):  # it is gone already, or we may not write there any more
                await self._bot.get_partial_messageable(channel).get_partial_message(number).delete()

    def _material(self, message: discord.Message) -> Material:
        found = material_of(message.content, message.attachments)
        return found if self._limits is not None else Material(found.long, (), found.files)

    def _switched_on(self, message: discord.Message, tenant: str) -> bool:
        settings = self._bot.parts.settings.of(tenant)
        places = {message.channel.id, getattr(message.channel, "parent_id", None)}
        asked = mentioned(message, self._bot.me)
        return settings.on(CONTENT_ANALYSIS) and not asked and not places.isdisjoint(settings.analysis_channels)

    def _ours(self, message: int) -> Made | None:
        made = self._aftermath.remembered.by_message(message)
        return made if made is not None and made.domain == CONTENT_ANALYSIS else None


async def setup(bot: "CroupierBot") -> None:
    """Add it."""
    await bot.add_cog(ContentAnalysis(bot, bot.aftermath, limits=Limits() if bot.parts.fetch_links else None))
