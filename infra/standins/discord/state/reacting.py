"""Reactions, votes and typing (Discord docs, "Gateway Events": Messages, Polls, Typing Start)."""

import time

from ..errors import ApiError
from .accounts import Json, User
from .messages import Message, Reaction, Type
from .places import Channel
from .posting import edit, post
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
    world.emit("MESSAGE_REACTION_ADD", message.channel, encode(content))
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
    world.emit("MESSAGE_REACTION_REMOVE", message.channel, encode(content))
    message.channel.changes.tell()


def unreact_all(world: World, message: Message) -> None:
    """Remove every reaction."""
    message.reactions.clear()
    world.emit("MESSAGE_REACTION_REMOVE_ALL", message.channel, encode(_place(message)))
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
    world.emit("MESSAGE_POLL_VOTE_ADD", message.channel, encode(content))
    message.channel.changes.tell()


def unvote(world: World, message: Message, user: User, answer: int) -> None:
    """Take a vote back."""
    poll = message.poll
    assert poll is not None
    if user in poll.votes.get(answer, []):
        poll.votes[answer].remove(user)
        content = _place(message) | {"user_id": str(user.id), "answer_id": answer}
        world.emit("MESSAGE_POLL_VOTE_REMOVE", message.channel, encode(content))
        message.channel.changes.tell()


def end_poll(world: World, message: Message) -> None:
    """A poll ends: its counts are final, and a message gives the result ("Poll", Poll Results; "Message", Embed)."""
    poll = message.poll
    assert poll is not None
    if poll.finalized:
        return
    poll.finalized = True
    poll.expires = min(poll.expires, time.time())
    edit(world, message, {})
    counts = {answer: len(users) for answer, users in poll.votes.items()}
    best = max(counts.values(), default=0)
    winners = [answer for answer, count in counts.items() if count == best > 0]
    values = {
        "poll_question_text": poll.question["text"],
        "victor_answer_votes": str(best),
        "total_votes": str(sum(counts.values())),
    }
    if len(winners) == 1:
        values |= {
            "victor_answer_id": str(winners[0]),
            "victor_answer_text": poll.answers[winners[0]].get("text", ""),
        }
    fields = [{"name": name, "value": value, "inline": False} for name, value in values.items()]
    embeds = [{"type": "poll_result", "fields": fields}]
    post(
        world,
        Message(
            world.ids.next(),
            message.channel,
            message.author,
            type=Type.POLL_RESULT,
            embeds=embeds,
            reply_to=message,
        ),
    )


def typing(world: World, channel: Channel, user: User) -> None:
    """Somebody types."""
    content: Json = {"channel_id": str(channel.id), "user_id": str(user.id), "timestamp": int(time.time())}
    if channel.guild is not None:
        content |= {
            "guild_id": str(channel.guild.id),
            "member": channel.guild.members[user.id].wire(),
        }
    world.emit("TYPING_START", channel, encode(content))
