"""Reads topic partitions from their beginning to the ends captured before, as plain records.  The only Kafka here."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.errors import BrokerUnavailableError

_FETCH_BYTES = 4 * 1024 * 1024
_FETCH_WAIT_MS = 100
_POLL_MS = 200


class LogRecord(NamedTuple):
    """One record of a topic partition."""

    offset: int
    timestamp: int  # append time, milliseconds since 1970
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Range(NamedTuple):
    """Offsets [begin, end) of a partition."""

    begin: int
    end: int


class TopicLog:
    """A consumer without a group: it commits nothing and disturbs nobody.  One reading at a time."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def ranges(self, topic: str, partitions: int) -> dict[int, Range]:
        """What each partition holds now."""
        places = [TopicPartition(topic, number) for number in range(partitions)]
        begins = await self._consumer.beginning_offsets(places)
        ends = await self._consumer.end_offsets(places)
        return {place.partition: Range(begins[place], ends[place]) for place in places}

    async def read(self, topic: str, partition: int, wanted: Range) -> AsyncIterator[list[LogRecord]]:
        """The records of one partition, in order, in lists as they arrive.

        Ends at wanted.end by the consumer's position, not by the last record's offset: compaction may have taken it.
        """
        if wanted.begin >= wanted.end:
            return
        consumer = self._consumer
        place = TopicPartition(topic, partition)
        consumer.assign([place])
        consumer.seek(place, wanted.begin)
        try:
            while await consumer.position(place) < wanted.end:
                fetched = await consumer.getmany(place, timeout_ms=_POLL_MS)
                records = [
                    LogRecord(each.offset, each.timestamp, each.key, each.value, tuple(each.headers))
                    for each in fetched.get(place, ())
                    if each.offset < wanted.end
                ]
                if records:
                    yield records
        finally:
            consumer.unsubscribe()


@asynccontextmanager
async def open_log(bootstrap_servers: str) -> AsyncIterator[TopicLog]:
    """A connected `TopicLog`; BrokerUnavailableError when Kafka does not answer."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",  # an offset that retention took meanwhile must not become another one unnoticed
        max_partition_fetch_bytes=_FETCH_BYTES,
        fetch_max_wait_ms=_FETCH_WAIT_MS,
    )
    try:
        await consumer.start()
        yield TopicLog(consumer)
    except (KafkaError, OSError, TimeoutError) as error:
        raise BrokerUnavailableError(
            f"the topics at {bootstrap_servers} cannot be read: {type(error).__name__}: {error}. Is Kafka running "
            "(`croupier up`), and is this its address?"
        ) from error
    finally:
        await consumer.stop()
