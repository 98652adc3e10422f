"""Reads changelog partitions from outside the consumer group: for recovery, and to see what a stranger wrote."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

#: Called with the records of one partition, in order.
OnRecords = Callable[[TopicPartition, list[Any]], None]
OnProgress = Callable[[int, int], None]

_FETCH_BYTES = 8 * 1024 * 1024


class LogReader:
    """A consumer without a group.  One reading at a time."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._bootstrap = bootstrap_servers
        self._consumer: AIOKafkaConsumer | None = None

    async def _started(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._bootstrap,
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                max_partition_fetch_bytes=_FETCH_BYTES,
                fetch_max_bytes=4 * _FETCH_BYTES,
                fetch_max_wait_ms=50,
            )
            await consumer.start()
            self._consumer = consumer
        return self._consumer

    async def stop(self) -> None:
        """Close the connection."""
        if self._consumer is not None:
            await self._consumer.stop()
            self._consumer = None

    async def ends(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset that the next record of each partition will get."""
        consumer = await self._started()
        return dict(await consumer.end_offsets(list(tps)))

    async def beginnings(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The first offset that each partition still has."""
        consumer = await self._started()
        return dict(await consumer.beginning_offsets(list(tps)))

    async def read(
        self,
        ranges: Mapping[TopicPartition, tuple[int, int]],
        on_records: OnRecords,
        on_progress: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Read [start, end) of each partition.  Offsets that compaction took are passed over."""
        consumer = await self._started()
        open_ranges = {tp: (start, end) for tp, (start, end) in ranges.items() if start < end}
        if not open_ranges:
            return
        consumer.assign(list(open_ranges))
        for tp, (start, _) in open_ranges.items():
            consumer.seek(tp, start)
        try:
            while open_ranges:
                batches = await consumer.getmany(*open_ranges, timeout_ms=200)
                for tp, records in batches.items():
                    end = open_ranges[tp][1]
                    wanted = [record for record in records if record.offset < end]
                    if wanted:
                        on_records(tp, wanted)
                for tp in list(open_ranges):
                    if await consumer.position(tp) >= open_ranges[tp][1]:
                        del open_ranges[tp]
                if on_progress is not None:
                    await on_progress()
        finally:
            consumer.unsubscribe()
