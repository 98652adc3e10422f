"""Reads changelog partitions from outside the consumer group: for recovery, and to see what a stranger wrote."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from .batches import yield_batches
from .clients import stop_consumer
from .threads import finished

#: Called with the records of one partition, in order.
OnRecords = Callable[[TopicPartition, list[Any]], None]

#: Called in a thread with record batches of one partition, in order; never twice at a time for one partition.
OnBatches = Callable[[TopicPartition, list[Any]], None]

_FETCH_BYTES = 8 * 1024 * 1024


class LogReader:
    """Consumers without a group: one kept for questions about offsets, one of its own for each reading."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._bootstrap = bootstrap_servers
        self._asking: AIOKafkaConsumer | None = None

    def _consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=_FETCH_BYTES,
            fetch_max_bytes=4 * _FETCH_BYTES,
            fetch_max_wait_ms=50,
        )

    async def _started(self) -> AIOKafkaConsumer:
        if self._asking is None:
            consumer = self._consumer()
            await consumer.start()
            self._asking = consumer
        return self._asking

    async def stop(self) -> None:
        """Close the connection."""
        if self._asking is not None:
            asking, self._asking = self._asking, None
            await stop_consumer(asking)

    async def ends(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset that the next record of each partition will get."""
        return dict(await (await self._started()).end_offsets(list(tps)))

    async def beginnings(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The first offset that each partition still has."""
        return dict(await (await self._started()).beginning_offsets(list(tps)))

    async def first_offset(self, tp: TopicPartition, begin: int) -> int | None:
        """Offset of the first record at or after `begin`, None when there is none yet."""
        end = (await self.ends([tp]))[tp]
        async with self._assigned({tp: (begin, end)}) as consumer:
            while begin < end and await consumer.position(tp) < end:
                for records in (await consumer.getmany(tp, timeout_ms=200)).values():
                    if records:
                        return int(records[0].offset)
        return None

    async def read(self, ranges: Mapping[TopicPartition, tuple[int, int]], on_records: OnRecords) -> None:
        """Read [start, end) of each partition.  Offsets that compaction took are passed over."""
        left = {tp: (start, end) for tp, (start, end) in ranges.items() if start < end}
        if not left:
            return
        async with self._assigned(left) as consumer:
            while left:
                for tp, records in (await consumer.getmany(*left, timeout_ms=200)).items():
                    wanted = [record for record in records if record.offset < left[tp][1]]
                    if wanted:
                        on_records(tp, wanted)
                for tp in list(left):
                    if await consumer.position(tp) >= left[tp][1]:
                        del left[tp]

    async def read_batches(
        self,
        ranges: Mapping[TopicPartition, tuple[int, int]],
        on_batches: OnBatches,
        on_end: Callable[[TopicPartition], None],
    ) -> None:
        """Read [start, end) of each partition as record batches, handled in threads while more is fetched.

        The first batch may begin before `start`, the last end after `end`: whoever handles them looks at offsets.
        `on_end` comes after a partition's last batches, in a thread, too.  When this is cancelled it first waits for
        the threads.
        """
        left = {tp: end for tp, (start, end) in ranges.items() if start < end}
        if not left:
            return
        handling: dict[TopicPartition, asyncio.Future[None]] = {}

        async def handle(tp: TopicPartition, call: Callable[..., None], *arguments: Any) -> None:
            if tp in handling:
                await asyncio.shield(handling[tp])
            handling[tp] = asyncio.ensure_future(asyncio.to_thread(call, tp, *arguments))

        try:
            async with self._assigned({tp: ranges[tp] for tp in left}) as consumer:
                yield_batches(consumer)
                while left:
                    fetched = await consumer.getmany(*left, timeout_ms=200)
                    for tp, batches in fetched.items():
                        await handle(tp, on_batches, batches)
                    for tp in list(left):
                        if await consumer.position(tp) >= left[tp]:
                            del left[tp]
                            await handle(tp, on_end)
                for each in handling.values():
                    await asyncio.shield(each)
        finally:
            await finished(handling.values())

    @asynccontextmanager
    async def _assigned(self, ranges: Mapping[TopicPartition, tuple[int, int]]) -> AsyncIterator[AIOKafkaConsumer]:
        # Its own: unassigning a consumer that goes on living can make aiokafka hang when it is stopped.
        consumer = self._consumer()
        await consumer.start()
        try:
            consumer.assign(list(ranges))
            for tp, (start, _) in ranges.items():
                consumer.seek(tp, start)
            yield consumer
        finally:
            await stop_consumer(consumer)
