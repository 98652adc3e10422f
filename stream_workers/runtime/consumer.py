"""Faust's aiokafka driver, moving batches instead of records.

Faust spends its time on per-message tasks: seven turns of the event loop lie between a fetch and an agent, for a batch
as for a record.  So what was fetched is applied where it arrives, in the loop that fetched it, and Faust keeps what it
is good at: subscription, assignment, rebalancing, commits, lifecycle.  The next fetch is under way meanwhile, so that
batches grow under load by themselves.  What is overridden here are private methods of pinned versions: see `upstream`.
"""

import asyncio
import contextlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

from aiokafka import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from ..columnar.rows import FetchedRecords
from .clients import stop_consumer
from .fetching import give_columns

_FETCH_SECONDS = 1.0
_IDLE_SECONDS = 0.2
#: The broker gathers the next fetch while so many are worked on; fewer are answered before it is asked.
_MANY_RECORDS = 200
#: So many turns of the loop it takes aiokafka to send a fetch after the last one was taken.
_TURNS = 4


class Runtime(Protocol):
    """What the consumer needs from the runtime."""

    def fetchable(self, tps: AbstractSet[Any]) -> set[Any]:
        """Those partitions whose records could be applied now."""

    def committable(self) -> dict[Any, int]:
        """Positions a commit would cover; empty when nothing was applied since the last one."""

    async def checkpoint(self) -> dict[TopicPartition, int]:
        """Make what was applied durable; the offsets that may be committed."""

    def committed(self) -> None:
        """The offsets of the last checkpoint are committed."""

    def urgent(self) -> Iterable[str]:
        """Topics whose records somebody waits for, by their names on the broker."""

    async def deliver(self, generation: int, fetched: Mapping[TopicPartition, FetchedRecords]) -> None:
        """Apply what was fetched under a generation of the group; waits while too much output is in flight."""


class _NoReadOffsets(dict[TP, int | None]):
    """Faust drops, without a word, messages that lie before what it thinks was read.  It never thinks so here."""

    def __getitem__(self, tp: TP) -> None:
        return None

    def __setitem__(self, tp: TP, offset: int | None) -> None:
        pass

    def update(self, *_: Any, **__: Any) -> None:
        pass


class LoopConsumer(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread without a thread: aiokafka's consumer lives in the loop of its user.

    A hop to another thread and back, and two threads that want the interpreter, cost a quiet moment more than all that
    is done with its records.
    """

    def __init__(self, consumer: "BatchConsumer", *, loop: asyncio.AbstractEventLoop, beacon: Any) -> None:
        super().__init__(consumer, loop=loop, thread_loop=loop, beacon=beacon)

    async def start(self) -> None:
        """Start the consumer."""
        self._thread_started.set()
        await self._default_start()

    async def stop(self) -> None:
        """Leave the group."""
        if self._started.is_set() and not self._stopped.is_set():
            self._stopped.set()
            await self._shutdown_thread()

    async def on_start(self) -> None:
        """Once the consumer is there."""
        await super().on_start()
        give_columns(self._consumer, self.consumer.runtime.urgent())

    async def on_thread_stop(self) -> None:
        """Stop aiokafka's consumer."""
        if self._consumer is not None:
            await stop_consumer(self._consumer)

    async def call_thread(self, fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a method of the consumer.  As in a thread, it goes on when who waits for it is cancelled."""
        found = fun(*args, **kwargs)
        return await asyncio.shield(found) if inspect.isawaitable(found) else found

    async def getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        """What was fetched of these partitions; waits for it no longer than the timeout, in seconds."""
        return await self._fetch_records(self._ensure_consumer(), active_partitions, timeout=timeout)


class BatchConsumer(driver.Consumer):
    """Delivers what was fetched of a topic, partition by partition, as one Faust message."""

    runtime: Runtime

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.runtime = self.transport.runtime
        self._read_offset = _NoReadOffsets()
        self.fetches = 0
        self.wake = asyncio.Event()

    def _new_consumer_thread(self) -> LoopConsumer:
        return LoopConsumer(self, loop=self.loop, beacon=self.beacon)

    async def _drain_messages(self, fetcher: Any) -> None:
        """Faust's loop over messages; here, over fetches."""
        try:
            while not (self._stopped.is_set() or fetcher._stopped.is_set()):
                await self._fetch_and_apply()
        except self.consumer_stopped_errors:
            if not self.transport.app.should_stop:
                raise

    async def _fetch_and_apply(self) -> None:
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        generation = self.app.consumer_generation_id
        active = self.runtime.fetchable(self._get_active_partitions())
        if not active:
            self.wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wake.wait(), _IDLE_SECONDS)
            return
        self.fetches += 1
        records = await self._thread.getmany(active, _FETCH_SECONDS)
        if not records:
            return
        # What was fetched and is not applied is found missing where it is applied, and sought back.
        if sum(map(len, records.values())) > _MANY_RECORDS:
            for _ in range(_TURNS):  # let the next fetch be asked for before this one is worked on
                await asyncio.sleep(0)
        if not self.should_stop and self.flow_active and self.app.consumer_generation_id == generation:
            await self.runtime.deliver(generation, records)

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
