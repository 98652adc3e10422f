"""Where something was written, as far as the bot knows the place."""

from typing import TYPE_CHECKING

import discord

from .tenants import DIRECT, guild_of, tenant_of

if TYPE_CHECKING:
    from discord.abc import MessageableChannel


def tenant_in(message: discord.Message) -> str:
    """The tenant of a message, also of one in a guild that Discord has not told us of yet."""
    if message.guild is not None:
        return tenant_of(message.guild)
    return tenant_of(getattr(message.channel, "guild_id", None))


def place(client: discord.Client, channel: int, tenant: str) -> "MessageableChannel":
    """A channel to read and write in."""
    known = client.get_channel(channel)
    if isinstance(known, discord.abc.Messageable):
        return known
    kind = discord.ChannelType.private if tenant == DIRECT else None
    return client.get_partial_messageable(channel, guild_id=guild_of(tenant), type=kind)


def kind_of(channel: object) -> str:
    """As `Seen.channel_kind`."""
    if isinstance(channel, discord.DMChannel | discord.GroupChannel):
        return "direct"
    if isinstance(channel, discord.PartialMessageable) and channel.type is discord.ChannelType.private:
        return "direct"
    if isinstance(channel, discord.Thread):
        return "thread"
    return "voice" if isinstance(channel, discord.VoiceChannel | discord.StageChannel) else "text"


def replied_to(message: discord.Message) -> int | None:
    """The message that it replies to; None: to none (a forwarded one refers to another, and says nothing)."""
    if message.reference is None or message.type is not discord.MessageType.reply:
        return None
    return message.reference.message_id
