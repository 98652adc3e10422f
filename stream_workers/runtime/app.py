"""One worker process: a Faust application whose agents hand batches to processors, and the checkpoint behind it."""

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import faust
import structlog
from aiokafka import TopicPartition

from schemas import topics, wire
from schemas.errors import BadRecordError, CroupierError, Reason
from schemas.events import DeadLetter

from ..columnar.rows import FetchedRecords, Rows
from .checkpoint import Checkpointer
from .clients import cluster_id, new_producer
from .consumer import BatchConsumer, BatchTransport
from .culprits import Culprits
from .health import Health, Lag
from .lease import Lease
from .outputs import Outputs
from .partitions import Ledger, OwnedStage
from .reader import LogReader
from .recovery import Recovery, Stores
from .settings import RuntimeSettings
from .stage import Dead, MemoryState, Record, Stage, Workspace
from .stop_points import pass_by, stop_where
from .store import TableDamagedError

log = structlog.get_logger(__name__)

EXIT_LEASE_LOST = 75
EXIT_FAILED = 70

_CHANGELOG_BATCH_BYTES = 8 * 1024 * 1024
_OUTPUT_BATCH_BYTES = 512 * 1024
_REVOKE_COMMIT_SECONDS = 5.0
_STOP_SECONDS = 15.0
_ASK_SECONDS = 10.0
#: What comes of so many leaves at once; what comes of fewer leaves together with that of the other partitions.
_MANY_RECORDS = 200


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
        self._on_applied, self._on_dead, self._on_checkpoint = on_applied, on_dead, on_checkpoint
        self._full = {t: topics.full_name(t, settings.prefix) for t in topics.BY_NAME}
        self._short = {full: short for short, full in self._full.items()}
        self.ledger = Ledger(self._generation, self._flowing)
        self.lease = Lease(settings.session_timeout_seconds * settings.lease_share, self._lease_lost)
        self._recovering: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._culprits = Culprits()
        self._delivering = 0
        self._refused: dict[tuple[str, int], tuple[int, int]] = {}  # (topic, partition) -> (expected offset, times)
        self._ends: dict[TopicPartition, int] = {}
        self.health = Health(settings.unhealthy_seconds, time.monotonic)
        self._producer = new_producer(settings.bootstrap_servers, _OUTPUT_BATCH_BYTES)
        self._changelog_producer = new_producer(settings.bootstrap_servers, _CHANGELOG_BATCH_BYTES)
        self._reader = LogReader(settings.bootstrap_servers)
        self._reading = asyncio.Lock()
        self._stores = Stores()
        self.outputs = Outputs(self._producer, self._output_failed, in_flight_bytes=settings.in_flight_bytes)
        reached = pass_by if settings.stop_file is None else stop_where(settings.stop_file)
        self.checkpointer = Checkpointer(
            self._changelog_producer, self.outputs, self._reader, self.lease,
            full_name=self.full_name, generation=self._generation, reached=reached,
        )  # fmt: skip
        self.recovery = Recovery(
            self.stages, self._stores, self._reader, self.checkpointer,
            full_name=self.full_name, workspace=self._workspace,
            committed=lambda tp: self.consumer.committed_offset(tp), reached=reached,
        )  # fmt: skip
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
        app.on_partitions_revoked.connect(self._revoked)
        app.on_partitions_assigned.connect(self._assigned)
        return app

    def _add_agent(self, app: faust.App, topic: str) -> None:
        source = app.topic(
            self._full[topic], key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        )

        async def consume(stream: Any) -> None:
            async for event in stream.events():
                message = event.message
                self._delivering += 1
                try:
                    await self._deliver(topic, message.generation_id, message.value)
                except asyncio.CancelledError:
                    raise
                except Exception as error:
                    self.fail(error, f"applying {topic} partition {message.partition}")
                finally:
                    self._delivering -= 1
                    self.consumer.batch_done()

        app.agent(source, name=f"apply-{topic}")(consume)

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
        self._tasks = [asyncio.create_task(self.lease.keep()), asyncio.create_task(self._watch_standstill())]
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
            await asyncio.wait_for(self.consumer.commit(), _REVOKE_COMMIT_SECONDS)
        if self._recovering is not None:
            self._recovering.cancel()
            await asyncio.gather(self._recovering, return_exceptions=True)  # a thread may be at a table
        self.ledger.forget()
        await self.faust.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._producer.stop()
        await self._changelog_producer.stop()
        await self._reader.stop()
        self._stores.close()

    def fail(self, error: BaseException, where: str) -> None:
        """End the process: what is durable is in doubt, and a restart knows."""
        log.critical("worker ends", where=where, error=repr(error), exc_info=error)
        os._exit(EXIT_FAILED)

    def _output_failed(self, error: BaseException) -> None:
        self.fail(error, "the broker did not take an output record")

    def _lease_lost(self, stood: float) -> None:
        log.critical("worker ends: it stood still and may have a successor", seconds=round(stood, 3))
        os._exit(EXIT_LEASE_LOST)

    # --- applying -----------------------------------------------------------------------------------------------

    async def _deliver(self, topic: str, generation: int, batches: Sequence[tuple[int, FetchedRecords]]) -> None:
        for number, records in batches:
            verdict = self.ledger.in_order(topic, number, generation, records)
            if verdict.owned is not None and verdict.records is not None:
                self._apply(verdict.owned, topic, number, verdict.records)
                if len(verdict.records) >= _MANY_RECORDS:
                    self.outputs.kick()
                await self.outputs.room()
            elif verdict.seek_to is not None:
                await self._go_back(topic, number, verdict.seek_to)
        self.outputs.kick()

    async def _go_back(self, topic: str, number: int, expected: int) -> None:
        """Fetch again from `expected`; when it is refused there again, ask a reader of our own whether it is there."""
        refused, times = self._refused.get((topic, number), (expected, 0))
        self._refused[topic, number] = (expected, times + 1 if refused == expected else 1)
        if refused == expected and times:
            with contextlib.suppress(Exception):  # the broker is away: refuse once more
                found = await self._reader.first_offset(TopicPartition(self._full[topic], number), expected)
                if found is not None and found > expected:
                    self.ledger.hole(topic, number, expected, found)
        await self._seek(topic, number, expected)

    def _apply(self, owned: OwnedStage, topic: str, number: int, records: FetchedRecords) -> None:
        """Apply; a record that makes the processor fail is found, kept in dead-letters, and passed over."""
        for batch in self._culprits.batches(topic, number, records):
            if (known := self._culprits.error(topic, number, batch.first_offset)) is not None:
                self._dead(owned.stage, number)(topic, batch[0], BadRecordError(Reason.FAILED, known))
                self.ledger.skip(owned, topic, batch[0])
                continue
            try:
                self.ledger.apply(owned, topic, batch)
            except TableDamagedError:
                raise  # no record's fault
            except Exception as error:
                log.exception("a record made its stage fail", stage=owned.stage.name, topic=topic, partition=number)
                self._culprits.failed(topic, number, batch, records.next_offset, error)
                self._begin_again(number)
                return
            self.health.applied()
            self._on_applied(owned.stage.name, len(batch))

    def _begin_again(self, number: int) -> None:
        """Take a partition back to its last checkpoint."""
        self.ledger.disown(number)
        previous = self._recovering
        generation = self._generation()

        async def recover() -> None:
            if previous is not None:
                await asyncio.gather(previous, return_exceptions=True)
            await self.consumer.maybe_wait_for_commit_to_finish()  # it may still write this partition's checkpoint
            await self._recover([number], generation, self.ledger.owned.keys())

        self._recovering = asyncio.create_task(recover())

    async def _seek(self, topic: str, number: int, offset: int) -> None:
        with contextlib.suppress(Exception):  # not assigned any more: the next assignment seeks by itself
            await self.consumer.seek_to(self._full[topic], number, offset)

    def _workspace(self, stage: Stage, number: int, before: Mapping[str, OwnedStage]) -> Workspace:
        def emit(topic: str, key: bytes, value: bytes) -> None:
            self.outputs.emit(self._full[topic], number, key, value)

        def emit_rows(topic: str, rows: Rows) -> None:
            self.outputs.emit_rows(self._full[topic], number, rows)

        return Workspace(
            number, MemoryState(), emit, self._dead(stage, number),
            {name: owned.processor for name, owned in before.items()}, emit_rows,
        )  # fmt: skip

    def _dead(self, stage: Stage, number: int) -> Dead:
        full = self._full[topics.DEAD_LETTERS.name]

        def dead(topic: str, record: Record, error: BadRecordError) -> None:
            letter = DeadLetter(
                stage.name, error.reason.value, error.detail[:2000], topic, number, record.offset, record.timestamp,
                record.key, record.value,
            )  # fmt: skip
            self.outputs.emit(full, number, record.key or b"", wire.encode(letter))
            self._on_dead(stage.name, error.reason.value)
            log.warning(
                "dead letter", stage=stage.name, reason=error.reason.value, detail=error.detail[:300],
                topic=topic, partition=number, offset=record.offset,
            )  # fmt: skip

        return dead

    # --- what the consumer asks ---------------------------------------------------------------------------------

    def fetchable(self, tps: Iterable[Any]) -> set[Any]:
        """Those partitions whose records could be applied now."""
        return self.ledger.fetchable(tps, self._short)

    def delivering(self) -> bool:
        """Whether an agent is at work."""
        return self._delivering > 0

    def committable(self) -> dict[Any, int]:
        """Positions a commit would cover."""
        return {
            TopicPartition(self._full[topic], partition.number): position
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
            raise
        self._on_checkpoint(time.monotonic() - begun, self.checkpointer.bytes_written - before)
        return offsets

    def committed(self) -> None:
        """The offsets of the last checkpoint are committed."""
        self.health.committed()

    # --- who owns what ------------------------------------------------------------------------------------------

    async def _revoked(self, _app: Any, revoked: set[Any], **_: Any) -> None:
        if self.ledger.owned:
            # Still ours until we join again: what is saved here nobody has to do again.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.consumer.commit(), _REVOKE_COMMIT_SECONDS)
        if self._recovering is not None:
            self._recovering.cancel()
        self.ledger.forget()
        self.consumer.forget_under_way()
        log.info("partitions revoked", count=len(revoked))

    async def _assigned(self, _app: Any, assigned: set[Any], **_: Any) -> None:
        self.ledger.forget()  # a batch may have been applied between the revocation and now
        self.consumer.forget_under_way()
        generation = self._generation()
        numbers = self._co_assigned(assigned)
        if self._recovering is not None:
            self._recovering.cancel()
        self._recovering = asyncio.create_task(self._recover(numbers, generation))

    def _co_assigned(self, assigned: set[Any]) -> list[int]:
        """The partition numbers; every source topic must have come with the same ones."""
        by_topic: dict[str, set[int]] = {topic: set() for stage in self.stages for topic in stage.sources}
        for tp in assigned:
            short = self._short.get(tp.topic)
            if short in by_topic:
                by_topic[short].add(tp.partition)
        sets = list(by_topic.values())
        if any(numbers != sets[0] for numbers in sets):
            raise CroupierError(
                f"the group assigned different partitions of the source topics ({by_topic}): "
                "all workers of a group must run the same version, and the topics the same number of partitions "
                "(croupier topics check)"
            )
        return sorted(sets[0])

    async def _recover(self, numbers: list[int], generation: int, others: Iterable[int] = ()) -> None:
        def still_ours() -> bool:
            return generation == self._generation()

        begun = time.monotonic()
        try:
            async with self._reading:
                self._stores.keep_only({*numbers, *others})
                partitions = await self.recovery.run(numbers, generation, still_ours) if numbers else []
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) is not None and not task.cancelling() and still_ours():
                self.fail(error, "recovery, cancelled by none of us")  # nobody else would begin it again
            raise
        except Exception as error:
            if still_ours():
                self.fail(error, "recovery")
            return
        if partitions is None or not still_ours():
            return
        while not self._flowing():  # Faust seeks to committed offsets before it lets flow
            await asyncio.sleep(0.01)
            if not still_ours():
                return
        # All seeks before the first fetch: they wait their turn behind it in the consumer's thread.
        for partition in partitions:
            for topic, owned in partition.by_topic.items():
                await self._seek(topic, partition.number, owned.positions[topic])
        if not still_ours():
            return
        for partition in partitions:
            self.ledger.own(partition)
        self.consumer.wake.set()
        log.info(
            "partitions ready", partitions=numbers, generation=generation,
            changelog_records=self.recovery.progress.read,
            changelog_bytes=self.recovery.progress.bytes, read_seconds=self.recovery.progress.read_seconds,
            seconds=round(time.monotonic() - begun, 3),
        )  # fmt: skip

    # --- standing still -----------------------------------------------------------------------------------------

    async def _watch_standstill(self) -> None:
        """A batch dropped at the end of the traffic is missed by nobody: go back when there is lag and no progress.

        When that does not help, end: a restart takes seconds, and what is between Kafka and us is not ours to mend.
        """
        while True:
            await asyncio.sleep(self.settings.stall_seconds)
            # Asked of the broker: a consumer that fetches nothing learns of no end, and would seem to have no lag.
            try:
                async with asyncio.timeout(_ASK_SECONDS):
                    self._ends = await self._reader.ends(self._sources() or [self._any_source()])
                self.health.done("broker")
            except Exception as error:  # it is away: no source can be blamed for standing still
                words = f"the broker at {self.settings.bootstrap_servers} has not answered ({type(error).__name__})"
                self.health.work("broker", None, words)
            self._watch_recovery()
            if self.faust.rebalancing or not self._flowing():
                self.health.clear()
                self.health.work("group", None, f"the group {self.settings.group_id} has not settled")
                continue
            self.health.done("group")
            for lag in self.health.observe(self.lags()):
                partition = self.ledger.owned.get(lag.partition)
                if partition is None or not partition.open_for(lag.topic) or self._delivering:
                    continue
                still = self.health.standing_seconds(lag)
                log.warning(
                    "standing still: seeking back", **lag._asdict(), seconds=round(still, 1), **self.consumer.describe()
                )
                if still > self.settings.give_up_seconds:
                    self.fail(RuntimeError("seeking back did not help"), f"{lag.topic} {lag.partition} stands still")
                await self._seek(lag.topic, lag.partition, lag.applied)

    def _watch_recovery(self) -> None:
        if self._recovering is None or self._recovering.done():
            self.health.done("recovery")
            return
        progress = self.recovery.progress
        words = f"recovery stands at {progress.read:,} of {progress.total:,} changelog records"
        self.health.work("recovery", (progress.read, progress.steps), words)

    def _any_source(self) -> TopicPartition:
        return TopicPartition(self._full[self.stages[0].sources[0]], 0)

    def _sources(self) -> list[TopicPartition]:
        return [
            TopicPartition(self._full[topic], number)
            for number, partition in self.ledger.owned.items()
            for topic in partition.by_topic
        ]

    def lags(self) -> list[Lag]:
        """How far every source of every partition owned is."""
        found = []
        for number, partition in list(self.ledger.owned.items()):
            for topic, owned in partition.by_topic.items():
                tp = TopicPartition(self._full[topic], number)
                try:
                    fetched = self.consumer.highwater(tp) or 0
                except Exception:  # not assigned any more
                    fetched = 0
                position = owned.positions[topic]
                end = max(position, fetched, self._ends.get(tp, 0), owned.barrier[topic])
                found.append(Lag(topic, number, position, end, partition.waiting(topic)))
        return found

    def full_name(self, topic: str) -> str:
        """A topic's name on the broker."""
        return self._full[topic]

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
        recovering = self._recovering is not None and not self._recovering.done()
        return {
            **self.verdict(),
            "generation": self._generation(),
            "recovering": self.recovery.progress.describe() if recovering else None,
            "checkpoint_age_seconds": None if age is None else round(age, 3),
            "partitions": [
                {"topic": each.topic, "partition": each.partition, "applied": each.applied, "end": each.end,
                 "lag": each.end - each.applied, "why": each.why or None}
                for each in self.lags()
            ],
        }  # fmt: skip


def _end_unfinished() -> None:
    log.critical("worker ends: it could not leave in order", seconds=_STOP_SECONDS)
    os._exit(EXIT_FAILED)
