"""Snowflakes: ids that hold their own creation time (Discord docs, "API Reference", Snowflakes)."""

import time
from datetime import UTC, datetime

EPOCH_MS = 1_420_070_400_000
"""The first second of 2015, from which snowflakes count."""

WORKER, PROCESS = 1, 0


def timestamp(snowflake: int) -> str:
    """When `snowflake` was made, as the API writes it: ISO 8601 in UTC."""
    return iso(((snowflake >> 22) + EPOCH_MS) / 1000)


def iso(seconds: float) -> str:
    """Seconds since 1970 as the API writes times: ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


class Snowflakes:
    """Gives ids that only grow: milliseconds since 2015, worker, process and a counter within the millisecond."""

    def __init__(self) -> None:
        self._millisecond = 0
        self._increment = 0
        self._backdated = 0

    def next(self) -> int:
        """An id for something made now."""
        now = int(time.time() * 1000) - EPOCH_MS
        if now > self._millisecond:
            self._millisecond, self._increment = now, 0
        else:  # the same millisecond, or a clock set back: ids must grow all the same
            self._increment += 1
            if self._increment == 1 << 12:
                self._millisecond, self._increment = self._millisecond + 1, 0
        return self._millisecond << 22 | WORKER << 17 | PROCESS << 12 | self._increment

    def backdated(self) -> int:
        """An id for a guild or an account that was there before.

        Guilds are made at different times, so `(guild_id >> 22) % shards` spreads them; ids made in one go would
        all belong to one shard.
        """
        self._backdated += 1
        year_2020 = 157_766_400_000
        return (year_2020 + self._backdated * 61_001) << 22 | WORKER << 17 | PROCESS << 12
