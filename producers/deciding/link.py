"""The connection to Kafka, which may be away: made again and again, judged at every moment, and fed from the spool.

Kafka is reachable when it is connected and nothing has been unanswered for too long.  A record that it did not
acknowledge in time makes the link doubt it, and the next acknowledgement makes it trust again; after ten seconds of
doubt everything is closed and opened anew.  While something waits on disk all rewards go there, so that they reach the
log in the order in which they were given.
"""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from random import uniform
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from schemas.errors import CroupierError
from schemas.topics import CONTEXTS, REWARDS, full_name

from ..connection import abandon_producer, open_decisions, open_producer, stop_consumer
from .metrics import PathMetrics
from .spool import Entry, Spool

_OPEN_SECONDS: Final = 10.0
_REQUEST_TIMEOUT_MS: Final = 5_000
#: Seconds between attempts to connect: at first, and at most.
_PAUSE: Final = (0.1, 2.0)
_PROBE_EVERY: Final = 1.0
_PROBE_SECONDS: Final = 2.0
#: A reward that is not acknowledged for so long goes to the disk.
_PATIENCE: Final = 1.0
_GIVE_UP: Final = 10.0
_GOODBYE: Final = 2.0
_LOOK_EVERY: Final = 0.002
_CHUNK: Final = 500
#: Seconds between log lines of the same trouble.
_TELL_EVERY: Final = 10.0

_log = structlog.get_logger(__name__)


