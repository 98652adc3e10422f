"""Takes over the partitions that the group assigns, and lets go of those that it revokes."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, NoReturn

import structlog

from schemas.errors import CroupierError

from .applying import Seek
from .consumer import BatchConsumer
from .names import Names
from .partitions import Ledger
from .recovery import Recovery, Stores
from .stage import Stage

log = structlog.get_logger(__name__)

REVOKE_COMMIT_SECONDS: Final = 5.0

#: fail(error, where): ends the process.
Fail = Callable[[BaseException, str], NoReturn]


class Owning:
    """Who owns what.  consumer: Faust's, which is made later; generation: of the group; flowing: Faust lets flow;
    written: waits until all that was emitted is acknowledged.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        names: Names,
        ledger: Ledger,
        recovery: Recovery,
        stores: Stores,
        *,
        consumer: Callable[[], BatchConsumer],
        generation: Callable[[], int],
        flowing: Callable[[], bool],
        seek: Seek,
        fail: Fail,
        written: Callable[[], Awaitable[None]],
    ) -> None:
        self._stages, self._names, self._ledger = stages, names, ledger
        self._recovery, self._stores = recovery, stores
        self._consumer, self._generation, self._flowing = consumer, generation, flowing
        self._seek, self._fail, self._written = seek, fail, written
        self._reading = asyncio.Lock()
        self._recovering: asyncio.Task[None] | None = None

    def recovering(self) -> bool:
        """Whether partitions are being made ready."""
        return self._recovering is not None and not self._recovering.done()

    async def stop(self) -> None:
        """Nothing is owned any more, and no table is being worked on."""
        if self._recovering is not None:
            self._recovering.cancel()
            await asyncio.gather(self._recovering, return_exceptions=True)  # a thread may be at a table
        self._ledger.forget()

    async def revoked(self, _app: Any, revoked: set[Any], **_: Any) -> None:
        """Faust says that these partitions are about to go."""
        if self._ledger.owned:
            # Still ours until we join again: what is saved here nobody has to do again.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._consumer().commit(), REVOKE_COMMIT_SECONDS)
        if self._recovering is not None:
            self._recovering.cancel()
        self._ledger.forget()
        log.info("partitions revoked", count=len(revoked))

    async def assigned(self, _app: Any, assigned: set[Any], **_: Any) -> None:
        """Faust says that these partitions are ours, and no others."""
        self._ledger.forget()  # a batch may have been applied between the revocation and now
        generation = self._generation()
        numbers = self._co_assigned(assigned)
        if self._recovering is not None:
            self._recovering.cancel()
        self._recovering = asyncio.create_task(self._recover(numbers, generation))

    def _co_assigned(self, assigned: set[Any]) -> list[int]:
        """The partition numbers; every source topic must have come with the same ones."""
        by_topic: dict[str, set[int]] = {topic: set() for stage in self._stages for topic in stage.sources}
        for tp in assigned:
            short = self._names.short.get(tp.topic)
            if short in by_topic:
                by_topic[short].add(tp.partition)
        sets = list(by_topic.values())
        if any(numbers != sets[0] for numbers in sets):
            raise CroupierError(
                f"the group assigned different partitions of the source topics ({by_topic}): "
                "all workers of a group must run the same version, and the topics the same number of partitions "
                "(croupier topics check)"
            )
        return sorted(sets[0])

    async def _recover(self, numbers: list[int], generation: int, others: Iterable[int] = ()) -> None:
        def still_ours() -> bool:
            return generation == self._generation()

        begun = time.monotonic()
        try:
            # What a processor of before has emitted is in the log before its successor asks where the log ends.
            await self._written()
            async with self._reading:
                self._stores.keep_only({*numbers, *others})
                partitions = await self._recovery.run(numbers, generation, still_ours) if numbers else []
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) is not None and not task.cancelling() and still_ours():
                self._fail(error, "recovery, cancelled by none of us")  # nobody else would begin it again
            raise
        except Exception as error:
            if still_ours():
                self._fail(error, "recovery")
            return
        if partitions is None or not still_ours():
            return
        while not self._flowing():  # Faust seeks to committed offsets before it lets flow
            await asyncio.sleep(0.01)
            if not still_ours():
                return
        # All seeks before the first fetch: they wait their turn behind it in the consumer's thread.
        for partition in partitions:
            for topic, owned in partition.by_topic.items():
                await self._seek(topic, partition.number, owned.positions[topic])
        if not still_ours():
            return
        for partition in partitions:
            self._ledger.own(partition)
        self._consumer().wake.set()
        log.info(
            "partitions ready", partitions=numbers, generation=generation,
            changelog_records=self._recovery.progress.read,
            changelog_bytes=self._recovery.progress.bytes, read_seconds=self._recovery.progress.read_seconds,
            seconds=round(time.monotonic() - begun, 3),
        )  # fmt: skip

    def begin_again(self, number: int) -> None:
        """Take a partition back to its last checkpoint."""
        self._ledger.disown(number)
        previous = self._recovering
        generation = self._generation()

        async def recover() -> None:
            if previous is not None:
                await asyncio.gather(previous, return_exceptions=True)
            await self._consumer().maybe_wait_for_commit_to_finish()  # it may still write this partition's checkpoint
            await self._recover([number], generation, self._ledger.owned.keys())

        self._recovering = asyncio.create_task(recover())
