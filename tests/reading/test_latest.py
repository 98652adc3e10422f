"""The last N wanted records, against the obvious way: read everything and take the last N."""

import asyncio
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from infra.reading.latest import latest


@dataclass(frozen=True)
class Record:
    partition: int
    offset: int
    timestamp: int
    wanted: bool


class MemoryLog:
    """A topic in memory, with holes where compaction took records; counts what is read."""

    def __init__(self, records):
        self.records = records
        self.read = 0

    async def batches(self, topic, ranges):
        for number, (begin, end) in ranges.items():
            found = [each for each in self.records[number] if begin <= each.offset < end]
            self.read += len(found)
            middle = len(found) // 2
            for batch in (found[:middle], found[middle:]):
                if batch:
                    yield batch


@st.composite
def topics(draw):
    records, ranges = {}, {}
    for number in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, 50))
        offsets = sorted(draw(st.sets(st.integers(begin, begin + 400), max_size=120)))
        times = sorted(draw(st.lists(st.integers(0, 30), min_size=len(offsets), max_size=len(offsets))))
        wanted = draw(st.lists(st.booleans(), min_size=len(offsets), max_size=len(offsets)))
        records[number] = [Record(number, *each) for each in zip(offsets, times, wanted, strict=True)]
        ranges[number] = (begin, begin + 401)
    return records, ranges


def last(log, ranges, count):
    return asyncio.run(latest(log, "any", ranges, count, lambda record: record.wanted))


@given(topics(), st.integers(0, 90))
def test_same_as_reading_everything(topic, count):
    """However many are asked for, wherever the holes and the unwanted are, it is the last N in order of time."""
    records, ranges = topic
    everything = sorted(
        (each for part in records.values() for each in part if each.wanted),
        key=lambda each: (each.timestamp, each.partition, each.offset),
    )
    assert last(MemoryLog(records), ranges, count) == everything[max(0, len(everything) - count) :]


def test_reads_no_more_than_it_must():
    """Of a long log only the end is read."""
    log = MemoryLog({0: [Record(0, offset, offset, wanted=True) for offset in range(100_000)]})
    assert [each.offset for each in last(log, {0: (0, 100_000)}, 10)] == list(range(99_990, 100_000))
    assert log.read <= 100
