"""Waits until a deployment has handled, and checkpointed, what is in its logs."""

import asyncio
from typing import Any

from aiokafka import TopicPartition

from schemas.topics import ALL, full_name

from ..domains import clients
from ..reading.groups import committed
from ..reading.log import Log

_INTERVAL_S = 0.25
#: Consumer groups by role, with the stages in them.
_GROUPS = {"worker": ("router", "joiner", "learner"), "analytics": ("analytics",)}


async def wait_settled(log: Log, bootstrap: str, prefix: str, seconds: float) -> bool:
    """Wait until every group has committed all of its sources; False when that did not happen in time."""
    deadline = asyncio.get_running_loop().time() + seconds
    async with clients.admin(bootstrap) as admin:
        while not all([await _done(log, admin, prefix, *group) for group in _GROUPS.items()]):
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(_INTERVAL_S)
    return True


async def _done(log: Log, admin: Any, prefix: str, role: str, stages: tuple[str, ...]) -> bool:
    offsets = await committed(admin, f"{prefix}croupier-{role}")
    for topic in ALL:
        if topic.key == "state" or not set(topic.read_by) & set(stages):
            continue
        for number, (begin, end) in (await log.bounds(topic.name)).items():
            if begin < end and offsets.get(TopicPartition(full_name(topic, prefix), number), -1) < end:
                return False
    return True
