"""Puts what a release left in Kafka into another Kafka: every record at its offset, with its time."""

import asyncio
import lzma
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from schemas import topics, wire
from schemas.events import Clock

STATES = Path(__file__).parent / "states"
#: While records of long ago lie alone in a log, the broker must not take them for old.
_KEEP = {"retention.ms": "-1", "segment.ms": str(2**62)}


@dataclass(frozen=True)
class Stored:
    """A stored state (record_state.py)."""

    name: str
    early_ms: int
    partitions: int
    topics: dict[str, dict[int, list[Any]]]
    committed: dict[str, list[tuple[str, int, int]]]

    @classmethod
    def read(cls, name: str) -> "Stored":
        """One of `names()`."""
        data = lzma.decompress((STATES / f"{name}.msgpack.xz").read_bytes())
        return msgspec.msgpack.decode(data, type=cls)

    async def load(self, bootstrap: str, prefix: str) -> None:
        """Create the topics and fill them.  `finish` is due when newer records follow in every log."""
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            await admin.create_topics(
                [
                    NewTopic(
                        f"{prefix}{topic.name}", topic.partition_count(self.partitions), 1,
                        topic_configs={**topic.config(), **_KEEP, "message.timestamp.type": "CreateTime"},
                    )
                    for topic in topics.ALL
                ]
            )  # fmt: skip
            await _visible(admin, {f"{prefix}{topic.name}" for topic in topics.ALL})
            await self._fill(bootstrap, prefix)
            await _alter(admin, prefix, _KEEP)
            await self._commit(bootstrap, prefix)
        finally:
            await admin.close()

    async def _fill(self, bootstrap: str, prefix: str) -> None:
        async with AIOKafkaProducer(
            bootstrap_servers=bootstrap, max_request_size=16 << 20, max_batch_size=8 << 20
        ) as producer:
            for topic, partitions in self.topics.items():
                for number, records in partitions.items():
                    assert [record[0] for record in records] == list(range(len(records))), "offsets must be the same"
                    left = records
                    while left:
                        batch = producer.create_batch()
                        taken = 0
                        while taken < len(left):
                            _, at, key, value, headers = left[taken]
                            headers = [tuple(header) for header in headers]
                            if batch.append(timestamp=at, key=key, value=value, headers=headers) is None:
                                break
                            taken += 1
                        await (await producer.send_batch(batch, f"{prefix}{topic}", partition=number))
                        left = left[taken:]

    async def _commit(self, bootstrap: str, prefix: str) -> None:
        for group, offsets in self.committed.items():
            consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=f"{prefix}{group}")
            await consumer.start()
            places = {TopicPartition(f"{prefix}{topic}", number): offset for topic, number, offset in offsets}
            consumer.assign(list(places))
            await consumer.commit(places)
            await consumer.stop()

    async def finish(self, bootstrap: str, prefix: str) -> None:
        """Follow the old records with new ones that say nothing, and give the topics the settings they must have."""
        async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
            for topic in (topics.DECISIONS.name, topics.REWARDS.name):
                for number in range(self.partitions):
                    await producer.send_and_wait(f"{prefix}{topic}", wire.encode(Clock()), key=b"", partition=number)
            for number, letters in self.topics[topics.DEAD_LETTERS.name].items():
                if letters:  # the last again: whoever reads them knows repetitions
                    _, _, key, value, _ = letters[-1]
                    await producer.send_and_wait(
                        f"{prefix}{topics.DEAD_LETTERS.name}", value, key=key, partition=number
                    )
        async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
            for number, records in self.topics[topics.CONTEXTS.name].items():
                tp = TopicPartition(f"{prefix}{topics.CONTEXTS.name}", number)
                async with asyncio.timeout(60):
                    while records and (await consumer.end_offsets([tp]))[tp] <= len(records):
                        await asyncio.sleep(0.05)
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            await _alter(admin, prefix, {"segment.ms": _KEEP["segment.ms"]})
        finally:
            await admin.close()


async def _alter(admin: Any, prefix: str, more: dict[str, str]) -> None:
    for topic in topics.ALL:
        resource = ConfigResource(ConfigResourceType.TOPIC, f"{prefix}{topic.name}", configs={**topic.config(), **more})
        await admin.alter_configs([resource])


async def _visible(admin: Any, names: set[str]) -> None:
    async with asyncio.timeout(30):
        while True:
            described = await admin.describe_topics()
            served = {
                each["topic"]
                for each in described
                if each["partitions"] and all(partition["leader"] >= 0 for partition in each["partitions"])
            }
            if names <= served:
                return
            await asyncio.sleep(0.05)


def names() -> list[str]:
    """Of all stored states."""
    return sorted(path.name.removesuffix(".msgpack.xz") for path in STATES.glob("*.msgpack.xz"))
