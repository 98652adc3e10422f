"""What the broker knows of a consumer group: who is in it, what each member owns, what was committed."""

from collections.abc import Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    NotCoordinatorError,
)
from msgspec import Struct

#: A group's coordinator is moving or being created: ask again, or take it that there is none yet.
_AGAIN = (CoordinatorNotAvailableError, CoordinatorLoadInProgressError, NotCoordinatorError)


class Member(Struct, frozen=True):
    """A process in a group."""

    client: str
    host: str
    owns: frozenset[tuple[str, int]]  # topics, by their names on the broker, and partitions


class GroupState(Struct, frozen=True):
    """state: Kafka's word: Stable, PreparingRebalance, CompletingRebalance, Empty, Dead (or never was)."""

    state: str
    members: tuple[Member, ...]


async def group_state(admin: AIOKafkaAdminClient, group: str) -> GroupState:
    """Who is in a group now.  One group a request: aiokafka 0.14 misreads answers about several."""
    try:
        (response,) = await admin.describe_consumer_groups([group])
    except _AGAIN:
        return GroupState("Dead", ())
    # (error_code, group, state, protocol type, protocol, members of (id, client, host, metadata, assignment), ...)
    described = response.groups[0]
    return GroupState(described[2], tuple(Member(each[1], each[2], _owned(each[4])) for each in described[5]))


async def committed(admin: AIOKafkaAdminClient, group: str) -> Mapping[TopicPartition, int]:
    """Every offset that a group has committed."""
    try:
        offsets = await admin.list_consumer_group_offsets(group)
    except _AGAIN:
        return {}
    return {place: entry.offset for place, entry in offsets.items()}


def _owned(assignment: bytes) -> frozenset[tuple[str, int]]:
    if not assignment:  # it has just joined
        return frozenset()
    decoded: Any = ConsumerProtocolMemberAssignment.decode(assignment)
    return frozenset((topic, number) for topic, numbers in decoded.assignment for number in numbers)
