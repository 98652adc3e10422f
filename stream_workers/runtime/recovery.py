"""Brings a partition's local tables to what the changelog says, and claims the partition."""

import asyncio
import contextlib
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import structlog
from aiokafka import TopicPartition

from schemas.errors import CroupierError

from .changelog import next_era
from .checkpoint import Checkpointer
from .loading import Loading
from .memory import give_back, put_compiler_away
from .partitions import OwnedPartition, OwnedStage
from .progress import Progress
from .reader import LogReader
from .stage import Stage, Workspace
from .state import CheckpointedState
from .stop_points import Reached, pass_by
from .store import PartitionStore
from .threads import finished, in_thread

log = structlog.get_logger(__name__)

#: The broker drops the record that says "deleted" some time after compaction (delete.retention.ms, a day): a table
#: that was away for longer would keep what was deleted.  Half of it, because clocks differ.
MAX_TABLE_AGE_SECONDS = 12 * 3600

_PROBE_BYTES = 1024 * 1024

#: So many partitions are claimed and indexed at a time.
_AT_ONCE = 2

#: Committed offset of a source partition, or None.
Committed = Callable[[TopicPartition], Awaitable[int | None]]


class Stores:
    """The local tables of this process, one per stage and partition, kept open while the partition is owned."""

    def __init__(self, directory: Path = Path()) -> None:
        self.directory = directory
        self._open: dict[tuple[str, int], PartitionStore] = {}

    def check_writable(self) -> None:
        """CroupierError if the disk takes no writes: found out later, it would cost the group a session timeout."""
        probe = self.directory / "probe"
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(bytes(_PROBE_BYTES))
            probe.unlink()
        except OSError as error:
            with contextlib.suppress(OSError):
                probe.unlink()
            raise CroupierError(
                f"{self.directory} takes no writes ({error}): the state directory needs a disk with some space"
            ) from error

    def keep_only(self, numbers: set[int]) -> None:
        """Close the tables of partitions that are not ours any more."""
        for key in [key for key in self._open if key[1] not in numbers]:
            self._open.pop(key).close()

    def close(self) -> None:
        """Close all."""
        self.keep_only(set())

    def get(self, stage: str, number: int) -> PartitionStore:
        """The table, opened if need be.  A damaged one is thrown away: the changelog has everything."""
        key = (stage, number)
        if key not in self._open:
            path = self.directory / f"{stage}-{number}"
            try:
                self._open[key] = PartitionStore(path)
            except Exception as error:
                if "/LOCK: " in str(error):  # its lock file; damaged ones have blocks
                    raise CroupierError(
                        f"another process uses {path}: give each worker a state directory of its own"
                    ) from error
                log.warning("local table is damaged and will be rebuilt from the changelog", error=str(error))
                shutil.rmtree(path, ignore_errors=True)
                self._open[key] = PartitionStore(path)
        return self._open[key]


