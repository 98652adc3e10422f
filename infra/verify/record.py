"""A record of a log as the checks take it; a Kafka client's records have the same attributes."""

from typing import NamedTuple


class LogRecord(NamedTuple):
    """One record of a topic partition."""

    offset: int
    timestamp: int  # append time, milliseconds since 1970
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
