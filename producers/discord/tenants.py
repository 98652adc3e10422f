"""Whose data a place in Discord is: a tenant for each guild, and one for all direct messages."""

from typing import Final

from discord.abc import Snowflake

DIRECT: Final = "direct"
_GUILD: Final = "guild-"


def tenant_of(guild: Snowflake | int | None) -> str:
    """The tenant of a guild, of its id, or of a direct message (None)."""
    if guild is None:
        return DIRECT
    return f"{_GUILD}{guild if isinstance(guild, int) else guild.id}"


def guild_of(tenant: str) -> int | None:
    """The guild's id; None: direct messages."""
    return int(tenant.removeprefix(_GUILD)) if tenant.startswith(_GUILD) else None
