"""Who may do what in a channel (Discord docs, "Permissions": Permission Overwrites, Implicit Permissions)."""

from collections.abc import Iterable, Mapping
from enum import IntFlag


class Permission(IntFlag):
    """The permissions that this server looks at, by their bit."""

    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    SEND_TTS_MESSAGES = 1 << 12
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    USE_EXTERNAL_EMOJIS = 1 << 18
    USE_APPLICATION_COMMANDS = 1 << 31
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    CREATE_PRIVATE_THREADS = 1 << 36
    SEND_MESSAGES_IN_THREADS = 1 << 38
    SEND_POLLS = 1 << 49


EVERYTHING = (1 << 53) - 1

TALKING = (
    Permission.ADD_REACTIONS
    | Permission.VIEW_CHANNEL
    | Permission.SEND_MESSAGES
    | Permission.EMBED_LINKS
    | Permission.ATTACH_FILES
    | Permission.READ_MESSAGE_HISTORY
    | Permission.USE_EXTERNAL_EMOJIS
    | Permission.USE_APPLICATION_COMMANDS
    | Permission.CREATE_PUBLIC_THREADS
    | Permission.SEND_MESSAGES_IN_THREADS
    | Permission.SEND_POLLS
)
"""What @everyone of a new guild may do."""

DIRECT = TALKING | Permission.MENTION_EVERYONE
"""In direct messages there are no roles."""

IMPLIED = Permission.SEND_TTS_MESSAGES | Permission.MENTION_EVERYONE | Permission.EMBED_LINKS | Permission.ATTACH_FILES
"""What nobody may do who may not write."""

ROLE, MEMBER = 0, 1
"""Kinds of overwrites."""

Overwrites = Mapping[tuple[int, int], tuple[int, int]]
"""(kind, id of the role or member): (allow, deny)."""


def in_guild(everyone: int, roles: Iterable[int], *, owner: bool) -> int:
    """Permissions in a guild as a whole: the union of @everyone's and of the member's roles."""
    union = everyone
    for role in roles:
        union |= role
    return EVERYTHING if owner or union & Permission.ADMINISTRATOR else union


def in_channel(
    base: int,
    guild_id: int,
    role_ids: Iterable[int],
    member_id: int,
    overwrites: Overwrites,
    writing: Permission = Permission.SEND_MESSAGES,
) -> int:
    """Permissions `base` after a channel's overwrites: @everyone's, then all roles' together, then the member's.

    writing: the permission to write here, in threads SEND_MESSAGES_IN_THREADS.  0 when the channel can't be seen.
    """
    if base & Permission.ADMINISTRATOR:
        return EVERYTHING
    allow, deny = overwrites.get((ROLE, guild_id), (0, 0))
    base = base & ~deny | allow
    allow = deny = 0
    for role_id in role_ids:
        role_allow, role_deny = overwrites.get((ROLE, role_id), (0, 0))
        allow |= role_allow
        deny |= role_deny
    base = base & ~deny | allow
    allow, deny = overwrites.get((MEMBER, member_id), (0, 0))
    base = base & ~deny | allow
    if not base & writing:
        base &= ~int(IMPLIED)
    return base if base & Permission.VIEW_CHANNEL else 0
