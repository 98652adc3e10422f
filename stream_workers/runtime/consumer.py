"""Faust's aiokafka driver, moving batches instead of records.

Faust spends its time on per-message tasks.  Here one message stands for all records fetched of a topic, and the next
fetch waits until they were applied; aiokafka goes on fetching in its own thread meanwhile, so batches grow under load
by themselves.  What is overridden here are private methods of pinned versions: see `upstream`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from ..columnar.rows import FetchedRecords
from .fetching import give_columns

_APPLY_TIMEOUT = 1.0
_FETCH_WAIT_MS = 250
_LOG_APPEND_TIME = 1


class Runtime(Protocol):
    """What the consumer needs from the runtime."""

    def fetchable(self, tps: Iterable[Any]) -> set[Any]:
        """Those partitions whose records could be applied now."""

    def committable(self) -> dict[Any, int]:
        """Positions a commit would cover; empty when nothing was applied since the last one."""

    async def checkpoint(self) -> dict[TopicPartition, int]:
        """Make what was applied durable; the offsets that may be committed."""

    def committed(self) -> None:
        """The offsets of the last checkpoint are committed."""

    def delivering(self) -> bool:
        """Whether an agent is at work on a message, or waits until its output may go on."""


class _NoReadOffsets(dict[TP, int | None]):
    """Faust drops, without a word, messages that lie before what it thinks was read.  It never thinks so here."""

    def __getitem__(self, tp: TP) -> None:
        return None

    def __setitem__(self, tp: TP, offset: int | None) -> None:
        pass

    def update(self, *_: Any, **__: Any) -> None:
        pass


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread, with fetches that do not wait for long and bring columns."""

    async def on_start(self) -> None:
        """Once the consumer is there."""
        await super().on_start()
        give_columns(self._consumer)

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Faust has 1.5 s: what a partition gets just after an assignment or a seek would wait for the fetch under way.
        consumer._fetch_max_wait_ms = _FETCH_WAIT_MS
        return consumer


class BatchConsumer(driver.Consumer):
    """Delivers what was fetched of a topic, partition by partition, as one Faust message."""

    runtime: Runtime

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.runtime = self.transport.runtime
        self._read_offset = _NoReadOffsets()
        self.fetches = 0
        self._under_way = 0
        self._applied = asyncio.Event()
        self.wake = asyncio.Event()

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """One message per topic that has records; its value: (partition, records) for each partition."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        await self._all_applied()
        generation = self.app.consumer_generation_id
        active = self.runtime.fetchable(self._get_active_partitions())
        if not active:
            self.wake.clear()
            await self._within(0.2, self.wake.wait())
            return
        self.fetches += 1
        records = await self._getmany(active, timeout)
        if not records or self.should_stop or not self.flow_active:
            return  # what was fetched and not applied is found missing where it is applied, and sought back
        by_topic: dict[str, list[tuple[int, FetchedRecords]]] = {}
        for tp, batch in records.items():
            if batch:
                by_topic.setdefault(tp.topic, []).append((tp.partition, batch))
        for topic, batches in by_topic.items():
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            partition, batch = batches[0]
            last = batch[-1]
            self._under_way += 1
            yield TP(topic, partition), ConsumerMessage(
                topic, partition, last.offset, last.timestamp / 1000, _LOG_APPEND_TIME,
                (), None, batches, None, 0, 0, TP(topic, partition), generation_id=generation,
            )  # fmt: skip

    def batch_done(self) -> None:
        """An agent is through with a message."""
        self._under_way -= 1
        if self._under_way <= 0:
            self._under_way = 0
            self._applied.set()

    async def _all_applied(self) -> None:
        while self._under_way > 0:
            self._applied.clear()
            if not await self._within(_APPLY_TIMEOUT, self._applied.wait()) and not self.runtime.delivering():
                # Faust clears its queues, or passes over messages, around a rebalance.  What was in them is found
                # missing where records are applied; waiting for it would be waiting for ever.
                self._under_way = 0

    @staticmethod
    async def _within(seconds: float, waiting: Coroutine[Any, Any, Any]) -> bool:
        try:
            await asyncio.wait_for(waiting, seconds)
        except TimeoutError:
            return False
        return True

    def forget_under_way(self) -> None:
        """After a rebalance: what was queued is gone."""
        self._under_way = 0
        self._applied.set()

    # Acks mean nothing here: the applied positions do (partitions.Ledger).

    def ack(self, message: ConsumerMessage) -> bool:
        """Faust is through with a message."""
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Faust would take what is missing for a compacted range, and commit past it."""

    def _filter_committable_offsets(self, tps: Iterable[TP]) -> dict[TP, int]:
        return self.runtime.committable()

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        durable = await self.runtime.checkpoint()
        if not durable:
            return False
        committable = {TP(tp.topic, tp.partition): offset for tp, offset in durable.items()}
        committed = bool(await super()._commit_offsets(committable, start_new_transaction))
        if committed:
            self.runtime.committed()
        return committed

    # In the consumer's own thread, where aiokafka expects them.

    async def in_thread(self, call: Callable[..., Any], *args: Any) -> Any:
        """Run an aiokafka consumer method in the consumer's thread."""
        return await self._thread.call_thread(call, *args)

    async def seek_to(self, topic: str, partition: int, offset: int) -> None:
        """Fetch from `offset` next, whatever Faust thinks was read."""
        consumer = self._thread._ensure_consumer()

        async def seek() -> None:
            consumer.seek(TopicPartition(topic, partition), offset)

        await self.in_thread(seek)

    def describe(self) -> dict[str, Any]:
        """What a log line about a standstill should say."""
        return {
            "fetches": self.fetches,
            "under_way": self._under_way,
            "flow_active": self.flow_active,
            "active": len(self._active_partitions or ()),
            "assigned": len(self.assignment()),
            "generation": self.app.consumer_generation_id,
        }

    async def committed_offset(self, tp: TopicPartition) -> int | None:
        """The group's committed offset."""
        offset: int | None = await self.in_thread(self._thread._ensure_consumer().committed, tp)
        return offset


class BatchTransport(driver.Transport):
    """Faust's transport, with `BatchConsumer`."""

    Consumer = BatchConsumer
    runtime: Runtime
