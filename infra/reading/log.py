"""A deployment's topics, read by offset or by time."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.domains import clients
from schemas.errors import TopicsMismatchError
from schemas.topics import full_name

#: Of one partition of a topic, by its number: [begin, end).
Ranges = Mapping[int, tuple[int, int]]

_WAIT_MS = 500
#: Records that are there, and do not come for so long: the client tries again for ever, and says nothing.
_PATIENCE_S = 30.0


class Log:
    """One consumer without a group; one reading at a time.  Topics by their names in `schemas.topics`."""

    def __init__(self, consumer: AIOKafkaConsumer, bootstrap: str, prefix: str, counts: Mapping[str, int]) -> None:
        self._consumer = consumer
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._counts = counts

    @classmethod
    @asynccontextmanager
    async def open(cls, bootstrap: str, prefix: str) -> AsyncIterator[Self]:
        """Connect.  BrokerUnavailableError: no broker answers there, now or while reading."""
        async with clients.admin(bootstrap) as admin:
            # Before a consumer asks for a topic by its name: some brokers create what is asked for.
            counts = {each["topic"]: len(each["partitions"]) for each in await admin.describe_topics()}
        async with clients.consumer(bootstrap) as consumer:
            yield cls(consumer, bootstrap, prefix, counts)

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has.  TopicsMismatchError: there is no such topic."""
        name = full_name(topic, self._prefix)
        count = self._counts.get(name, 0)
        if not count:
            raise TopicsMismatchError(
                f"the broker at {self._bootstrap} has no topic {name}. Create this deployment's topics with "
                "`croupier topics create`, or check --prefix."
            )
        return count

    async def bounds(self, topic: str, numbers: Iterable[int] | None = None) -> dict[int, tuple[int, int]]:
        """The offsets that each partition has now, [begin, end).  numbers: of partitions; None: all."""
        places = self._places(topic, range(self.partitions(topic)) if numbers is None else numbers)
        begins = await self._consumer.beginning_offsets(list(places))
        ends = await self._consumer.end_offsets(list(places))
        return {number: (begins[place], ends[place]) for place, number in places.items()}

    async def since(self, topic: str, timestamp_ms: int, numbers: Iterable[int] | None = None) -> dict[int, Any]:
        """As `bounds`, from the first record appended at or after a time (milliseconds since 1970)."""
        bounds = await self.bounds(topic, numbers)
        places = self._places(topic, bounds)
        found = await self._consumer.offsets_for_times(dict.fromkeys(places, timestamp_ms))
        return {
            number: (found[place].offset if found[place] is not None else bounds[number][1], bounds[number][1])
            for place, number in places.items()
        }

    async def batches(self, topic: str, ranges: Ranges) -> AsyncIterator[list[Any]]:
        """Every record of these ranges, a partition's in order of offset, partitions as they come."""
        open_ranges = {number: bounds for number, bounds in ranges.items() if bounds[0] < bounds[1]}
        places = self._assign(topic, {number: begin for number, (begin, _) in open_ranges.items()})
        while open_ranges:
            waiting = [place for place, number in places.items() if number in open_ranges]
            for place, records in (await self._fetch(waiting)).items():
                end = open_ranges[place.partition][1]
                if wanted := [record for record in records if record.offset < end]:
                    yield wanted
            for place in waiting:
                # The position, not the last record's offset: compaction may have removed records before the end.
                if await self._consumer.position(place) >= open_ranges[place.partition][1]:
                    del open_ranges[place.partition]

    async def merged(self, topic: str, ranges: Ranges) -> AsyncIterator[Any]:
        """Every record of these ranges in order of append time, then partition, then offset."""
        open_ranges = {number: bounds for number, bounds in ranges.items() if bounds[0] < bounds[1]}
        places = self._assign(topic, {number: begin for number, (begin, _) in open_ranges.items()})
        ahead: dict[int, deque[Any]] = {number: deque() for number in open_ranges}
        while open_ranges:
            for place in [place for place, number in places.items() if number in open_ranges and not ahead[number]]:
                if await self._consumer.position(place) >= open_ranges[place.partition][1]:
                    del open_ranges[place.partition], ahead[place.partition]
            empty = [place for place, number in places.items() if number in open_ranges and not ahead[number]]
            for place, records in (await self._fetch(empty)).items():
                end = open_ranges[place.partition][1]
                ahead[place.partition].extend(record for record in records if record.offset < end)
            while ahead and all(ahead.values()):
                first = min(ahead, key=lambda number: (ahead[number][0].timestamp, number))
                yield ahead[first].popleft()

    async def follow(self, topic: str, starts: Mapping[int, int]) -> AsyncIterator[Any]:
        """Every record from these offsets on, as it comes, without end."""
        self._assign(topic, starts)
        while True:
            fetched = await self._consumer.getmany(timeout_ms=_WAIT_MS)
            for record in sorted(
                (record for records in fetched.values() for record in records),
                key=lambda record: (record.timestamp, record.partition, record.offset),
            ):
                yield record

    async def record(self, topic: str, number: int, offset: int) -> Any | None:
        """The record at an offset, or None when retention or compaction has taken it, or it is not there yet."""
        begin, end = (await self.bounds(topic, [number]))[number]
        if not begin <= offset < end:
            return None
        async for records in self.batches(topic, {number: (offset, end)}):
            return records[0] if records[0].offset == offset else None
        return None

    async def _fetch(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, list[Any]]:
        """Records of any of these partitions, or nothing when what was left of one has been compacted away."""
        if not places:
            return {}
        before = [await self._consumer.position(place) for place in places]
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                fetched: dict[TopicPartition, list[Any]] = await self._consumer.getmany(*places, timeout_ms=_WAIT_MS)
                if fetched or before != [await self._consumer.position(place) for place in places]:
                    return fetched

    def _places(self, topic: str, numbers: Iterable[int]) -> dict[TopicPartition, int]:
        name = full_name(topic, self._prefix)
        return {TopicPartition(name, number): number for number in numbers}

    def _assign(self, topic: str, starts: Mapping[int, int]) -> dict[TopicPartition, int]:
        places = self._places(topic, starts)
        # Never without partitions, and only right before a fetch: aiokafka's fetcher can miss that it is told to stop
        # while it lets go of an assignment, and stop() then waits for it for ever.
        if places:
            self._consumer.assign(list(places))
        for place, number in places.items():
            self._consumer.seek(place, starts[number])
        return places