class Recovery:
    """Makes partitions ready."""

    def __init__(
        self,
        stages: Sequence[Stage],
        stores: Stores,
        reader: LogReader,
        checkpointer: Checkpointer,
        *,
        full_name: Callable[[str], str],
        workspace: Callable[[Stage, int, Mapping[str, OwnedStage]], Workspace],
        committed: Committed,
        reached: Reached = pass_by,
    ) -> None:
        self._stages = stages
        self._stores = stores
        self._reader = reader
        self._checkpointer = checkpointer
        self._full_name = full_name
        self._workspace = workspace
        self._committed = committed
        self._reached = reached
        self.progress = Progress()

    async def run(
        self, numbers: Sequence[int], generation: int, still_ours: Callable[[], bool]
    ) -> list[OwnedPartition] | None:
        """Recover and claim; None when the partitions were lost meanwhile."""
        stateful = [stage for stage in self._stages if stage.changelog is not None]
        stores = {(stage.name, n): self._stores.get(stage.name, n) for stage in stateful for n in numbers}
        self.progress = Progress()
        self._reached("recovery-begun")
        async with self.progress.logged():
            return await self._run(stateful, numbers, generation, stores, still_ours)

    async def _run(
        self,
        stateful: Sequence[Stage],
        numbers: Sequence[int],
        generation: int,
        stores: Mapping[tuple[str, int], PartitionStore],
        still_ours: Callable[[], bool],
    ) -> list[OwnedPartition] | None:
        await self._load(stateful, numbers, stores)
        self.progress.all_read()
        await in_thread(give_back)
        self._reached("recovery-read")
        if not still_ours():
            return None
        start = await self._start_positions(numbers)
        ends = await self._reader.ends([self._tp(t, n) for s in self._stages for t in s.sources for n in numbers])
        turn = asyncio.Semaphore(_AT_ONCE)

        async def owned(number: int) -> OwnedPartition | None:
            async with turn:
                return await self._own(number, generation, stores, start, ends) if still_ours() else None

        # One partition's index is built while another waits for the broker.
        tasks = [asyncio.ensure_future(owned(number)) for number in numbers]
        try:
            found = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await finished(tasks)
        partitions = [partition for partition in found if partition is not None]
        if len(partitions) < len(numbers):
            return None
        await in_thread(give_back)
        await in_thread(put_compiler_away)
        self._reached("recovery-made")
        return partitions

    async def _own(
        self,
        number: int,
        generation: int,
        stores: Mapping[tuple[str, int], PartitionStore],
        start: Mapping[tuple[str, int], int],
        ends: Mapping[TopicPartition, int],
    ) -> OwnedPartition:
        """Claim a partition's state, stage by stage, and make the processors."""
        owned: dict[str, OwnedStage] = {}
        for stage in self._stages:
            work = self._workspace(stage, number, owned)
            one = OwnedStage(
                stage,
                processor=None,  # type: ignore[arg-type]  # made below, on recovered state
                positions={topic: start[topic, number] for topic in stage.sources},
                barrier={topic: ends[self._tp(topic, number)] for topic in stage.sources},
            )
            if stage.changelog is not None:
                await self._take_over(one, number, generation, stores[stage.name, number])
                assert one.state is not None
                work = replace(work, state=one.state)
            await self._check_positions(one, number, ends)
            # Some index all their state: seconds, in which the event loop must turn or the lease is lost.
            one.processor = await in_thread(stage.make, work)
            owned[stage.name] = one
            self.progress.steps += 1
        by_topic = {topic: one for one in owned.values() for topic in one.stage.sources}
        return OwnedPartition(number, generation, owned, by_topic)

    async def _check_positions(self, one: OwnedStage, number: int, ends: Mapping[TopicPartition, int]) -> None:
        """A source that ends before what was applied is another log: its records would be taken for known ones."""
        for topic, position in one.positions.items():
            tp = self._tp(topic, number)
            if position > ends[tp] and position > (end := (await self._reader.ends([tp]))[tp]):
                raise CroupierError(
                    f"{tp.topic} partition {number} ends at offset {end}, and stage {one.stage.name} had applied it up "
                    f"to {position}: the topic was made anew, or the broker lost records that it had acknowledged. "
                    "Give the deployment another prefix, or delete its state topics too and learn anew."
                )

    def _tp(self, topic: str, number: int) -> TopicPartition:
        return TopicPartition(self._full_name(topic), number)

    async def _load(
        self, stateful: Sequence[Stage], numbers: Sequence[int], stores: Mapping[tuple[str, int], PartitionStore]
    ) -> None:
        tps = {self._tp(stage.changelog or "", n): (stage.name, n) for stage in stateful for n in numbers}
        ends = await self._reader.ends(tps)
        for tp, key in tps.items():
            store = stores[key]
            if store.meta.next_offset > ends[tp]:
                log.warning(
                    "the changelog ends before the local table: the table is thrown away",
                    changelog=tp.topic, partition=tp.partition, table=store.meta.next_offset, end=ends[tp],
                )  # fmt: skip
                store.clear()
            elif store.meta.next_offset and time.time() - store.meta.written_at > MAX_TABLE_AGE_SECONDS:
                log.warning("the local table is too old and is rebuilt", changelog=tp.topic, partition=tp.partition)
                store.clear()
            self.progress.loadings[tp] = Loading(store, ends[tp])
        await self._read(self.progress.loadings)

    async def _read(self, loadings: Mapping[TopicPartition, Loading]) -> None:
        ranges = {tp: (each.at, each.end) for tp, each in loadings.items()}
        await self._reader.read_batches(
            ranges, lambda tp, batches: loadings[tp].take(batches), lambda tp: loadings[tp].finish()
        )

    async def _take_over(self, one: OwnedStage, number: int, generation: int, store: PartitionStore) -> None:
        """Claim; what was written between the end of our reading and the claim still counts, so read it first."""
        one.store = store
        tp = self._tp(one.stage.changelog or "", number)
        loading = self.progress.loadings[tp]
        replay = loading.replay
        await self._checkpointer.claim(number, one, next_era(replay.rank, generation), generation)
        self._reached("recovery-claimed")
        loading.end = one.changelog_end - 1
        await self._read({tp: loading})
        replay.end()
        one.positions.update({t: p for t, p in store.meta.positions.items() if t in one.positions})
        one.state = CheckpointedState(store)
        await self._check_version(one, number, store.meta.state_version)
        if replay.shadowed:
            one.hold = min(replay.shadowed.values())
            one.state.write_again(replay.shadowed)
            one.moved = True

    async def _check_version(self, one: OwnedStage, number: int, found: int) -> None:
        """State of a newer version is refused; of an older one it is read or, where the stage rebuilds, made anew."""
        stage, known = one.stage, one.stage.state_version
        if found > known:
            raise CroupierError(
                f"the state of stage {stage.name} in partition {number} is of version {found}; this release reads up "
                f"to {known}: run the release that wrote it, or a newer one"
            )
        if found == known or not stage.rebuilds or one.store is None or not one.store.meta.positions:
            return
        begins = await self._reader.beginnings([self._tp(topic, number) for topic in stage.sources])
        for tp, begin in begins.items():
            if begin:
                raise CroupierError(
                    f"the state of stage {stage.name} in partition {number} is of version {found} and must be made "
                    f"anew for version {known}, but {tp.topic} begins at offset {begin}: what it was made of is gone. "
                    "Go on with the release that wrote it, or stop all workers and delete "
                    f"{self._full_name(stage.changelog or '')} to learn from what is left"
                )
        log.warning(
            "state of an older version is made anew from the log",
            stage=stage.name, partition=number, found=found, version=known, applied=one.positions,
        )  # fmt: skip
        assert one.state is not None
        for key in [key for key, _ in one.store.scan(b"")]:
            one.state.delete(key)
        one.positions.update(dict.fromkeys(stage.sources, 0))
        one.moved = True

    async def _start_positions(self, numbers: Sequence[int]) -> dict[tuple[str, int], int]:
        """Where each source goes on: what the state says, what was committed, or the beginning of the log."""
        sources = {(topic, n): stage for stage in self._stages for topic in stage.sources for n in numbers}
        beginnings = await self._reader.beginnings([self._tp(topic, n) for topic, n in sources])
        start: dict[tuple[str, int], int] = {}
        for (topic, n), stage in sources.items():
            position: int | None = None
            if stage.changelog is None:
                position = await self._committed(self._tp(topic, n))
            start[topic, n] = beginnings[self._tp(topic, n)] if position is None else position
        return start
