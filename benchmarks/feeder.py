"""Appends the reward of a decision when the decision is there, as the world outside does, at little cost.

Decision ids are context ids, so all rewards are made beforehand; the feeder counts a partition's decisions and appends
as many of its rewards.  Within a batch decisions come in another order than their contexts: a reward may be a few
milliseconds early, which is part of the joiner's work, or as much late.
"""

from collections.abc import Iterable, Sequence

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from benchmarks.load import Row
from schemas.errors import CroupierError

_FLUSH_SECONDS = 60.0


class Feeder:
    """Rewards of one topic, waiting for their turn."""

    def __init__(self, bootstrap: str, topic: str, partitions: int, rows: Iterable[Row]) -> None:
        self._topic = topic
        self._keys: list[list[bytes]] = [[] for _ in range(partitions)]
        self._values: list[list[bytes]] = [[] for _ in range(partitions)]
        self._fed = [0] * partitions
        shared: dict[bytes, bytes] = {}
        for row in rows:
            self._keys[row.partition].append(shared.setdefault(row.key, row.key))
            self._values[row.partition].append(row.value)
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "acks": "all",
                "linger.ms": 5,
                "queue.buffering.max.messages": 2_000_000,
                "delivery.report.only.error": True,
                "on_delivery": _delivered,
            }
        )

    def feed(self, decided: Sequence[int]) -> None:
        """Append the rewards of the first so many contexts of each partition that were not appended before."""
        for number, until in enumerate(decided):
            keys, values = self._keys[number], self._values[number]
            until = min(until, len(values))  # noqa: PLW2901 - clock records are counted, too
            for index in range(self._fed[number], until):
                self._producer.produce(self._topic, values[index], keys[index], number)
            self._fed[number] = max(self._fed[number], until)
        self._producer.poll(0)

    def close(self) -> None:
        """Wait until the broker has what was fed."""
        if left := self._producer.flush(_FLUSH_SECONDS):
            raise CroupierError(f"the broker did not take {left} records of {self._topic} in {_FLUSH_SECONDS:.0f} s")


def _delivered(error: KafkaError | None, _: Message) -> None:
    if error is not None:
        raise KafkaException(error)
