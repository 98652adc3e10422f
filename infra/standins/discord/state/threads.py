"""Threads (Discord docs, "Threads")."""

import time

from ..errors import ApiError
from ..snowflakes import iso
from .accounts import User
from .messages import Flag, Message, Type
from .places import Channel, Kind, Thread
from .posting import post, tell
from .world import World, encode


def start_thread(
    world: World, parent: Channel, name: str, owner: User, *, message: Message | None = None, private: bool = False
) -> Channel:
    """A thread, from a message (whose id it takes) or without one.

    The channel shows it: at its message, or for a public one without a message by a message of the system.
    """
    assert parent.guild is not None
    if message is not None and message.thread is not None:
        raise ApiError(160004)
    thread = Channel(
        world.ids.next() if message is None else message.id,
        Kind.PRIVATE_THREAD if private else Kind.PUBLIC_THREAD,
        name,
        parent.guild,
        parent,
        thread=Thread(owner.id, members={owner.id: iso(time.time())}),
    )
    parent.guild.threads[thread.id] = world.channels[thread.id] = thread
    world.emit("THREAD_CREATE", thread, encode(thread.wire() | {"newly_created": True}))
    if message is not None:
        message.thread = thread
        message.flags |= Flag.HAS_THREAD
        tell(world, "MESSAGE_UPDATE", message)
        parent.changes.tell()
    elif not private:
        post(world, Message(world.ids.next(), parent, owner, name, Type.THREAD_CREATED))
    return thread
