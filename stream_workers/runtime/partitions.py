"""What this process owns, and what it has applied.

The applied position is the only truth.  Faust drops, skips and repeats records around a rebalance; none of its acks or
read positions is believed.  A batch is checked here, where it is applied: records already applied are cut off, a batch
that starts too late is refused and the partition sought back.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import structlog

from ..columnar.rows import FetchedRecords
from .changelog import Stamp
from .stage import Processor, Stage
from .state import CheckpointedState
from .store import PartitionStore

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class OwnedStage:
    """A stage in one partition: its processor, and how far it has come."""

    stage: Stage
    processor: Processor
    positions: dict[str, int]  # source topic -> offset of the next record to apply
    state: CheckpointedState | None = None
    store: PartitionStore | None = None
    stamp: Stamp | None = None  # of the last checkpoint (or the claim)
    changelog_end: int = 0  # the offset our next changelog record gets, if nobody else writes
    hold: int | None = None  # changelog offset from which records must be seen again until they are written over
    moved: bool = False  # something is not in a checkpoint yet
    barrier: dict[str, int] = field(default_factory=dict)  # source ends when the partition was assigned

    def caught_up(self) -> bool:
        """It has applied what was in its sources when the partition was assigned."""
        return all(self.positions[topic] >= end for topic, end in self.barrier.items())


@dataclass(slots=True)
class OwnedPartition:
    """A partition number in all topics, while this process owns it under one group generation."""

    number: int
    generation: int
    stages: dict[str, OwnedStage]
    by_topic: dict[str, OwnedStage]

    def open_for(self, topic: str) -> bool:
        """Whether records of `topic` may be applied now."""
        owned = self.by_topic.get(topic)
        if owned is None:
            return False
        return all(self.stages[name].caught_up() for name in owned.stage.waits_for)

    def waiting(self, topic: str) -> str:
        """What records of `topic` wait for before they may be applied, e.g. "waits for learner (outcomes 17 of 40)"."""
        owned = self.by_topic[topic]
        late = [self.stages[name] for name in owned.stage.waits_for if not self.stages[name].caught_up()]
        return "; ".join(
            f"waits for {each.stage.name} ({topic} {each.positions[topic]:,} of {end:,})"
            for each in late
            for topic, end in each.barrier.items()
            if each.positions[topic] < end
        )


class Ledger:
    """The partitions owned and ready, and the check that stands before every application."""

    def __init__(self, generation: Callable[[], int], flowing: Callable[[], bool]) -> None:
        self._generation = generation
        self._flowing = flowing
        self.owned: dict[int, OwnedPartition] = {}
        self._holes: dict[tuple[str, int], tuple[int, int]] = {}
        self._all_open: set[Any] = set()  # what `fetchable` was asked, when all of it was open: so it stays

    def forget(self) -> None:
        """Nothing is owned any more."""
        self.owned = {}
        self._holes = {}
        self._all_open = set()

    def own(self, partition: OwnedPartition) -> None:
        """The partition is recovered and may be applied to."""
        self.owned[partition.number] = partition

    def position(self, topic: str, number: int) -> int | None:
        """The offset of the next record to apply, if the partition is ready."""
        partition = self.owned.get(number)
        if partition is None or topic not in partition.by_topic:
            return None
        return partition.by_topic[topic].positions[topic]

    def in_order(self, topic: str, number: int, generation: int, records: FetchedRecords) -> "Verdict":
        """What of a fetched batch may be applied.  Between this call and `apply` there must be no await."""
        partition = self.owned.get(number)
        if (
            partition is None
            or not partition.generation == generation == self._generation()
            or not self._flowing()
            or not partition.open_for(topic)
        ):
            return Verdict(None, None, None)
        owned = partition.by_topic[topic]
        expected = owned.positions[topic]
        first = records.first_offset
        if first > expected:
            if self._holes.get((topic, number)) != (expected, first):
                return Verdict(owned, None, expected)
            log.warning("offsets missing in the log", topic=topic, partition=number, expected=expected, found=first)
            del self._holes[topic, number]
            return Verdict(owned, records, None)
        if first < expected:
            records = records[int(np.searchsorted(records.offsets, expected)) :]
        return Verdict(owned, records if len(records) else None, None)

    def hole(self, topic: str, number: int, begin: int, end: int) -> None:
        """An independent reader found that the log has nothing in [begin, end): retention, or an operator's deletion.

        Two fetches of the group's consumer that both begin later prove nothing: each time an abandoned fetch, which
        completes in the consumer's thread after the seek, may have taken the records and moved the position on.
        """
        self._holes[topic, number] = (begin, end)

    @staticmethod
    def apply(owned: OwnedStage, topic: str, records: FetchedRecords) -> None:
        """Apply records that `in_order` returned."""
        owned.processor.apply(topic, records)
        owned.positions[topic] = records.next_offset
        owned.moved = True

    @staticmethod
    def skip(owned: OwnedStage, topic: str, record: Any) -> None:
        """Pass over a record that was kept elsewhere."""
        owned.positions[topic] = record.offset + 1
        owned.moved = True

    def disown(self, number: int) -> None:
        """Nothing more is applied to a partition until it is owned again."""
        self.owned.pop(number, None)
        self._all_open = set()

    def fetchable(self, tps: AbstractSet[Any], short: Mapping[str, str]) -> set[Any]:
        """Those partitions whose records could be applied now.  short: full topic name -> name in the table."""
        if tps == self._all_open:
            return self._all_open
        found = {
            tp
            for tp in tps
            if (partition := self.owned.get(tp.partition)) is not None
            and (topic := short.get(tp.topic)) is not None
            and partition.open_for(topic)
        }
        if len(found) == len(tps):
            self._all_open = found
        return found


@dataclass(frozen=True, slots=True)
class Verdict:
    """The stage that may apply these records, or the offset to seek back to."""

    owned: OwnedStage | None
    records: FetchedRecords | None
    seek_to: int | None
