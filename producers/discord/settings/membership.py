"""Guilds that the bot comes to and leaves, and what is cleared away once an hour."""

import discord
import structlog
from discord.ext import commands, tasks

from producers.discord.bot import CroupierBot
from producers.discord.tenants import DIRECT, tenant_of

_log = structlog.stdlib.get_logger(__name__)


class Membership(commands.Cog):
    """Listens; people meet nothing of it."""

    def __init__(self, bot: CroupierBot) -> None:
        self._parts = bot.parts

    async def cog_load(self) -> None:
        """Direct messages are a tenant as well."""
        await self._parts.settings.joined(DIRECT)
        self._clear.start()

    async def cog_unload(self) -> None:
        """Stop."""
        self._clear.cancel()

    @commands.Cog.listener()
    async def on_guild_available(self, guild: discord.Guild) -> None:
        """Every guild, when the bot starts: it may be there since before the bot's state was."""
        await self._parts.settings.joined(tenant_of(guild), guild.preferred_locale.value)

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """A new one."""
        _log.info("joined a guild", tenant=tenant_of(guild))
        await self._parts.settings.joined(tenant_of(guild), guild.preferred_locale.value)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """The bot was removed (an outage is another event): its people are nobody's business any more.

        The settings stay, for the case that it comes back.
        """
        tenant = tenant_of(guild)
        people = await self._parts.people.forget_tenant(tenant)
        _log.info("left a guild; its key and its people are deleted", tenant=tenant, people=people)

    @tasks.loop(hours=1)
    async def _clear(self) -> None:
        try:
            people = await self._parts.people.sweep()
            await self._parts.settings.sweep()
        except Exception as error:  # in an hour again
            _log.exception("what has been kept long enough could not be cleared away", exc_info=error)
        else:
            _log.info("cleared away what has been kept long enough", people=people)


async def setup(bot: CroupierBot) -> None:
    """Add the listeners."""
    await bot.add_cog(Membership(bot))
