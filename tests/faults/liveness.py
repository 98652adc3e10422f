"""When a deployment has come to rest: every context decided, every outcome written, with nothing new to push it on."""

import asyncio
import time
from collections import defaultdict
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.local import statuses
from schemas import topics

from .traffic import Traffic
from .under_test import HORIZON_MS, PARTITIONS, UnderTest

#: What is promised: so many seconds after the last fault every context has its decision and every reward its outcome.
PROMISED_SECONDS = 30.0
#: An outcome that lacks feedback ends with its horizon, a reward without decision after the time it may come early.
_WAIT_SECONDS = 180.0
_POLL_SECONDS = 0.25
_SOURCES = {
    "worker": {topics.CONTEXTS.name, topics.DECISIONS.name, topics.REWARDS.name, topics.OUTCOMES.name},
    "analytics": {topics.OUTCOMES.name},
}


class UnsettledError(Exception):
    """The deployment did not come to rest."""


def allowed_seconds(under: UnderTest) -> float:
    """From the last record and the last fault to rest."""
    return PROMISED_SECONDS + (HORIZON_MS + under.early_ms) / 1000.0


async def decided(traffic: Traffic) -> float:
    """Wait until every context that was sent has its decision; the moment, monotonic seconds."""
    return await _until(lambda: traffic.undecided() == 0, lambda: f"{traffic.undecided()} contexts are undecided")


async def at_rest(under: UnderTest) -> float:
    """Wait until nothing lags, waits for feedback or for its decision; the moment, monotonic seconds."""
    found: list[dict[str, Any]] = []

    async def look() -> str | None:
        found[:] = await asyncio.to_thread(statuses, under.home)
        return _restless(found)

    deadline = time.monotonic() + _WAIT_SECONDS
    while (why := await look()) is not None:
        if time.monotonic() > deadline:
            raise UnsettledError(f"{under.prefix or 'the deployment'}: {why}")
        await asyncio.sleep(_POLL_SECONDS)
    return time.monotonic()


async def serving(under: UnderTest) -> None:
    """Wait until every partition has its owner."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while (why := _missing(await asyncio.to_thread(statuses, under.home))) is not None:
        if time.monotonic() > deadline:
            raise UnsettledError(why)
        await asyncio.sleep(_POLL_SECONDS)


async def ends(under: UnderTest) -> dict[TopicPartition, int]:
    """The end of every partition that the pipeline writes events to; equal before and after means nothing moved."""
    tps = [
        TopicPartition(under.prefix + topic, number)
        for topic in sorted(_SOURCES["worker"] | {topics.DEAD_LETTERS.name})
        for number in range(PARTITIONS)
    ]
    async with AIOKafkaConsumer(bootstrap_servers=under.broker.bootstrap_servers) as consumer:
        return dict(await consumer.end_offsets(tps))


def _missing(found: list[dict[str, Any]]) -> str | None:
    owned: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for each in found:
        if each["recovering"] is None:
            for partition in each["partitions"]:
                owned[each["role"]][partition["topic"]].add(partition["partition"])
    for role, sources in _SOURCES.items():
        for topic in sorted(sources):
            if absent := set(range(PARTITIONS)) - owned[role][topic]:
                return f"no {role} has partitions {sorted(absent)} of {topic} ready"
    return None


def _restless(found: list[dict[str, Any]]) -> str | None:
    if (why := _missing(found)) is not None:
        return why
    for each in found:
        for partition in each["partitions"]:
            if partition["lag"]:
                return f"{partition['topic']} partition {partition['partition']} lags by {partition['lag']}"
        for what in ("decisions_open", "rewards_held", "in_flight_bytes"):
            if each[what]:
                return f"{each['role']} {each['pid']} has {what} = {each[what]}"
    return None


async def _until(condition: Any, why: Any) -> float:
    deadline = time.monotonic() + _WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise UnsettledError(why())
        await asyncio.sleep(_POLL_SECONDS)
    return time.monotonic()
