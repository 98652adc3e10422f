"""How far a recovery is: in log lines, /status and metrics."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from aiokafka import TopicPartition

from .loading import Loading

log = structlog.get_logger(__name__)

_LOG_SECONDS: Final = 2.0


@dataclass(slots=True)
class Progress:
    """Of one recovery.  Records are changelog offsets: those that compaction took count as read."""

    loadings: dict[TopicPartition, Loading] = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic)

    steps: int = 0  # claims, and processors made
    read_seconds: float | None = None  # it took to read; claiming and indexing come after it

    def all_read(self) -> None:
        """The tables are what the changelogs were."""
        self.read_seconds = round(time.monotonic() - self.begun, 3)

    @property
    def read(self) -> int:
        """Records."""
        return sum(each.at - each.begin for each in self.loadings.values())

    @property
    def total(self) -> int:
        """Records to read: what the local tables lack."""
        return sum(each.end - each.begin for each in self.loadings.values())

    @property
    def bytes(self) -> int:
        """Of keys and values read."""
        return sum(each.bytes for each in self.loadings.values())

    def describe(self) -> dict[str, Any]:
        """Plain data for /status; seconds_left is None while nothing is known of the rate."""
        seconds = max(time.monotonic() - self.begun, 1e-6)
        read, total, size = self.read, self.total, self.bytes
        return {
            "read": read,
            "of": total,
            "bytes": size,
            "bytes_per_second": round(size / seconds),
            "seconds": round(seconds, 1),
            "seconds_left": round(seconds * (total - read) / read, 1) if read else None,
            "partitions": [
                {
                    "changelog": tp.topic,
                    "partition": tp.partition,
                    "read": each.at - each.begin,
                    "of": each.end - each.begin,
                    "bytes": each.bytes,
                }
                for tp, each in self.loadings.items()
            ],
        }

    @contextlib.asynccontextmanager
    async def logged(self) -> AsyncIterator[None]:
        """Log every two seconds as long as the block runs."""

        async def tell() -> None:
            while True:
                await asyncio.sleep(_LOG_SECONDS)
                described = self.describe()
                del described["partitions"]
                log.info("recovering", **described)

        telling = asyncio.create_task(tell())
        try:
            yield
        finally:
            telling.cancel()
