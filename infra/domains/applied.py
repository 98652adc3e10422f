"""Whether the workers have taken up what was published."""

import asyncio
from collections.abc import Sequence

from aiokafka import TopicPartition

from infra.reading.groups import committed, group_state
from schemas.topics import OUTCOMES, full_name

from . import clients
from .publish import Published

_POLL_S = 0.1


async def wait_applied(
    bootstrap: str,
    prefix: str,
    published: Sequence[Published],
    group: str,
    timeout: float,
) -> list[Published]:
    """Wait until the workers' group has committed past what was published; returns what it has not, in time.

    A commit covers durable state only, so what is committed survives any crash.  timeout: seconds; 0 asks once.
    """
    topic = full_name(OUTCOMES, prefix)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    async with clients.admin(bootstrap) as admin:
        while True:
            offsets = await committed(admin, group)
            pending = [
                each for each in published if offsets.get(TopicPartition(topic, each.partition), -1) <= each.offset
            ]
            if not pending or loop.time() >= deadline:
                return pending
            await asyncio.sleep(min(_POLL_S, max(0.0, deadline - loop.time())))


async def has_members(bootstrap: str, group: str) -> bool:
    """Whether any worker is in the group now."""
    async with clients.admin(bootstrap) as admin:
        return bool((await group_state(admin, group)).members)
