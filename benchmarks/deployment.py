"""Topics of one measurement's own, filled before it begins and removed after it."""

import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from benchmarks.load import Load, Row
from infra.domains.publish import apply_specs
from infra.kafka.topics import create_topics
from schemas import topics
from schemas.errors import CroupierError

_FILL_SECONDS = 120.0
_WAITING = 100_000  # records


@dataclass(frozen=True, slots=True)
class Deployment:
    """Croupier's topics under a prefix, and one more, `copies`, of the same number of partitions."""

    bootstrap: str
    prefix: str
    partitions: int

    @property
    def copies(self) -> str:
        """What the programs write that only pass records on."""
        return f"{self.prefix}copies"

    def topic(self, name: str) -> str:
        """A topic's name on the broker."""
        return topics.full_name(name, self.prefix)

    def fill(self, topic: str, rows: Iterable[Row]) -> int:
        """Append rows to a topic; returns how many, when the broker has them."""

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                raise KafkaException(error)

        producer = Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "acks": "all",
                "queue.buffering.max.messages": _WAITING,
                "queue.buffering.max.kbytes": 200_000,
                "linger.ms": 20,
                "delivery.report.only.error": True,
                "on_delivery": delivered,
            }
        )
        count = 0
        for count, row in enumerate(rows, 1):  # noqa: B007 - the last number is the count
            while True:
                try:
                    producer.produce(topic, row.value, row.key, row.partition)
                    break
                except BufferError:  # as many as may wait are waiting
                    producer.poll(0.05)
        if left := producer.flush(_FILL_SECONDS):
            raise CroupierError(
                f"the broker at {self.bootstrap} did not take {left} of {count} records of {topic} within "
                f"{_FILL_SECONDS:.0f} s: see whether it runs and its disk has room"
            )
        return count

    async def declare(self, load: Load) -> None:
        """Bring the load's domains into force, as `croupier domains apply` does."""
        await apply_specs(self.bootstrap, self.prefix, load.specs)


@asynccontextmanager
async def deployment(bootstrap: str, partitions: int) -> AsyncIterator[Deployment]:
    """New topics under a prefix nobody else uses; they and all that programs made under it are deleted afterwards."""
    made = Deployment(bootstrap, f"bench-{os.getpid()}-{os.urandom(3).hex()}-", partitions)
    try:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            await admin.create_topics([NewTopic(made.copies, partitions, 1)])
        finally:
            await admin.close()
        await create_topics(bootstrap, prefix=made.prefix, partitions=partitions)  # returns when all can be used
        yield made
    finally:
        await _remove(bootstrap, made.prefix)


async def _remove(bootstrap: str, prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        names = [name for name in await admin.list_topics() if prefix in name]  # some put words before the group's name
        await admin.delete_topics(names)
    finally:
        await admin.close()
