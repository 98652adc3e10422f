"""The last N records of a topic that somebody wants, without reading what is before them."""

from collections import deque
from collections.abc import Callable
from typing import Any

from .log import Log, Ranges

_FIRST_STEP = 64
_GROWTH = 4


async def latest(log: Log, topic: str, ranges: Ranges, count: int, wanted: Callable[[Any], bool]) -> list[Any]:
    """The last `count` wanted records of these ranges, by append time, then partition, then offset; oldest first.

    Reads backwards in steps that grow, partition by partition only as far as needed: offsets may be missing
    (compaction) and records unwanted, so how far that is cannot be computed.
    """
    found: dict[int, deque[Any]] = {number: deque(maxlen=count) for number in ranges}
    begun = {number: end for number, (_, end) in ranges.items()}
    step = max(count, _FIRST_STEP)
    while True:
        chunks = {
            number: (max(ranges[number][0], begun[number] - step), begun[number])
            for number in ranges
            if len(found[number]) < count and begun[number] > ranges[number][0]
        }
        if not chunks:
            break
        older: dict[int, deque[Any]] = {number: deque(maxlen=count) for number in chunks}
        async for records in log.batches(topic, chunks):
            older[records[0].partition].extend(record for record in records if wanted(record))
        for number, kept in older.items():
            found[number] = deque([*kept, *found[number]], maxlen=count)
            begun[number] = chunks[number][0]
        step *= _GROWTH
    everything = [record for kept in found.values() for record in kept]
    everything.sort(key=lambda record: (record.timestamp, record.partition, record.offset))
    return everything[-count:] if count else []
