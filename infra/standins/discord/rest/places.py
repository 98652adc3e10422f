"""Channels, threads, guilds, members and the bot itself (Discord docs, "Channel", "Guild", "User", "Application")."""

import time

from ..errors import ApiError, invalid
from ..permissions import Permission
from ..snowflakes import iso
from ..state.places import Kind
from ..state.threads import start_thread
from ..state.world import encode
from .call import NOTHING, Answer, Call, Route, answer, snowflake


def get_channel(call: Call) -> Answer:
    """Get Channel."""
    return answer(call.channel().wire())


def change_channel(call: Call) -> Answer:
    """Modify Channel: name and topic; of a thread also archived and locked."""
    channel = call.channel()
    if channel.thread is None:
        call.world.allow(channel, Permission.MANAGE_CHANNELS)
    elif channel.thread.owner != call.world.bot.id:
        call.world.allow(channel, Permission.MANAGE_THREADS)
    channel.name = call.body.get("name", channel.name)
    channel.topic = call.body.get("topic", channel.topic)
    if channel.thread is not None:
        channel.thread.archived = call.body.get("archived", channel.thread.archived)
        channel.thread.locked = call.body.get("locked", channel.thread.locked)
    event = "CHANNEL_UPDATE" if channel.thread is None else "THREAD_UPDATE"
    call.world.emit(event, channel, encode(channel.wire()))
    return answer(channel.wire())


def delete_channel(call: Call) -> Answer:
    """Delete/Close Channel."""
    channel = call.channel()
    call.world.allow(channel, Permission.MANAGE_CHANNELS if channel.thread is None else Permission.MANAGE_THREADS)
    call.world.delete_channel(channel)
    return answer(channel.wire())


def thread_from_message(call: Call) -> Answer:
    """Start Thread from Message."""
    channel = call.channel(Permission.CREATE_PUBLIC_THREADS)
    message = call.world.find_message(channel, call.number("message"))
    started = start_thread(call.world, channel, _thread_name(call), call.world.bot, message=message)
    return answer(started.wire(), 201)


def thread(call: Call) -> Answer:
    """Start Thread without Message; private unless its type says otherwise."""
    kind = call.body.get("type", int(Kind.PRIVATE_THREAD))
    private = kind == Kind.PRIVATE_THREAD
    channel = call.channel(Permission.CREATE_PRIVATE_THREADS if private else Permission.CREATE_PUBLIC_THREADS)
    started = start_thread(call.world, channel, _thread_name(call), call.world.bot, private=private)
    return answer(started.wire(), 201)


def _thread_name(call: Call) -> str:
    name = call.body.get("name")
    if not isinstance(name, str) or not 1 <= len(name) <= 100:
        raise invalid("name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    return name


def join_thread(call: Call) -> Answer:
    """Join Thread."""
    channel = call.channel()
    if channel.thread is None:
        raise ApiError(10003)
    channel.thread.members.setdefault(call.world.bot.id, iso(time.time()))
    return NOTHING


def leave_thread(call: Call) -> Answer:
    """Leave Thread."""
    channel = call.channel()
    if channel.thread is None:
        raise ApiError(10003)
    channel.thread.members.pop(call.world.bot.id, None)
    return NOTHING


def get_guild(call: Call) -> Answer:
    """Get Guild."""
    guild = call.world.find_guild(call.number("guild"))
    content = guild.wire()
    if call.flag("with_counts"):
        content |= {"approximate_member_count": len(guild.members), "approximate_presence_count": len(guild.members)}
    return answer(content)


def guild_channels(call: Call) -> Answer:
    """Get Guild Channels."""
    guild = call.world.find_guild(call.number("guild"))
    return answer([channel.wire() for channel in guild.channels.values()])


def active_threads(call: Call) -> Answer:
    """List Active Guild Threads."""
    guild = call.world.find_guild(call.number("guild"))
    active = [thread for thread in guild.threads.values() if thread.thread and not thread.thread.archived]
    return answer({"threads": [thread.wire() for thread in active], "members": []})


def member(call: Call) -> Answer:
    """Get Guild Member."""
    found = call.world.find_guild(call.number("guild")).members.get(call.number("user"))
    if found is None:
        raise ApiError(10007)
    return answer(found.wire())


def members(call: Call) -> Answer:
    """List Guild Members."""
    guild = call.world.find_guild(call.number("guild"))
    limit, after = call.asked("limit") or 1, call.asked("after") or 0
    found = sorted((m for m in guild.members.values() if m.user.id > after), key=lambda m: m.user.id)
    return answer([m.wire() for m in found[:limit]])


def leave_guild(call: Call) -> Answer:
    """Leave Guild."""
    call.world.remove_bot(call.world.find_guild(call.number("guild")))
    return NOTHING


def me(call: Call) -> Answer:
    """Get Current User."""
    return answer(call.world.bot.wire())


def my_guilds(call: Call) -> Answer:
    """Get Current User Guilds."""
    bot = call.world.bot.id
    limit, after = call.asked("limit") or 200, call.asked("after") or 0
    found = [guild for guild in call.world.guilds.values() if bot in guild.members and guild.id > after]
    return answer(
        [
            {
                "id": str(guild.id),
                "name": guild.name,
                "icon": None,
                "banner": None,
                "owner": False,
                "permissions": str(guild.permissions(bot)),
                "features": [],
            }
            for guild in found[:limit]
        ]
    )


def user(call: Call) -> Answer:
    """Get User."""
    found = call.world.users.get(call.number("user"))
    if found is None:
        raise ApiError(10013)
    return answer(found.wire())


def direct(call: Call) -> Answer:
    """Create DM."""
    found = call.world.users.get(snowflake(call.body.get("recipient_id"), "recipient_id"))
    if found is None:
        raise ApiError(10013)
    if found.bot:
        raise ApiError(50007)
    return answer(call.world.direct(found).wire())


def application(call: Call) -> Answer:
    """Get Current Application."""
    return answer(call.world.application())


ROUTES = [
    Route("GET", "/channels/{channel}", get_channel, "channels", "channel"),
    Route("PATCH", "/channels/{channel}", change_channel, "channels", "channel"),
    Route("DELETE", "/channels/{channel}", delete_channel, "channels", "channel"),
    Route("POST", "/channels/{channel}/messages/{message}/threads", thread_from_message, "threads", "channel"),
    Route("POST", "/channels/{channel}/threads", thread, "threads", "channel"),
    Route("PUT", "/channels/{channel}/thread-members/@me", join_thread, "threads", "channel"),
    Route("DELETE", "/channels/{channel}/thread-members/@me", leave_thread, "threads", "channel"),
    Route("GET", "/guilds/{guild}", get_guild, "guilds", "guild"),
    Route("GET", "/guilds/{guild}/channels", guild_channels, "guilds", "guild"),
    Route("GET", "/guilds/{guild}/threads/active", active_threads, "guilds", "guild"),
    Route("GET", "/guilds/{guild}/members", members, "guilds", "guild"),
    Route("GET", "/guilds/{guild}/members/{user}", member, "guilds", "guild"),
    Route("GET", "/users/@me", me),
    Route("GET", "/users/@me/guilds", my_guilds),
    Route("DELETE", "/users/@me/guilds/{guild}", leave_guild, "guilds", "guild"),
    Route("POST", "/users/@me/channels", direct, "directs"),
    Route("GET", "/users/{user}", user),
    Route("GET", "/applications/@me", application),
    Route("GET", "/oauth2/applications/@me", application),
]