class Link:
    """Between `start` and `stop`; on one event loop."""

    def __init__(
        self,
        bootstrap_servers: str,
        prefix: str,
        security: Mapping[str, Any] | None,
        spool: Spool,
        metrics: PathMetrics,
        heard: Callable[[bytes | None], None],
        lost: Callable[[], None],
    ) -> None:
        """heard: given every record of decisions from the moment of each connection on; lost: called when one ends.

        Neither may raise.
        """
        self._bootstrap_servers, self._prefix, self._security = bootstrap_servers, prefix, security
        self._spool = spool
        self._metrics = metrics
        self._heard, self._lost = heard, lost
        self._producer: AIOKafkaProducer = None
        self._consumer: AIOKafkaConsumer = None
        self._doubted_at: float | None = None
        self._broken: asyncio.Future[str] | None = None
        self._in_flight: dict[asyncio.Future[Any], Entry] = {}
        self._away_since: float | None = None
        self._told_away_at = -math.inf
        self._tried = asyncio.Event()
        self._runs: asyncio.Task[None] | None = None

    @property
    def reachable(self) -> bool:
        """Whether Kafka answers, as far as is known."""
        return self._producer is not None and self._doubted_at is None

    async def start(self, wait_seconds: float) -> None:
        """Connect in the background; returns when the first attempt has ended, or after so long."""
        self._runs = asyncio.create_task(self._run())
        waiting = asyncio.create_task(self._tried.wait())
        await asyncio.wait([waiting], timeout=wait_seconds)
        waiting.cancel()

    async def stop(self) -> None:
        """Say the last to Kafka, for a moment; what it does not acknowledge goes to the spool."""
        if self._runs is None:
            return
        end = time.monotonic() + _GOODBYE
        while self.reachable and (self._in_flight or self._spool.backlog) and time.monotonic() < end:
            await asyncio.sleep(_LOOK_EVERY)
        self._runs.cancel()
        await asyncio.gather(self._runs, return_exceptions=True)

    async def send(self, entry: Entry) -> asyncio.Future[Any]:
        """Give Kafka a record; the future is done when it has it.  What it does not get goes to the spool.

        ConnectionError: it can not be given now, and is not kept.
        """
        ack = await self._give(entry)
        self._in_flight[ack] = entry
        ack.add_done_callback(self._ended)
        return ack

    async def record(self, entry: Entry) -> None:
        """Give Kafka a record, or the disk; one of them has it when this returns.  SpoolFullError: neither has."""
        if self.reachable and not self._spool.backlog:
            try:
                async with asyncio.timeout(_PATIENCE):
                    ack = await self._give(entry)
                    ack.add_done_callback(_seen)
                    await asyncio.shield(ack)
            except TimeoutError:
                self.doubt(f"a record for {entry.topic} was not acknowledged within {_PATIENCE:g} s")
            except (KafkaError, ConnectionError) as error:
                self._lose(f"{type(error).__name__}: {error}")
            else:
                return
        await self._spool.append(entry)

    def offer(self, entry: Entry) -> bool:
        """Keep a record on disk, soon; nobody waits for it.  False: there is no room."""
        return self._spool.offer(entry) is not None

    def doubt(self, reason: str) -> None:
        """Kafka did not do in time what it should have: it is not to be waited for until it has answered again."""
        if self.reachable:
            self._doubted_at = time.monotonic()
            self._note_away(reason)

    async def _give(self, entry: Entry) -> asyncio.Future[Any]:
        producer = self._producer
        if producer is None:
            raise ConnectionError("Kafka is away")
        topic = full_name(entry.topic, self._prefix)
        try:
            ack: asyncio.Future[Any] = await producer.send(topic, entry.value, entry.tenant.encode())
        except KafkaError as error:
            raise ConnectionError(f"{type(error).__name__}: {error}") from error
        return ack

    def _ended(self, ack: asyncio.Future[Any]) -> None:
        """A record was acknowledged, or never will be."""
        entry = self._in_flight.pop(ack, None)
        error = None if ack.cancelled() else ack.exception()
        if entry is None:
            return
        if error is None and not ack.cancelled():
            self._trust()
        else:
            self._spool.offer(entry)
            self._lose(f"{type(error).__name__}: {error}")

    def _trust(self) -> None:
        self._doubted_at = None
        self._metrics.reachable.set(1)
        if self._away_since is not None and self._told_away_at >= self._away_since:
            _log.info(
                "Kafka can be used again",
                away_seconds=round(time.monotonic() - self._away_since, 1),
                events_on_disk=self._spool.backlog,
            )
        self._away_since = None

    def _lose(self, reason: str) -> None:
        if self._broken is not None and not self._broken.done():
            self._broken.set_result(reason)

    def _note_away(self, reason: str) -> None:
        self._metrics.reachable.set(0)
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
        if self._told_away_at < self._away_since and now - self._told_away_at > _TELL_EVERY:
            self._told_away_at = now
            _log.error(
                "Kafka can not be used: requests are served by fallback arms, and events are kept on disk, until it "
                "can. Is it running, and reachable from here, with the topics of this deployment?",
                bootstrap_servers=self._bootstrap_servers,
                reason=reason,
            )

    async def _run(self) -> None:
        pause, most = _PAUSE
        while True:
            try:
                await self._open()
            except (CroupierError, KafkaError, OSError, TimeoutError) as error:
                self._metrics.openings.labels("failed").inc()
                self._note_away(str(error) or f"no connection within {_OPEN_SECONDS:g} s")
                self._tried.set()
                await asyncio.sleep(pause * uniform(0.8, 1.2))
                pause = min(2 * pause, most)
                continue
            pause = _PAUSE[0]
            self._metrics.openings.labels("opened").inc()
            self._tried.set()
            try:
                reason = await self._serve()
            finally:
                await self._close()
            self._note_away(reason)

    async def _open(self) -> None:
        security, timeout_ms = self._security, _REQUEST_TIMEOUT_MS
        async with asyncio.timeout(_OPEN_SECONDS), AsyncExitStack() as opened:
            consumer = await open_decisions(
                self._bootstrap_servers, self._prefix, security, request_timeout_ms=timeout_ms
            )
            opened.push_async_callback(stop_consumer, consumer)
            producer = await open_producer(self._bootstrap_servers, security, request_timeout_ms=timeout_ms)
            opened.push_async_callback(abandon_producer, producer)
            for topic in (CONTEXTS, REWARDS):  # the first record is not to wait for where it belongs
                await producer.partitions_for(full_name(topic, self._prefix))
            opened.pop_all()
        self._consumer, self._producer = consumer, producer
        self._broken = asyncio.get_running_loop().create_future()
        self._trust()

    async def _serve(self) -> str:
        """Until the connection is given up; why."""
        assert self._broken is not None
        tasks = [asyncio.create_task(each) for each in (self._read(), self._drain(), self._watch())]
        ends: list[asyncio.Future[Any]] = [*tasks, self._broken]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if self._broken.done():
                return self._broken.result()
            error = next(task.exception() for task in tasks if task.done())
            if not isinstance(error, KafkaError | OSError):
                _log.error("the connection to Kafka failed in an unforeseen way; it is made again", exc_info=error)
            return f"{type(error).__name__}: {error}"
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _close(self) -> None:
        """Close what is open, and keep what was not acknowledged."""
        consumer, producer, self._consumer, self._producer = self._consumer, self._producer, None, None
        self._doubted_at = None
        self._lost()
        in_flight, self._in_flight = self._in_flight, {}
        for entry in in_flight.values():
            self._spool.offer(entry)
        try:
            await abandon_producer(producer)
        finally:
            await stop_consumer(consumer)

    async def _read(self) -> None:
        while True:
            for records in (await self._consumer.getmany(timeout_ms=1000)).values():
                for record in records:
                    self._heard(record.value)

    async def _drain(self) -> None:
        """Send what is on disk, oldest first, and forget what Kafka has."""
        while True:
            await self._spool.filled()
            chunk = await self._spool.read(_CHUNK)
            acks = []
            for entry in chunk.entries:
                try:
                    ack = await self._producer.send(
                        full_name(entry.topic, self._prefix), entry.value, entry.tenant.encode()
                    )
                except MessageSizeTooLargeError as error:
                    self._metrics.dropped.labels("refused").inc()
                    _log.error("Kafka refuses an event; it is not recorded", topic=entry.topic, error=str(error))
                    continue
                ack.add_done_callback(_seen)
                acks.append(ack)
            for ack in acks:
                await ack
            await self._spool.acknowledge(chunk)
            self._trust()

    async def _watch(self) -> None:
        """Give the connection up when it does not answer."""
        consumer = self._consumer
        (partition, *_) = sorted(consumer.assignment())
        while True:
            await asyncio.sleep(_PROBE_EVERY)
            if self._doubted_at is None:
                try:
                    async with asyncio.timeout(_PROBE_SECONDS):
                        await consumer.end_offsets([partition])
                except (KafkaError, TimeoutError) as error:
                    self._lose(f"no answer to a question within {_PROBE_SECONDS:g} s ({type(error).__name__})")
            elif time.monotonic() - self._doubted_at > _GIVE_UP:
                self._lose(f"nothing was acknowledged for {_GIVE_UP:g} s")


def _seen(ack: asyncio.Future[Any]) -> None:
    """Somebody else looks at the error, or nobody needs to."""
    if not ack.cancelled():
        ack.exception()
