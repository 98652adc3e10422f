"""/stats: what the bot did on this server, in words and as a picture."""

import asyncio
import io
from typing import TYPE_CHECKING, Any, Final

import discord
from discord import app_commands
from discord.ext import commands

from producers.discord.ports import CONTENT_ANALYSIS, MODEL_ROUTING, USER_ENGAGEMENT
from producers.discord.tenants import tenant_of
from producers.discord.words import label, say
from schemas.errors import BrokerUnavailableError

from .picture import picture
from .told import alternative, arms_line, headline, labels, lines, money

if TYPE_CHECKING:
    from producers.discord.bot import CroupierBot

_OTHERS: Final = ((CONTENT_ANALYSIS, "stats.analysis"), (USER_ENGAGEMENT, "stats.engagement"))
_SECONDS: Final = 10.0  # between two of one person


class Stats(commands.Cog):
    """The part."""

    def __init__(self, bot: "CroupierBot") -> None:
        self._bot = bot

    @app_commands.command(name="stats", description=label("stats.command_description"))
    @app_commands.describe(everybody=label("stats.everybody_description"))
    @app_commands.checks.cooldown(2, _SECONDS)
    @app_commands.guild_only()
    async def stats(self, interaction: discord.Interaction[Any], everybody: bool = False) -> None:
        """Of this guild alone."""
        await interaction.response.defer(ephemeral=not everybody, thinking=True)
        tenant, guild = tenant_of(interaction.guild_id), interaction.guild
        language = self._bot.language(tenant, interaction.locale.value)
        try:
            found = await self._bot.parts.figures.guild(tenant, (MODEL_ROUTING, CONTENT_ANALYSIS, USER_ENGAGEMENT))
        except BrokerUnavailableError:
            await interaction.followup.send(f"{say(language, 'stats.unavailable')} {self._month(tenant, language)}")
            return
        routing = found["domains"].get(MODEL_ROUTING)
        if not routing or not routing["outcomes"]:
            await interaction.followup.send(f"{say(language, 'stats.nothing_yet')} {self._month(tenant, language)}")
            return
        name = guild.name if guild is not None else ""
        drawn = await asyncio.to_thread(picture, routing, labels(name, language))
        text = "\n".join(
            [
                f"**{headline(found, routing, language)}**",
                *(f"- {line}" for line in [*lines(routing, language), self._month(tenant, language)]),
                *self._others(found, language),
            ]
        )
        file = discord.File(io.BytesIO(drawn), "stats.png", description=alternative(found, routing, language))
        await interaction.followup.send(text, file=file)

    def _others(self, found: Any, language: str) -> list[str]:
        """What was decided beside answers."""
        told = []
        for domain, title in _OTHERS:
            figures = found["domains"].get(domain)
            if figures and figures["arms"]:
                told.append(arms_line(figures, say(language, title), language))
        return told

    def _month(self, tenant: str, language: str) -> str:
        settings = self._bot.parts.settings
        spent, budget = settings.spent_this_month(tenant), settings.of(tenant).monthly_budget_usd
        if budget is None:
            return say(language, "stats.month", spent=money(spent))
        return say(language, "stats.month_budget", spent=money(spent), budget=money(budget))


async def setup(bot: "CroupierBot") -> None:
    """Add it."""
    await bot.add_cog(Stats(bot))
