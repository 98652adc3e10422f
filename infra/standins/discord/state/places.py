"""Guilds and channels (Discord docs, "Guild", "Channel", "Threads")."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, TypeVar

from ..changes import Changes
from ..permissions import DIRECT, Permission, in_channel, in_guild
from ..snowflakes import timestamp
from .accounts import Json, Member, Role, User

if TYPE_CHECKING:
    from .messages import Message

T = TypeVar("T")


class Kind(IntEnum):
    """Channel types."""

    TEXT = 0
    DIRECT = 1
    VOICE = 2
    CATEGORY = 4
    ANNOUNCEMENT = 5
    ANNOUNCEMENT_THREAD = 10
    PUBLIC_THREAD = 11
    PRIVATE_THREAD = 12
    FORUM = 15


@dataclass(slots=True, eq=False)
class Thread:
    """What a thread has beyond a channel: owner, archival, members (user id: ISO 8601 of joining)."""

    owner: int
    auto_archive_minutes: int = 1440
    archived: bool = False
    locked: bool = False
    members: dict[int, str] = field(default_factory=dict)
    total_sent: int = 0


@dataclass(slots=True, eq=False)
class Guild:
    """A server."""

    id: int
    name: str
    owner: User
    locale: str = "en-US"
    available: bool = True
    roles: dict[int, Role] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)
    channels: dict[int, "Channel"] = field(default_factory=dict)
    threads: dict[int, "Channel"] = field(default_factory=dict)

    def wire(self) -> Json:
        """The guild object of the REST API."""
        return {
            "id": str(self.id),
            "name": self.name,
            "icon": None,
            "splash": None,
            "discovery_splash": None,
            "banner": None,
            "description": None,
            "owner_id": str(self.owner.id),
            "region": "deprecated",
            "afk_channel_id": None,
            "afk_timeout": 300,
            "system_channel_id": None,
            "system_channel_flags": 0,
            "rules_channel_id": None,
            "public_updates_channel_id": None,
            "safety_alerts_channel_id": None,
            "application_id": None,
            "vanity_url_code": None,
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "mfa_level": 0,
            "nsfw_level": 0,
            "nsfw": False,
            "premium_tier": 0,
            "premium_subscription_count": 0,
            "premium_progress_bar_enabled": False,
            "preferred_locale": self.locale,
            "features": [],
            "emojis": [],
            "stickers": [],
            "roles": [role.wire() for role in self.roles.values()],
            "max_members": 500_000,
        }

    def permissions(self, user_id: int) -> int:
        """What this member may do in the guild as a whole."""
        member = self.members.get(user_id)
        if member is None:
            return 0
        roles = (self.roles[role].permissions for role in member.roles)
        return in_guild(self.roles[self.id].permissions, roles, owner=user_id == self.owner.id)

    def find(self, name: str) -> "Channel":
        """The channel of this name."""
        for channel in self.channels.values():
            if channel.name == name:
                return channel
        raise LookupError(f"no channel {name!r} in {self.name!r}; there are {[c.name for c in self.channels.values()]}")


@dataclass(slots=True, eq=False)
class Channel:
    """A channel of a guild, a thread, or direct messages (without a guild).

    messages: by id, oldest first.  closed: direct messages that the person doesn't take.
    changes: told of every message that appears, changes or goes.
    """

    id: int
    kind: Kind
    name: str = ""
    guild: Guild | None = None
    parent: "Channel | None" = None
    topic: str | None = None
    position: int = 0
    overwrites: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    recipients: list[User] = field(default_factory=list)
    thread: Thread | None = None
    closed: bool = False
    last_message_id: int | None = None
    messages: dict[int, "Message"] = field(default_factory=dict)
    changes: Changes = field(default_factory=Changes)

    def wire(self) -> Json:
        """The channel object."""
        content: Json = {
            "id": str(self.id),
            "type": int(self.kind),
            "flags": 0,
            "last_message_id": None if self.last_message_id is None else str(self.last_message_id),
        }
        if self.guild is None:
            content["recipients"] = [user.wire() for user in self.recipients if not user.bot]
            return content
        content |= {
            "guild_id": str(self.guild.id),
            "name": self.name,
            "parent_id": None if self.parent is None else str(self.parent.id),
            "rate_limit_per_user": 0,
        }
        if self.thread is not None:
            return content | self._thread_wire(self.thread)
        return content | {
            "topic": self.topic,
            "nsfw": False,
            "position": self.position,
            "permission_overwrites": [
                {"id": str(target), "type": kind, "allow": str(allow), "deny": str(deny)}
                for (kind, target), (allow, deny) in self.overwrites.items()
            ],
        }

    def _thread_wire(self, thread: Thread) -> Json:
        return {
            "owner_id": str(thread.owner),
            "message_count": len(self.messages),
            "member_count": len(thread.members),
            "total_message_sent": thread.total_sent,
            "thread_metadata": {
                "archived": thread.archived,
                "auto_archive_duration": thread.auto_archive_minutes,
                "archive_timestamp": timestamp(self.id),
                "locked": thread.locked,
                "create_timestamp": timestamp(self.id),
            },
        }

    def permissions(self, user_id: int) -> int:
        """What this user may do here; 0 when the channel cannot even be seen."""
        if self.guild is None:
            return int(DIRECT) if any(user.id == user_id for user in self.recipients) else 0
        member = self.guild.members.get(user_id)
        if member is None:
            return 0
        base, guild = self.guild.permissions(user_id), self.guild.id
        if self.thread is not None and self.parent is not None:
            writing = Permission.SEND_MESSAGES_IN_THREADS
            return in_channel(base, guild, member.roles, user_id, self.parent.overwrites, writing)
        return in_channel(base, guild, member.roles, user_id, self.overwrites)

    def by(self, user: User) -> "list[Message]":
        """The messages that `user` wrote here, oldest first."""
        return [message for message in self.messages.values() if message.author is user]

    async def until(self, look: "Callable[[list[Message]], T]", timeout: float = 10.0) -> T:
        """What `look(messages)` gives as soon as that is true; messages oldest first, without ephemeral ones.

        Raises TimeoutError after `timeout` seconds, telling what was said last.
        """
        return await self.changes.until(lambda: look(list(self.messages.values())), timeout, self._seen)

    def _seen(self) -> str:
        last = list(self.messages.values())[-5:]
        said = "; ".join(f"{message.author.name}: {message.content[:200]!r}" for message in last)
        return f"#{self.name or 'direct messages'} with {len(self.messages)} messages, the last: {said or 'none'}"
