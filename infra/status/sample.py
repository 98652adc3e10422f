"""What the broker knows at one moment.  True with no worker alive."""

import asyncio
from typing import Any, Final

from aiokafka import TopicPartition
from msgspec import Struct

from infra.readable.plain import plain_record
from infra.reading.groups import Member, committed, group_state
from infra.reading.latest import latest
from infra.reading.log import Log
from schemas.topics import ALL, CONTEXTS, DEAD_LETTERS, full_name

#: The stages that each role runs, by the names that `schemas.topics` gives to readers.
ROLES: Final[dict[str, tuple[str, ...]]] = {"worker": ("router", "joiner", "learner"), "analytics": ("analytics",)}

#: Topics whose traffic is shown.
FLOW: Final = ("contexts", "decisions", "rewards", "outcomes", "kpis")


class Place(Struct, frozen=True):
    """One partition as one group has read it.  Offsets are of the next record."""

    topic: str
    partition: int
    begin: int
    end: int
    committed: int | None  # None: the group has committed nothing there yet

    @property
    def lag(self) -> int:
        """Records that nobody has handled durably.  What retention took before it was read is no lag any more."""
        return self.end - max(self.begin, min(self.end, self.committed or 0))


class Group(Struct, frozen=True):
    """The consumer group of a role."""

    role: str
    name: str
    state: str
    members: tuple[Member, ...]
    places: tuple[Place, ...]

    @property
    def lag(self) -> int:
        """Of all its partitions."""
        return sum(place.lag for place in self.places)


class Sample(Struct, frozen=True):
    """One moment."""

    at: float  # seconds of the event loop's clock
    partitions: int  # of keyed topics
    ends: dict[str, int]  # records ever appended, by topic
    groups: tuple[Group, ...]
    dead_letters: int  # that the topic still has
    last_dead_letter: dict[str, Any] | None


def sources(role: str) -> tuple[str, ...]:
    """The topics that a role reads."""
    return tuple(topic.name for topic in ALL if topic.key != "state" and set(topic.read_by) & set(ROLES[role]))


async def take(log: Log, admin: Any, prefix: str) -> Sample:
    """Ask now.  admin: aiokafka's admin client."""
    at = asyncio.get_running_loop().time()
    bounds = {topic: await log.bounds(topic) for topic in (*FLOW, DEAD_LETTERS.name)}
    groups = []
    for role in ROLES:
        name = f"{prefix}croupier-{role}"
        # Committed first: an end that is asked for afterwards is never before it, and a lag never below 0.
        offsets, state = await committed(admin, name), await group_state(admin, name)
        places = [
            Place(topic, number, begin, end, _known(offsets.get(TopicPartition(full_name(topic, prefix), number))))
            for topic in sources(role)
            for number, (begin, end) in (await log.bounds(topic)).items()
        ]
        groups.append(Group(role, name, state.state, state.members, tuple(places)))
    letters = bounds[DEAD_LETTERS.name]
    last = await latest(log, DEAD_LETTERS.name, letters, 1, lambda record: True)
    return Sample(
        at,
        log.partitions(CONTEXTS.name),
        {topic: sum(end for _, end in bounds[topic].values()) for topic in FLOW},
        tuple(groups),
        sum(end - begin for begin, end in letters.values()),
        plain_record(DEAD_LETTERS.name, last[0]) if last else None,
    )


def _known(offset: int | None) -> int | None:
    return None if offset is None or offset < 0 else offset
