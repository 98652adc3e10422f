"""Messages, reactions, typing and polls (Discord docs, "Message", "Channel": Trigger Typing Indicator, "Poll")."""

from typing import Any

from ..errors import ApiError, invalid
from ..permissions import Permission
from ..state import posting, reacting
from ..state.accounts import Json
from ..state.messages import Message
from .call import NOTHING, Answer, Call, Route, answer
from .forms import message_fields, needed_permissions, reply


def shown(call: Call, message: Message) -> Json:
    """The message as the bot gets it by REST."""
    return message.wire(call.world.bot.id, hide=not posting.visible(call.world, message))


def _message(call: Call, *permissions: Permission) -> Message:
    return call.world.find_message(call.channel(*permissions), call.number("message"))


def create(call: Call) -> Answer:
    """Create Message."""
    channel = call.channel()
    if channel.closed:
        raise ApiError(50007)
    if channel.thread is not None and channel.thread.archived:
        if channel.thread.locked:
            raise ApiError(50083)
        channel.thread.archived = False
    nonce = call.body.get("nonce")
    if nonce is not None and call.body.get("enforce_nonce"):
        again = next((m for m in reversed(channel.messages.values()) if m.nonce == nonce), None)
        if again is not None and again.author is call.world.bot:
            return answer(shown(call, again))
    fields = message_fields(call, channel)
    call.world.allow(channel, *needed_permissions(channel, fields))
    fields |= reply(call.world, channel, call.body.get("message_reference"))
    message = Message(call.world.ids.next(), channel, call.world.bot, **fields)
    posting.post(call.world, message, allowed=call.body.get("allowed_mentions"))
    return answer(shown(call, message))


def edit(call: Call) -> Answer:
    """Edit Message."""
    message = _message(call)
    if message.author is not call.world.bot:
        raise ApiError(50005)
    fields = message_fields(call, message.channel, old=message)
    return answer(shown(call, posting.edit(call.world, message, fields)))


def get(call: Call) -> Answer:
    """Get Channel Message."""
    return answer(shown(call, _message(call, Permission.READ_MESSAGE_HISTORY)))


def history(call: Call) -> Answer:
    """Get Channel Messages; nothing without READ_MESSAGE_HISTORY."""
    channel = call.channel()
    limit = call.asked("limit") or 50
    if not 1 <= limit <= 100:
        raise invalid("limit", "NUMBER_TYPE_MAX", "int value should be less than or equal to 100.")
    if not channel.permissions(call.world.bot.id) & Permission.READ_MESSAGE_HISTORY:
        return answer([])
    found = posting.history(
        channel, before=call.asked("before"), after=call.asked("after"), around=call.asked("around"), limit=limit
    )
    return answer([shown(call, message) for message in found])


def delete(call: Call) -> Answer:
    """Delete Message."""
    message = _message(call)
    if message.author is not call.world.bot:
        call.world.allow(message.channel, Permission.MANAGE_MESSAGES)
    posting.delete(call.world, message)
    return NOTHING


def react(call: Call) -> Answer:
    """Create Reaction."""
    message = _message(call, Permission.READ_MESSAGE_HISTORY)
    emoji = call.path["emoji"]
    if emoji not in message.reactions:
        call.world.allow(message.channel, Permission.ADD_REACTIONS)
    reacting.react(call.world, message, call.world.bot, emoji)
    return NOTHING


def unreact(call: Call) -> Answer:
    """Delete Own Reaction."""
    reacting.unreact(call.world, _message(call), call.world.bot, call.path["emoji"])
    return NOTHING


def unreact_user(call: Call) -> Answer:
    """Delete User Reaction."""
    message = _message(call, Permission.MANAGE_MESSAGES)
    user = call.world.users.get(call.number("user"))
    if user is None:
        raise ApiError(10013)
    reacting.unreact(call.world, message, user, call.path["emoji"])
    return NOTHING


def unreact_all(call: Call) -> Answer:
    """Delete All Reactions."""
    reacting.unreact_all(call.world, _message(call, Permission.MANAGE_MESSAGES))
    return NOTHING


def reactors(call: Call) -> Answer:
    """Get Reactions."""
    reaction = _message(call).reactions.get(call.path["emoji"])
    limit, after = call.asked("limit") or 25, call.asked("after") or 0
    users: list[Any] = [] if reaction is None else reaction.users
    return answer([user.wire() for user in users if user.id > after][:limit])


def typing(call: Call) -> Answer:
    """Trigger Typing Indicator."""
    channel = call.channel()
    call.world.allow(channel, *needed_permissions(channel, {}))
    reacting.typing(call.world, channel, call.world.bot)
    return NOTHING


def voters(call: Call) -> Answer:
    """Get Answer Voters."""
    poll = _message(call).poll
    limit, after = call.asked("limit") or 25, call.asked("after") or 0
    users = [] if poll is None else poll.votes.get(call.number("answer"), [])
    return answer({"users": [user.wire() for user in users if user.id > after][:limit]})


def end_poll(call: Call) -> Answer:
    """End Poll."""
    message = _message(call)
    if message.author is not call.world.bot or message.poll is None:
        raise ApiError(50005)
    reacting.end_poll(call.world, message)
    return answer(shown(call, message))


_ONE = "/channels/{channel}/messages/{message}"
_EMOJI = _ONE + "/reactions/{emoji}"

ROUTES = [
    Route("GET", "/channels/{channel}/messages", history, "messages.read", "channel"),
    Route("POST", "/channels/{channel}/messages", create, "messages.create", "channel"),
    Route("GET", _ONE, get, "messages.read", "channel"),
    Route("PATCH", _ONE, edit, "messages.edit", "channel"),
    Route("DELETE", _ONE, delete, "messages.delete", "channel"),
    Route("DELETE", _ONE + "/reactions", unreact_all, "reactions", "channel"),
    Route("GET", _EMOJI, reactors, "messages.read", "channel"),
    Route("PUT", _EMOJI + "/@me", react, "reactions", "channel"),
    Route("DELETE", _EMOJI + "/@me", unreact, "reactions", "channel"),
    Route("DELETE", _EMOJI + "/{user}", unreact_user, "reactions", "channel"),
    Route("POST", "/channels/{channel}/typing", typing, "typing", "channel"),
    Route("GET", "/channels/{channel}/polls/{message}/answers/{answer}", voters, "messages.read", "channel"),
    Route("POST", "/channels/{channel}/polls/{message}/expire", end_poll, "messages.edit", "channel"),
]
