"""A consistent cut of a deployment that runs: what is read of each topic, so that causes are there for all effects.

The order makes it one.  First what the group has committed, then the ends of the state topics: whatever those cover was
acknowledged before.  Then the ends of effects before those of their causes: kpis and dead letters, outcomes, rewards,
decisions, contexts.  So whatever an effect was made of is within what is read, and what is read beyond is pending.
"""

from collections.abc import Mapping
from typing import NamedTuple

from aiokafka import TopicPartition

from schemas import topics

from ..domains import clients
from ..reading.groups import committed
from ..reading.log import Log

_ORDER = tuple(
    topic.name
    for topic in (
        topics.LEARNER_STATE,
        topics.ANALYTICS_STATE,
        topics.JOINER_STATE,
        topics.SPECS,
        topics.KPIS,
        topics.DEAD_LETTERS,
        topics.OUTCOMES,
        topics.REWARDS,
        topics.DECISIONS,
        topics.CONTEXTS,
    )
)


class Cut(NamedTuple):
    """ranges: [begin, end) by topic and partition; committed: by source topic and partition, where there is one."""

    ranges: Mapping[str, Mapping[int, tuple[int, int]]]
    committed: Mapping[str, Mapping[int, int]]

    @property
    def records(self) -> int:
        """That will be read, if all are there."""
        return sum(end - begin for ranges in self.ranges.values() for begin, end in ranges.values())

    def begins(self, number: int) -> dict[str, int]:
        """The first offset that each topic has in a partition."""
        return {topic: ranges[number][0] for topic, ranges in self.ranges.items() if number in ranges}


async def take_cut(log: Log, bootstrap: str, prefix: str) -> Cut:
    """Take it now."""
    async with clients.admin(bootstrap) as admin:
        offsets = await committed(admin, f"{prefix}croupier-worker")
    found: dict[str, dict[int, int]] = {}
    for topic in (topics.CONTEXTS.name, topics.DECISIONS.name, topics.REWARDS.name, topics.OUTCOMES.name):
        name = topics.full_name(topic, prefix)
        places = {number: TopicPartition(name, number) for number in range(log.partitions(topic))}
        found[topic] = {number: offsets[at] for number, at in places.items() if offsets.get(at, -1) >= 0}
    ranges = {topic: await log.bounds(topic) for topic in _ORDER}
    return Cut(ranges, found)
