"""Sees that sources which have lag move, and says how far each is."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from aiokafka import TopicPartition

from .applying import Applying, Seek
from .consumer import BatchConsumer
from .health import Health, Lag
from .names import Names
from .owning import Fail, Owning
from .partitions import Ledger
from .progress import Progress
from .reader import LogReader
from .settings import RuntimeSettings
from .stage import Stage

log = structlog.get_logger(__name__)

_ASK_SECONDS: Final = 10.0


class Watching:
    """Of everything that is owned.  settled: the group is not rebalancing, and Faust lets flow."""

    def __init__(
        self,
        stages: Sequence[Stage],
        names: Names,
        settings: RuntimeSettings,
        ledger: Ledger,
        owning: Owning,
        applying: Applying,
        reader: LogReader,
        health: Health,
        *,
        consumer: Callable[[], BatchConsumer],
        settled: Callable[[], bool],
        progress: Callable[[], Progress],
        seek: Seek,
        fail: Fail,
    ) -> None:
        self._stages, self._names, self._settings = stages, names, settings
        self._ledger, self._owning, self._applying = ledger, owning, applying
        self._reader, self._health = reader, health
        self._consumer, self._settled, self._progress = consumer, settled, progress
        self._seek, self._fail = seek, fail
        self._ends: dict[TopicPartition, int] = {}

    async def keep(self) -> None:
        """A batch dropped at the end of the traffic is missed by nobody: go back when there is lag and no progress.

        When that does not help, end: a restart takes seconds, and what is between Kafka and us is not ours to mend.
        """
        while True:
            await asyncio.sleep(self._settings.stall_seconds)
            # Asked of the broker: a consumer that fetches nothing learns of no end, and would seem to have no lag.
            try:
                async with asyncio.timeout(_ASK_SECONDS):
                    self._ends = await self._reader.ends(self._sources() or [self._any_source()])
                self._health.done("broker")
            except Exception as error:  # it is away: no source can be blamed for standing still
                words = f"the broker at {self._settings.bootstrap_servers} has not answered ({type(error).__name__})"
                self._health.work("broker", None, words)
            self._watch_recovery()
            if not self._settled():
                self._health.clear()
                self._health.work("group", None, f"the group {self._settings.group_id} has not settled")
                continue
            self._health.done("group")
            for lag in self._health.observe(self.lags()):
                partition = self._ledger.owned.get(lag.partition)
                if partition is None or not partition.open_for(lag.topic) or self._applying.under_way:
                    continue
                still = self._health.standing_seconds(lag)
                log.warning(
                    "standing still: seeking back",
                    **lag._asdict(),
                    seconds=round(still, 1),
                    **self._consumer().describe(),
                )
                if still > self._settings.give_up_seconds:
                    self._fail(RuntimeError("seeking back did not help"), f"{lag.topic} {lag.partition} stands still")
                await self._seek(lag.topic, lag.partition, lag.applied)

    def _watch_recovery(self) -> None:
        if not self._owning.recovering():
            self._health.done("recovery")
            return
        progress = self._progress()
        words = f"recovery stands at {progress.read:,} of {progress.total:,} changelog records"
        self._health.work("recovery", (progress.read, progress.steps), words)

    def _any_source(self) -> TopicPartition:
        return self._names.tp(self._stages[0].sources[0], 0)

    def _sources(self) -> list[TopicPartition]:
        return [
            self._names.tp(topic, number)
            for number, partition in self._ledger.owned.items()
            for topic in partition.by_topic
        ]

    def lags(self) -> list[Lag]:
        """How far every source of every partition owned is."""
        found = []
        for number, partition in list(self._ledger.owned.items()):
            for topic, owned in partition.by_topic.items():
                tp = self._names.tp(topic, number)
                try:
                    fetched = self._consumer().highwater(tp) or 0
                except Exception:  # not assigned any more
                    fetched = 0
                position = owned.positions[topic]
                end = max(position, fetched, self._ends.get(tp, 0), owned.barrier[topic])
                found.append(Lag(topic, number, position, end, partition.waiting(topic)))
        return found
