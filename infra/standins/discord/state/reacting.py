"""Reactions, votes and typing (Discord docs, "Gateway Events": Messages, Polls, Typing Start)."""

import time

from ..errors import ApiError
from .accounts import Json, User
from .messages import Message, Reaction
from .places import Channel
from .posting import edit
from .world import World, encode


def emoji(text: str) -> Json:
    """The partial emoji object for a Unicode emoji, or `name:id` of a guild's."""
    name, colon, number = text.partition(":")
    if colon and number.isdigit():
        return {"id": number, "name": name, "animated": False}
    if not text or text.isascii():
        raise ApiError(10014)
    return {"id": None, "name": text}


def _place(message: Message) -> Json:
    where: Json = {"channel_id": str(message.channel.id), "message_id": str(message.id)}
    if message.channel.guild is not None:
        where["guild_id"] = str(message.channel.guild.id)
    return where


def react(world: World, message: Message, user: User, text: str) -> None:
    """Add a user's reaction; a second one with the same emoji changes nothing."""
    reaction = message.reactions.setdefault(text, Reaction(emoji(text)))
    if user in reaction.users:
        return
    reaction.users.append(user)
    content = _place(message) | {
        "user_id": str(user.id),
        "emoji": reaction.emoji,
        "message_author_id": str(message.author.id),
        "burst": False,
        "type": 0,
    }
    guild = message.channel.guild
    if guild is not None and user.id in guild.members:
        content["member"] = guild.members[user.id].wire()
    world.emit("MESSAGE_REACTION_ADD", guild, encode(content))
    message.channel.changes.tell()


def unreact(world: World, message: Message, user: User, text: str) -> None:
    """Remove a user's reaction; 10014 when there is none with this emoji."""
    reaction = message.reactions.get(text)
    if reaction is None:
        raise ApiError(10014)
    if user not in reaction.users:
        return
    reaction.users.remove(user)
    if not reaction.users:
        del message.reactions[text]
    content = _place(message) | {"user_id": str(user.id), "emoji": reaction.emoji, "burst": False, "type": 0}
    world.emit("MESSAGE_REACTION_REMOVE", message.channel.guild, encode(content))
    message.channel.changes.tell()


def unreact_all(world: World, message: Message) -> None:
    """Remove every reaction."""
    message.reactions.clear()
    world.emit("MESSAGE_REACTION_REMOVE_ALL", message.channel.guild, encode(_place(message)))
    message.channel.changes.tell()


def vote(world: World, message: Message, user: User, answer: int) -> None:
    """Vote in a poll; where only one answer is allowed, an earlier vote goes.  answer: its id, from 1."""
    poll = message.poll
    assert poll is not None
    if poll.finalized or time.time() > poll.expires:
        raise ApiError(520006)
    if answer not in poll.answers:
        raise LookupError(f"the poll has no answer {answer}; it has {sorted(poll.answers)}")
    if user in poll.votes.setdefault(answer, []):
        return
    if not poll.multiselect:
        for other, users in poll.votes.items():
            if user in users:
                unvote(world, message, user, other)
    poll.votes[answer].append(user)
    content = _place(message) | {"user_id": str(user.id), "answer_id": answer}
    world.emit("MESSAGE_POLL_VOTE_ADD", message.channel.guild, encode(content))
    message.channel.changes.tell()


def unvote(world: World, message: Message, user: User, answer: int) -> None:
    """Take a vote back."""
    poll = message.poll
    assert poll is not None
    if user in poll.votes.get(answer, []):
        poll.votes[answer].remove(user)
        content = _place(message) | {"user_id": str(user.id), "answer_id": answer}
        world.emit("MESSAGE_POLL_VOTE_REMOVE", message.channel.guild, encode(content))
        message.channel.changes.tell()


def end_poll(world: World, message: Message) -> None:
    """A poll ends: its counts are final ("Poll", Poll Results Object)."""
    poll = message.poll
    assert poll is not None
    if not poll.finalized:
        poll.finalized = True
        poll.expires = min(poll.expires, time.time())
        edit(world, message, {})


def typing(world: World, channel: Channel, user: User) -> None:
    """Somebody types."""
    content: Json = {"channel_id": str(channel.id), "user_id": str(user.id), "timestamp": int(time.time())}
    if channel.guild is not None:
        content |= {
            "guild_id": str(channel.guild.id),
            "member": channel.guild.members[user.id].wire(),
        }
    world.emit("TYPING_START", channel.guild, encode(content))
