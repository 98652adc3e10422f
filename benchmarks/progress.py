"""How far a process has come, asked of the broker."""

from types import TracebackType
from typing import Protocol, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient


class Progress(Protocol):
    """Something that can be asked how many records are done."""

    async def done(self) -> int:
        """Records done until now."""


class Appended:
    """Records that a topic holds: the sum of its partitions' end offsets."""

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        self._consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None)
        self._places = [TopicPartition(topic, number) for number in range(partitions)]

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._consumer.stop()

    async def done(self) -> int:
        """Records appended until now."""
        return sum((await self._consumer.end_offsets(self._places)).values())


class Committed:
    """Records that a group has committed as done, with the state they led to."""

    def __init__(self, bootstrap: str, group: str, topic: str, partitions: int) -> None:
        self._admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        self._group = group
        self._places = [TopicPartition(topic, number) for number in range(partitions)]

    async def __aenter__(self) -> Self:
        await self._admin.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._admin.close()

    async def done(self) -> int:
        """Records committed until now."""
        offsets = await self._admin.list_consumer_group_offsets(self._group, partitions=self._places)
        return sum(max(0, each.offset) for each in offsets.values())
