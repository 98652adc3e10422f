"""Everything that the local Discord knows, and the one place through which changes are told."""

import hashlib
import mimetypes
import secrets
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import msgspec

from ..changes import Changes
from ..errors import ApiError
from ..intents import APPLICATION_FLAGS, PRIVILEGED, Intent
from ..permissions import MEMBER, ROLE, TALKING, Permission
from ..rules import Rules
from ..snowflakes import Snowflakes, iso
from .accounts import Json, Member, Role, User
from .interactions import Interaction
from .messages import Attachment, Message
from .places import Channel, Guild, Kind

encode = msgspec.json.encode

LARGE = 250
"""Members beyond which a guild is large: its offline members don't come by themselves ("Identify")."""


class Event(NamedTuple):
    """A dispatch event.

    guild: the guild's id, None for direct messages.  data: the encoded `d`.
    lesser: gives `d` as sessions without the intent `whole` get it; None when all get the same.
    """

    name: str
    guild: int | None
    data: bytes
    lesser: Callable[[], bytes] | None = None
    whole: int = 0


class World:
    """Accounts, guilds, channels, files, commands and interactions.

    events: how many were emitted, by name.  written: the last messages of the bot, oldest first; wrote: how many it
    wrote in all.  listener: told of every event.  granted: the privileged intents that the application may use.
    """

    def __init__(self, rules: Rules, bot: str = "croupier") -> None:
        self.rules = rules
        self.ids = Snowflakes()
        self.users: dict[int, User] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.directs: dict[int, Channel] = {}
        self.files: dict[int, Attachment] = {}
        self.interactions: dict[int, Interaction] = {}
        self.tokens: dict[str, Interaction] = {}
        self.commands: dict[int | None, dict[int, Json]] = {None: {}}
        self.changes = Changes()
        self.events: dict[str, int] = {}
        self.written: deque[Message] = deque(maxlen=rules.keep_requests)
        self.wrote = 0
        self.listener: Callable[[Event], None] = lambda event: None
        self.files_at = ""
        self.granted = PRIVILEGED
        self.bot = self._account(bot, bot=True)
        self.owner = self._account("Owner of the application")

    # Telling

    def emit(
        self,
        name: str,
        place: Channel | Guild | None,
        data: bytes,
        lesser: Callable[[], bytes] | None = None,
        whole: int = 0,
    ) -> None:
        """Tell the gateway of an event (as `Event`) if the bot may hear of it, and all who wait for a change."""
        if self._heard(name, place):
            guild = place.guild if isinstance(place, Channel) else place
            self.events[name] = self.events.get(name, 0) + 1
            self.listener(Event(name, None if guild is None else guild.id, data, lesser, whole))
        self.changes.tell()

    def _heard(self, name: str, place: Channel | Guild | None) -> bool:
        """Not of channels that the bot can't see, nor of guilds that it isn't in or that are out ("Gateway", Guild
        Availability).
        """
        if isinstance(place, Channel):
            if place.guild is None:
                return True
            return place.guild.available and bool(place.permissions(self.bot.id) & Permission.VIEW_CHANNEL)
        if place is None or name == "GUILD_DELETE":
            return True
        return self.bot.id in place.members and place.available

    # Making

    def _account(self, name: str, *, bot: bool = False) -> User:
        user = User(self.ids.backdated(), name, bot=bot)
        self.users[user.id] = user
        return user

    def user(self, name: str, locale: str = "en-US") -> User:
        """A new person."""
        user = self._account(name)
        user.locale = locale
        return user

    def guild(
        self,
        name: str,
        *,
        locale: str = "en-US",
        owner: User | None = None,
        bot_permissions: int | None = int(TALKING),
        channels: tuple[str, ...] = ("general",),
        members: tuple[User, ...] = (),
    ) -> Guild:
        """A new guild with text channels.  bot_permissions: of the bot's own role; None when it hasn't been invited."""
        owner = owner or self.owner
        guild = Guild(self.ids.backdated(), name, owner, locale)
        guild.roles[guild.id] = Role(guild.id, "@everyone", int(TALKING))
        self.guilds[guild.id] = guild
        for user in (owner, *members):
            guild.members[user.id] = Member(user, iso(time.time()))
        for channel in channels:
            self.channel(guild, channel, silent=True)
        if bot_permissions is not None:
            self.invite(guild, bot_permissions)
        return guild

    def invite(self, guild: Guild, permissions: int = int(TALKING)) -> None:
        """The bot joins, with a role of its own that has `permissions`."""
        role = Role(self.ids.next(), self.bot.name, permissions, position=1, managed=True, bot=self.bot.id)
        guild.roles[role.id] = role
        guild.members[self.bot.id] = Member(self.bot, iso(time.time()), [role.id])
        self._created(guild, unavailable=None)

    def remove_bot(self, guild: Guild) -> None:
        """The bot is kicked."""
        if guild.members.pop(self.bot.id, None) is not None:
            self.emit("GUILD_DELETE", guild, encode({"id": str(guild.id)}))

    def outage(self, guild: Guild, *, over: bool = False) -> None:
        """A guild becomes unavailable, or available again ("Gateway", Guild Availability)."""
        guild.available = over
        if over:
            self._created(guild, unavailable=False)
        else:
            self.emit("GUILD_DELETE", guild, encode({"id": str(guild.id), "unavailable": True}))

    def join(self, guild: Guild, user: User, *, permissions: int = 0, nick: str | None = None) -> Member:
        """A person joins; with `permissions` beyond @everyone's it gets a role that has them."""
        member = Member(user, iso(time.time()), nick=nick)
        if permissions:
            role = Role(self.ids.next(), f"role of {user.name}", permissions, position=1)
            guild.roles[role.id] = role
            member.roles.append(role.id)
            self.emit("GUILD_ROLE_CREATE", guild, encode({"guild_id": str(guild.id), "role": role.wire()}))
        guild.members[user.id] = member
        self.emit("GUILD_MEMBER_ADD", guild, encode(member.wire() | {"guild_id": str(guild.id)}))
        return member

    def leave(self, guild: Guild, user: User) -> None:
        """A person leaves."""
        if guild.members.pop(user.id, None) is not None:
            self.emit("GUILD_MEMBER_REMOVE", guild, encode({"guild_id": str(guild.id), "user": user.wire()}))

    def change(self, guild: Guild, *, name: str | None = None, locale: str | None = None) -> None:
        """A guild gets another name or language."""
        guild.name, guild.locale = name or guild.name, locale or guild.locale
        self.emit("GUILD_UPDATE", guild, encode(guild.wire()))

    def channel(
        self, guild: Guild, name: str, *, kind: Kind = Kind.TEXT, topic: str | None = None, silent: bool = False
    ) -> Channel:
        """A new channel of a guild."""
        channel = Channel(self.ids.next(), kind, name, guild, topic=topic, position=len(guild.channels))
        guild.channels[channel.id] = self.channels[channel.id] = channel
        if not silent:
            self.emit("CHANNEL_CREATE", channel, encode(channel.wire()))
        return channel

    def overwrite(self, channel: Channel, who: User | Role, *, allow: int = 0, deny: int = 0) -> None:
        """Set a channel's permission overwrite for a user or a role."""
        kind = MEMBER if isinstance(who, User) else ROLE
        channel.overwrites[kind, who.id] = (allow, deny)
        self.emit("CHANNEL_UPDATE", channel, encode(channel.wire()))

    def delete_channel(self, channel: Channel) -> None:
        """A channel goes, with its messages."""
        self.channels.pop(channel.id, None)
        if channel.guild is not None:
            channel.guild.channels.pop(channel.id, None)
            channel.guild.threads.pop(channel.id, None)
            event = "CHANNEL_DELETE" if channel.thread is None else "THREAD_DELETE"
            self.emit(event, channel, encode(channel.wire()))

    def direct(self, user: User) -> Channel:
        """The direct messages between the bot and a user."""
        channel = self.directs.get(user.id)
        if channel is None:
            channel = Channel(self.ids.next(), Kind.DIRECT, recipients=[self.bot, user])
            self.directs[user.id] = self.channels[channel.id] = channel
        return channel

    def file(self, channel: Channel, filename: str, data: bytes, content_type: str = "") -> Attachment:
        """Keep a file; the server serves it."""
        number = self.ids.next()
        url = f"{self.files_at}/attachments/{channel.id}/{number}/{filename}"
        attachment = Attachment(number, filename, data, content_type or type_of(filename), url)
        self.files[number] = attachment
        return attachment

    # Finding

    def find_channel(self, number: int) -> Channel:
        """The channel with this id, or 10003."""
        channel = self.channels.get(number)
        if channel is None:
            raise ApiError(10003)
        return channel

    def find_message(self, channel: Channel, number: int) -> Message:
        """The message with this id in `channel`, or 10008."""
        message = channel.messages.get(number)
        if message is None:
            raise ApiError(10008)
        return message

    def find_guild(self, number: int) -> Guild:
        """The guild with this id if the bot is in it, or 10004."""
        guild = self.guilds.get(number)
        if guild is None or self.bot.id not in guild.members:
            raise ApiError(10004)
        return guild

    def allow(self, channel: Channel, *permissions: Permission) -> None:
        """Nothing if the bot may do this here; 50001 if it cannot see the channel, 50013 if it lacks a permission."""
        has = channel.permissions(self.bot.id)
        if channel.guild is not None and not has & Permission.VIEW_CHANNEL:
            raise ApiError(50001)
        for permission in permissions:
            if not has & permission:
                raise ApiError(50013)

    # Wire

    def _created(self, guild: Guild, *, unavailable: bool | None) -> None:
        small = len(guild.members) <= LARGE
        data = self.guild_event(guild, unavailable=unavailable, everyone=small)
        lesser = partial(self.guild_event, guild, unavailable=unavailable, everyone=False)
        self.emit("GUILD_CREATE", guild, data, lesser, Intent.GUILD_PRESENCES)

    def guild_event(self, guild: Guild, *, unavailable: bool | None, everyone: bool) -> bytes:
        """`d` of GUILD_CREATE ("Gateway Events", Guild Create).

        unavailable: False for one that READY announced, None for one newly joined.
        everyone: with all members; those without the presence intent get the bot alone.
        """
        me = guild.members[self.bot.id]
        content = guild.wire() | {
            "joined_at": me.joined,
            "large": len(guild.members) > LARGE,
            "member_count": len(guild.members),
            "voice_states": [],
            "members": [one.wire() for one in guild.members.values()] if everyone else [me.wire()],
            "channels": [channel.wire() for channel in guild.channels.values()],
            "threads": [thread.wire() for thread in guild.threads.values()],
            "presences": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
        }
        if unavailable is not None:
            content["unavailable"] = unavailable
        return encode(content)

    def application(self) -> Json:
        """The application object."""
        flags = sum(flag for intent, flag in APPLICATION_FLAGS.items() if self.granted & intent)
        return {
            "id": str(self.bot.id),
            "name": self.bot.name,
            "icon": None,
            "description": "",
            "bot_public": True,
            "bot_require_code_grant": False,
            "bot": self.bot.wire(),
            "owner": self.owner.wire(),
            "team": None,
            "verify_key": hashlib.sha256(b"verify").hexdigest(),
            "flags": flags,
            "approximate_guild_count": len(self.guilds),
            "tags": [],
            "install_params": {"scopes": ["applications.commands", "bot"], "permissions": str(int(TALKING))},
        }


def new_token() -> str:
    """A token for an interaction; nobody can guess it."""
    return secrets.token_urlsafe(128)


def type_of(filename: str) -> str:
    """The media type that Discord gives a file of this name."""
    return mimetypes.guess_type(filename)[0] or "application/octet-stream"
