"""Notes when each record of a topic arrives, in a thread of its own."""

import threading
import time
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas import wire
from schemas.errors import CroupierError
from schemas.events import Context, Decision

_POLL_SECONDS = 0.05
_PATIENCE_SECONDS = 20.0


class Arrived:
    """Ids of a topic's contexts or decisions, from its beginning, each with when it was first read.

    Times are those of time.perf_counter.
    """

    def __init__(self, bootstrap: str, topic: str, partitions: int, kind: str) -> None:
        self._kind = kind  # topic whose records these are
        self._topic = topic
        self._raw: list[tuple[float, bytes]] = []
        self._stop = threading.Event()
        self._failed: BaseException | None = None
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"{topic}-arrived",
                "enable.auto.commit": False,
                "socket.nagle.disable": True,
                "fetch.queue.backoff.ms": 10,
            }
        )
        self._consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def _read(self) -> None:
        try:
            while not self._stop.is_set():
                message = self._consumer.poll(_POLL_SECONDS)
                if message is None:
                    continue
                if message.error() is not None:
                    raise KafkaException(message.error())
                self._raw.append((time.perf_counter(), message.value()))
        except BaseException as error:  # told to whoever waits
            self._failed = error

    def wait(self, count: int) -> dict[str, float]:
        """When each of the `count` ids to come was first read.  What was read is forgotten here."""
        found: dict[str, float] = {}
        taken, moved = 0, time.monotonic()
        while True:
            if self._failed is not None:
                raise self._failed
            until = len(self._raw)
            for at, value in self._raw[taken:until]:
                event = wire.decode(self._kind, value)
                if isinstance(event, Context | Decision):
                    found.setdefault(event.id, at)
            if until > taken:
                taken, moved = until, time.monotonic()
            if len(found) >= count:
                self._raw = self._raw[taken:]
                return found
            if time.monotonic() - moved > _PATIENCE_SECONDS:
                raise CroupierError(
                    f"of {count} records sent, {count - len(found)} did not arrive in {self._topic}, and nothing came "
                    f"for {_PATIENCE_SECONDS:.0f} s: see whether the program in between keeps up with the rate"
                )
            time.sleep(_POLL_SECONDS)
