"""How far a process has come, asked of the broker."""

import contextlib
from types import TracebackType
from typing import Protocol, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError


class Progress(Protocol):
    """Something that can be asked how many records are done."""

    async def done(self) -> int:
        """Records done until now."""

    async def begun(self) -> list[int] | None:
        """Records that were decided, by partition, where that is a step on the way; None: there is no such step."""


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
        return sum(await self.ends())

    async def begun(self) -> None:
        """Each is done as it begins."""

    async def ends(self) -> list[int]:
        """End offsets, by partition."""
        found = await self._consumer.end_offsets(self._places)
        return [found[place] for place in self._places]


class Committed:
    """Records that a group has committed as done, with the state they led to; without those `before`."""

    def __init__(self, bootstrap: str, group: str, topic: str, partitions: int, before: int = 0) -> None:
        self._before = before
        self._known = 0
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
        with contextlib.suppress(
            GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError, GroupLoadInProgressError
        ):
            # A broker that has just started has no coordinator for a moment: what was known stands until then.
            offsets = await self._admin.list_consumer_group_offsets(self._group, partitions=self._places)
            self._known = max(0, sum(max(0, each.offset) for each in offsets.values()) - self._before)
        return self._known

    async def begun(self) -> None:
        """Each is done as it begins, as far as can be seen."""


class Learned:
    """Contexts whose outcomes the learner has committed with the state they led to; begun when they are decided."""

    def __init__(self, decided: Appended, learned: Committed) -> None:
        self._decided = decided
        self._learned = learned

    async def __aenter__(self) -> Self:
        await self._decided.__aenter__()
        await self._learned.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._learned.__aexit__(kind, error, traceback)
        await self._decided.__aexit__(kind, error, traceback)

    async def done(self) -> int:
        """Contexts that the committed state has learned from."""
        return await self._learned.done()

    async def begun(self) -> list[int]:
        """Decisions, by partition."""
        return await self._decided.ends()
