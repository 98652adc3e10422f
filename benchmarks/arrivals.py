"""Records sent at the times they are due, whatever becomes of those before them (an open loop).

Latency counts from the intended time: a system that stands still makes every record late that was due meanwhile, as it
would the people behind them (coordinated omission, Gil Tene).
"""

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from benchmarks.load import Row
from schemas.errors import CroupierError

_FLUSH_SECONDS = 30.0


class Due(NamedTuple):
    """A record, its topic, and when it is due: seconds after the start."""

    seconds: float
    topic: str
    row: Row


def poisson(rate: float, seconds: float, seed: int) -> list[float]:
    """Arrival times in [0, seconds): independent of each other, `rate` a second on average."""
    draw = np.random.default_rng(seed)
    count = draw.poisson(rate * seconds)
    return sorted((draw.random(count) * seconds).tolist())


def new_producer(bootstrap: str) -> Producer:
    """A producer that sends at once."""
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "acks": "all",
            "linger.ms": 0,
            "socket.nagle.disable": True,
            "queue.buffering.max.messages": 1_000_000,
            "delivery.report.only.error": True,
            "on_delivery": _delivered,
        }
    )


def send(producer: Producer, schedule: Sequence[Due], start: float) -> float:
    """Send each when it is due; returns the 99th percentile of how late that was.  start: by time.perf_counter."""
    late = []
    for due, topic, row in schedule:
        at = start + due
        while (wait := at - time.perf_counter()) > 0:
            time.sleep(wait)
        producer.produce(topic, row.value, row.key, row.partition)
        late.append(time.perf_counter() - at)
        producer.poll(0)
    if left := producer.flush(_FLUSH_SECONDS):
        raise CroupierError(f"the broker did not take {left} of {len(schedule)} records in {_FLUSH_SECONDS:.0f} s")
    return float(np.percentile(late, 99)) if late else 0.0


def due(times: Iterable[float], topic: str, rows: Iterable[Row]) -> list[Due]:
    """One record for each time."""
    return [Due(seconds, topic, row) for seconds, row in zip(times, rows, strict=True)]


def _delivered(error: KafkaError | None, _: Message) -> None:
    if error is not None:
        raise KafkaException(error)
