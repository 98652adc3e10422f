"""One worker process: a Faust application whose agents hand batches to processors, and the checkpoint behind it."""

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NoReturn

import faust
import structlog
from aiokafka import TopicPartition

from ..columnar.rows import FetchedRecords
from .applying import Applying
from .checkpoint import Checkpointer
from .clients import cluster_id, new_producer
from .consumer import BatchConsumer, BatchTransport
from .health import Health
from .lease import Lease
from .names import Names
from .outputs import Outputs
from .owning import REVOKE_COMMIT_SECONDS, Owning
from .partitions import Ledger
from .reader import LogReader
from .recovery import Recovery, Stores
from .settings import RuntimeSettings
from .stage import Stage
from .stop_points import pass_by, stop_where
from .watching import Watching

log = structlog.get_logger(__name__)

EXIT_LEASE_LOST = 75
EXIT_FAILED = 70

_CHANGELOG_BATCH_BYTES = 8 * 1024 * 1024
_OUTPUT_BATCH_BYTES = 512 * 1024
_STOP_SECONDS = 15.0


class StatefulApp:
    """Runs stages over the partitions that the consumer group gives to this process.

    Fail-stop: what goes wrong in a way that leaves doubt about what is durable ends the process with a reason; a
    restart is always safe.  To be made inside a running event loop.  `on_dead` and `on_applied` are told what happens,
    for metrics.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        settings: RuntimeSettings,
        *,
        on_applied: Callable[[str, int], None] = lambda stage, records: None,
        on_dead: Callable[[str, str], None] = lambda stage, reason: None,
        on_checkpoint: Callable[[float, int], None] = lambda seconds, state_bytes: None,
    ) -> None:
        self.stages = stages
        self.settings = settings
        self._on_checkpoint = on_checkpoint
        self._names = Names(settings.prefix)
        self.full_name = self._names.on_broker
        self.ledger = Ledger(self._generation, self._flowing)
        self.lease = Lease(settings.session_timeout_seconds * settings.lease_share, self._lease_lost)
        self._tasks: list[asyncio.Task[None]] = []
        self.health = Health(settings.unhealthy_seconds, time.monotonic)
        self._producer = new_producer(settings.bootstrap_servers, _OUTPUT_BATCH_BYTES)
        self._changelog_producer = new_producer(settings.bootstrap_servers, _CHANGELOG_BATCH_BYTES)
        self._reader = LogReader(settings.bootstrap_servers)
        self._stores = Stores()
        self.outputs = Outputs(self._producer, self._output_failed, in_flight_bytes=settings.in_flight_bytes)
        reached = pass_by if settings.stop_file is None else stop_where(settings.stop_file)
        self._applying = Applying(
            stages, self._names, self.ledger, self.outputs, self._reader, self.health,
            seek=self._seek, begin_again=lambda number: self._owning.begin_again(number),
            on_applied=on_applied, on_dead=on_dead,
        )  # fmt: skip
        self.checkpointer = Checkpointer(
            self._changelog_producer, self.outputs, self._reader, self.lease,
            full_name=self.full_name, generation=self._generation, reached=reached,
        )  # fmt: skip
        self.recovery = Recovery(
            self.stages, self._stores, self._reader, self.checkpointer,
            full_name=self.full_name, workspace=self._applying.workspace,
            committed=lambda tp: self.consumer.committed_offset(tp), reached=reached,
        )  # fmt: skip
        self._owning = Owning(
            stages, self._names, self.ledger, self.recovery, self._stores,
            consumer=lambda: self.consumer, generation=self._generation, flowing=self._flowing,
            seek=self._seek, fail=self.fail, written=lambda: self.outputs.acknowledged(self.outputs.mark()),
        )  # fmt: skip
        self._watching = Watching(
            stages, self._names, settings, self.ledger, self._owning, self._applying, self._reader, self.health,
            consumer=lambda: self.consumer, settled=lambda: not self.faust.rebalancing and self._flowing(),
            progress=lambda: self.recovery.progress, seek=self._seek, fail=self.fail,
        )  # fmt: skip
        self.lags = self._watching.lags
        self.faust = self._build()

    def _generation(self) -> int:
        return int(self.faust.consumer_generation_id)

    def _flowing(self) -> bool:
        return bool(self.faust.flow_control.is_active())

    # --- building -----------------------------------------------------------------------------------------------

    def _build(self) -> faust.App:
        s = self.settings
        app = faust.App(
            s.group_id,
            broker=[f"kafka://{address}" for address in s.bootstrap_servers.split(",")],
            store="memory://",
            datadir=str(s.state_dir),
            web_enabled=False,
            stream_wait_empty=False,
            stream_recovery_delay=0.0,
            stream_buffer_maxsize=4096,
            topic_allow_declare=False,
            topic_disable_leader=True,
            reply_create_topic=False,
            broker_commit_interval=s.checkpoint_seconds,
            broker_session_timeout=s.session_timeout_seconds,
            broker_heartbeat_interval=s.session_timeout_seconds / 5,
            broker_request_timeout=max(40.0, s.session_timeout_seconds * 2),
            consumer_auto_offset_reset="earliest",
            consumer_max_fetch_size=s.fetch_bytes,
        )
        app.transport = BatchTransport(app.conf.broker_consumer, app, loop=app.loop)
        app.transport.runtime = self
        for stage in self.stages:
            for topic in stage.sources:
                self._add_agent(app, topic)
        app.on_partitions_revoked.connect(self._owning.revoked)
        app.on_partitions_assigned.connect(self._owning.assigned)
        return app

    def _add_agent(self, app: faust.App, topic: str) -> None:
        source = app.topic(
            self.full_name(topic), key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        )

        async def subscribed(stream: Any) -> None:
            async for _ in stream:
                self.fail(RuntimeError("a record reached Faust's stream"), f"applying {topic}")

        app.agent(source, name=f"apply-{topic}")(subscribed)

    @property
    def consumer(self) -> BatchConsumer:
        """Faust's consumer."""
        consumer: BatchConsumer = self.faust.consumer
        return consumer

    # --- running ------------------------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set; checkpoints once more and leaves the group."""
        s = self.settings
        s.state_dir.mkdir(parents=True, exist_ok=True)
        # Local tables belong to one cluster and one group: those of another broker must never be taken for ours.
        self._stores.directory = s.state_dir / await cluster_id(s.bootstrap_servers) / s.group_id
        self._stores.check_writable()
        await self._producer.start()
        await self._changelog_producer.start()
        self._tasks = [asyncio.create_task(self.lease.keep()), asyncio.create_task(self._watching.keep())]
        await self.faust.start()
        try:
            crashed = asyncio.create_task(self.faust.wait_until_stopped())
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({crashed, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not stop.is_set():
                self.fail(self.faust.crash_reason or RuntimeError("Faust stopped"), "Faust")
        finally:
            await self._stop()

    async def _stop(self) -> None:
        # Without a broker some of this waits for ever, and some of it in a way that the loop cannot interrupt.
        deadline = threading.Timer(_STOP_SECONDS, _end_unfinished)
        deadline.daemon = True
        deadline.start()
        await self._stop_in_order()
        deadline.cancel()

    async def _stop_in_order(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.consumer.commit(), REVOKE_COMMIT_SECONDS)
        await self._owning.stop()
        await self.faust.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._producer.stop()
        await self._changelog_producer.stop()
        await self._reader.stop()
        self._stores.close()

    def fail(self, error: BaseException, where: str) -> NoReturn:
        """End the process: what is durable is in doubt, and a restart knows."""
        log.critical("worker ends", where=where, error=repr(error), exc_info=error)
        os._exit(EXIT_FAILED)

    def _output_failed(self, error: BaseException) -> None:
        self.fail(error, "the broker did not take an output record")

    def _lease_lost(self, stood: float) -> None:
        log.critical("worker ends: it stood still and may have a successor", seconds=round(stood, 3))
        os._exit(EXIT_LEASE_LOST)

    async def _seek(self, topic: str, number: int, offset: int) -> None:
        with contextlib.suppress(Exception):  # not assigned any more: the next assignment seeks by itself
            await self.consumer.seek_to(self.full_name(topic), number, offset)

    # --- what the consumer asks ---------------------------------------------------------------------------------

    def fetchable(self, tps: AbstractSet[Any]) -> set[Any]:
        """Those partitions whose records could be applied now."""
        return self.ledger.fetchable(tps, self._names.short)

    def urgent(self) -> frozenset[str]:
        """Topics whose records somebody waits for, by their names on the broker."""
        return self._applying.urgent

    async def deliver(self, generation: int, fetched: Mapping[TopicPartition, FetchedRecords]) -> None:
        """Apply what was fetched under a generation of the group; waits while too much output is in flight."""
        try:
            await self._applying.deliver(generation, fetched)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self.fail(error, f"applying what was fetched of {len(fetched)} partitions")

    def committable(self) -> dict[Any, int]:
        """Positions a commit would cover."""
        return {
            self._names.tp(topic, partition.number): position
            for partition in self.ledger.owned.values()
            for owned in partition.stages.values()
            if owned.moved
            for topic, position in owned.positions.items()
        }

    async def checkpoint(self) -> dict[TopicPartition, int]:
        """Make what was applied durable; the offsets that may be committed."""
        begun, before = time.monotonic(), self.checkpointer.bytes_written
        try:
            offsets = await self.checkpointer.run(list(self.ledger.owned.values()))
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self.fail(error, "checkpoint")
        self._on_checkpoint(time.monotonic() - begun, self.checkpointer.bytes_written - before)
        return offsets

    def committed(self) -> None:
        """The offsets of the last checkpoint are committed."""
        self.health.committed()

    # --- what can be asked --------------------------------------------------------------------------------------

    def in_flight_bytes(self) -> int:
        """Output that is not acknowledged yet."""
        return self.outputs.in_flight()

    def verdict(self) -> dict[str, Any]:
        """What /health answers."""
        problem = self.health.problem()
        return {"healthy": problem is None, "reason": problem}

    def status(self) -> dict[str, Any]:
        """What this process owns, how far it is, and whether that is healthy."""
        age = self.health.checkpoint_age()
        return {
            **self.verdict(),
            "generation": self._generation(),
            "recovering": self.recovery.progress.describe() if self._owning.recovering() else None,
            "checkpoint_age_seconds": None if age is None else round(age, 3),
            "unsaved_seconds": round(self.health.unsaved_seconds(), 3),
            "partitions": [
                {"topic": each.topic, "partition": each.partition, "applied": each.applied, "end": each.end,
                 "lag": each.end - each.applied, "why": each.why or None}
                for each in self.lags()
            ],
        }  # fmt: skip


def _end_unfinished() -> None:
    log.critical("worker ends: it could not leave in order", seconds=_STOP_SECONDS)
    os._exit(EXIT_FAILED)
