"""Messages appear, change and go (Discord docs, "Message"; "Gateway Events", Messages)."""

import re
import time
from collections.abc import Iterable
from functools import partial

from ..intents import Intent
from ..permissions import Permission
from ..snowflakes import iso
from .accounts import Json
from .messages import Flag, Message, Type
from .places import Channel
from .world import World, encode

MENTION = re.compile(r"<@!?(\d+)>")
ROLE_MENTION = re.compile(r"<@&(\d+)>")


def post(world: World, message: Message, *, allowed: Json | None = None) -> Message:
    """Put a message into its channel and tell everyone who may see it.

    allowed: the allowed mentions object ("Message", Allowed Mentions Object); without it everything that the content
    mentions is mentioned.
    """
    channel = message.channel
    message.versions.append((time.monotonic(), message.content))
    mention(world, message, allowed)
    if message.author is world.bot:
        world.written.append(message)
        world.wrote += 1
    if message.ephemeral:
        channel.changes.tell()
        return message
    channel.messages[message.id] = message
    channel.last_message_id = message.id
    if channel.thread is not None:
        channel.thread.total_sent += 1
    while len(channel.messages) > world.rules.keep_messages:
        old = channel.messages.pop(next(iter(channel.messages)))
        forget_files(world, old)
    tell(world, "MESSAGE_CREATE", message)
    channel.changes.tell()
    return message


def edit(world: World, message: Message, changed: Json) -> Message:
    """Change fields of a message (names of `Message`) and tell everyone who may see it."""
    for name, value in changed.items():
        setattr(message, name, value)
    message.edited = iso(time.time())
    if "content" in changed:
        message.versions.append((time.monotonic(), message.content))
    if not message.ephemeral:
        tell(world, "MESSAGE_UPDATE", message)
    message.channel.changes.tell()
    return message


def delete(world: World, message: Message) -> None:
    """A message goes."""
    channel = message.channel
    message.deleted = True
    forget_files(world, message)
    if channel.messages.pop(message.id, None) is not None:
        where = {"id": str(message.id), "channel_id": str(channel.id)}
        if channel.guild is not None:
            where["guild_id"] = str(channel.guild.id)
        world.emit("MESSAGE_DELETE", channel, encode(where))
    channel.changes.tell()


def tell(world: World, event: str, message: Message) -> None:
    """Emit `event` with the message as the gateway gives it: with guild and member."""
    guild = message.channel.guild

    def data(*, hide: bool) -> bytes:
        content = message.wire(world.bot.id, hide=hide)
        if guild is not None:
            content["guild_id"] = str(guild.id)
            member = guild.members.get(message.author.id)
            if member is not None and message.interaction is None:
                content["member"] = member.wire(user=False)
            if message.mentions:
                content["mentions"] = [
                    user.wire() | {"member": guild.members[user.id].wire(user=False)}
                    if user.id in guild.members
                    else user.wire()
                    for user in message.mentions
                ]
        return encode(content)

    private = guild is not None and message.author is not world.bot and world.bot not in message.mentions
    lesser = partial(data, hide=True) if private else None
    world.emit(event, message.channel, data(hide=False), lesser, Intent.MESSAGE_CONTENT)


def mention(world: World, message: Message, allowed: Json | None) -> None:
    """Set whom the message mentions: those its content names, and the author of what it answers."""
    guild = message.channel.guild
    parse = ("users", "roles", "everyone") if allowed is None else allowed.get("parse", ())
    named = set() if allowed is None else {int(user) for user in allowed.get("users") or ()}
    users = _unique(int(user) for user in MENTION.findall(message.content))
    message.mentions = [world.users[n] for n in users if n in world.users and ("users" in parse or n in named)]
    if guild is not None:
        roles = set() if allowed is None else {int(role) for role in allowed.get("roles") or ()}
        found = _unique(int(role) for role in ROLE_MENTION.findall(message.content))
        message.mention_roles = [n for n in found if n in guild.roles and ("roles" in parse or n in roles)]
        may = message.channel.permissions(message.author.id) & Permission.MENTION_EVERYONE
        named_all = "@everyone" in message.content or "@here" in message.content
        message.mention_everyone = bool(may and named_all and "everyone" in parse)
    replied = allowed is None or allowed.get("replied_user", False)
    if message.type is Type.REPLY and message.reply_to is not None and replied:
        author = message.reply_to.author
        if author not in message.mentions and author is not message.author:
            message.mentions.append(author)


def forget_files(world: World, message: Message) -> None:
    """The files of a message that is gone are gone."""
    for attachment in message.attachments:
        world.files.pop(attachment.id, None)


def visible(world: World, message: Message) -> bool:
    """Whether REST shows the bot this message's content ("Gateway", Message Content Intent)."""
    return (
        bool(world.granted & Intent.MESSAGE_CONTENT)
        or message.channel.guild is None
        or message.author is world.bot
        or world.bot in message.mentions
    )


def history(
    channel: Channel, *, before: int | None = None, after: int | None = None, around: int | None = None, limit: int = 50
) -> list[Message]:
    """Up to `limit` messages, newest first ("Message", Get Channel Messages)."""
    messages = list(channel.messages.values())
    if around is not None:
        older = [m for m in messages if m.id < around][-(limit // 2) :]
        messages = older + [m for m in messages if m.id >= around][: limit - len(older)]
    elif after is not None:
        messages = [m for m in messages if m.id > after][:limit]
    elif before is not None:
        messages = [m for m in messages if m.id < before]
    return messages[-limit:][::-1]


def settable(flags: int) -> int:
    """Those of `flags` that a bot may set on a message."""
    settable = Flag.SUPPRESS_EMBEDS | Flag.SUPPRESS_NOTIFICATIONS | Flag.EPHEMERAL | Flag.COMPONENTS_V2
    return flags & settable


def _unique(numbers: Iterable[int]) -> list[int]:
    return list(dict.fromkeys(numbers))
