"""What the bot has to be allowed on a server, and the link that asks for it."""

from typing import Final

import discord

#: As Discord's portal calls them, and why.
REASONS: Final = {
    "view_channel": "to hear questions",
    "send_messages": "to answer",
    "send_messages_in_threads": "to answer in threads",
    "attach_files": "to show figures as pictures, and to hand out privacy exports",
    "read_message_history": "to follow replies, and to catch up on questions after a restart",
    "send_polls": "to offer polls",
}
NEEDED: Final = discord.Permissions(**dict.fromkeys(REASONS, True))
SCOPES: Final = ("bot", "applications.commands")


def missing(held: discord.Permissions) -> list[str]:
    """Those that are needed and not held, in words."""
    return [name.replace("_", " ") for name in REASONS if not getattr(held, name)]


def invite(application: int) -> str:
    """The link by which somebody who manages a server adds the bot to it."""
    return discord.utils.oauth_url(application, permissions=NEEDED, scopes=SCOPES)
