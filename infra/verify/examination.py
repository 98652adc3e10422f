"""Reads one partition number after another, state first, and adds up what is found."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Protocol

from schemas import topics, wire
from schemas.errors import BadRecordError, CroupierError
from schemas.events import Decision, Outcome, SpecChange
from stream_workers.joining.entries import Open, decode_entry

from .covered import Covered
from .cut import Cut
from .findings import Fault, Findings, Pending, Place
from .homes import Homes
from .joiner import JoinerCheck
from .kpis import KpiCheck
from .partition import CONTEXTS, DECISIONS, OUTCOMES, READING_ORDER, PartitionFigures, PartitionReading
from .replays import ReplayCheck
from .specifications import Name
from .state import ChangelogState
from .table import Tables
from .verdict import Verdict, verdict

#: Called with the records read so far and those to read.
Progress = Callable[[int, int], None]

_CHANGELOGS = (
    ("learner", topics.LEARNER_STATE.name, Fault.LEARNER_STATE),
    ("analytics", topics.ANALYTICS_STATE.name, Fault.ANALYTICS_STATE),
    ("joiner", topics.JOINER_STATE.name, Fault.JOINER_STATE),
)


_JOINED = (DECISIONS, topics.REWARDS.name)


class Source(Protocol):
    """Where records come from (`infra.reading.log.Log` is one)."""

    def batches(self, topic: str, ranges: Mapping[int, tuple[int, int]]) -> AsyncIterator[list[Any]]:
        """Every record of these ranges of a topic, a partition's in order of offset."""


class Examination:
    """Partition after partition, and the sum of all."""

    def __init__(
        self, log: Source, cut: Cut, partitions: int, early_ms: int, remember_ms: int, settled: bool, progress: Progress
    ) -> None:
        self._log = log
        self._cut = cut
        self._homes = Homes(partitions)
        self._early_ms = early_ms
        self._remember_ms = remember_ms
        self._settled = settled
        self._progress = progress
        self._records = 0
        self._sum = PartitionFigures()
        self._state_keys = 0
        self._kpi_buckets = 0

    async def partition(self, number: int, tables: Tables) -> None:
        """Read all topics of one partition number, and add what they show."""
        findings = Findings(settled=self._settled)
        begins = self._cut.begins(number)
        states = await self._states(number, tables, findings)
        joiner = JoinerCheck(states["joiner"], self._homes) if states["joiner"].positions else None
        replays = [
            ReplayCheck(stage, states[stage], tables.table(f"{stage} replay"), self._homes)
            for stage in ("learner", "analytics")
        ]
        learned, counted = (replay.position for replay in replays)
        whole = not begins[OUTCOMES]
        kpis = KpiCheck(
            number, tables, counted, self._homes, findings, whole=not begins[topics.KPIS.name]
        )  # fmt: skip
        async for records in self._read(topics.KPIS.name, number):
            for record in records:
                kpis.published(record)
        reading = PartitionReading(
            number, early_ms=self._early_ms, remember_ms=self._remember_ms, tables=tables, begins=begins,
            covered=self._covered(number, joiner, learned, counted), findings=findings, homes=self._homes,
            joiner=joiner, kpis=kpis if whole else None,
        )  # fmt: skip
        if begins[DECISIONS]:
            await self._recall(number, reading, states["joiner"])
        for topic in READING_ORDER:
            async for records in self._read(topic, number):
                reading.feed(topic, records)
                if topic == OUTCOMES and whole:
                    for replay in replays:
                        replay.feed(records)
        figures = reading.finish()
        self._behind(number, findings, learned, counted)
        self._unread(number, findings)
        if whole:
            kpis.finish()
            for replay in replays:
                replay.compare()
        else:
            for replay in replays:
                replay.owners()
            findings.skip("partitions whose learned state and KPIs cannot be made anew: outcomes are gone")
        if joiner is None and any(begin < end for begin, end in (self._cut.ranges[t][number] for t in _JOINED)):
            findings.skip("partitions without a checkpoint of the joiner")
        self._state_keys += sum(replay.keys for replay in replays) + (joiner.keys if joiner else 0)
        self._kpi_buckets += kpis.buckets
        self._sum.merge(figures)

    async def specifications(self) -> None:
        """Every newest specification must have reached the outcomes log, as it is in `specs`."""
        newest: dict[Name, tuple[int, SpecChange]] = {}
        async for records in self._read(topics.SPECS.name, 0):
            for record in records:
                try:
                    change = wire.decode(topics.SPECS.name, record.value)
                except BadRecordError:
                    self._sum.bad[topics.SPECS.name] += 1
                    continue
                newest[change.tenant, change.domain] = (record.offset, change)
        for name, (version, change) in newest.items():
            self._specification(name, version, change)

    def verdict(self, seconds: float) -> Verdict:
        """All was examined."""
        return verdict(
            self._sum, self._sum.findings, state_keys=self._state_keys, kpi_buckets=self._kpi_buckets,
            records=self._records, seconds=seconds,
        )  # fmt: skip

    async def _states(self, number: int, tables: Tables, findings: Findings) -> dict[str, ChangelogState]:
        states = {}
        for stage, topic, fault in _CHANGELOGS:
            state = states[stage] = ChangelogState(topic, number, tables.table(topic), fault, findings)
            async for records in self._read(topic, number):
                state.feed(records)
        return states

    def _covered(self, number: int, joiner: JoinerCheck | None, learned: int, counted: int) -> Covered:
        """Where nothing may be pending, the end of everything."""
        if self._settled:
            return Covered()
        return Covered(
            self._cut.committed[CONTEXTS].get(number, 0),
            joiner.decisions if joiner else 0,
            joiner.rewards if joiner else 0,
            learned,
            counted,
        )

    async def _recall(self, number: int, reading: PartitionReading, joiner: ChangelogState) -> None:
        """Decisions whose records retention has taken, from what was made of them."""
        for key, _, value in joiner.scan(b"d"):
            entry = decode_entry(value)
            if isinstance(entry, Open):
                event = wire.decode(DECISIONS, bytes(entry.decision))
                if isinstance(event, Decision):
                    reading.recall(int.from_bytes(key[1:], "big"), entry.offset, entry.decided_at, event)
        async for records in self._read(OUTCOMES, number):
            for record in records:
                try:
                    event = wire.decode(OUTCOMES, record.value)
                except BadRecordError:
                    continue  # found when outcomes are examined
                if isinstance(event, Outcome):
                    reading.recall(event.ordinal, event.decision_offset, event.decided_at_ms, event.decision)
        reading.recalled()

    async def _read(self, topic: str, number: int) -> AsyncIterator[list[Any]]:
        begin, end = self._cut.ranges[topic][number]
        first = topics.BY_NAME[topic].cleanup == "delete" and begin < end
        async for records in self._log.batches(topic, {number: (begin, end)}):
            if first and records[0].offset > begin:
                raise CroupierError(
                    f"retention took the records of {topic} partition {number} from offset {begin} to "
                    f"{records[0].offset} while they were read; verify again"
                )
            first = False
            self._records += len(records)
            self._progress(self._records, max(self._records, self._cut.records))
            yield records

    def _behind(self, number: int, findings: Findings, learned: int, counted: int) -> None:
        end = self._cut.ranges[OUTCOMES][number][1]
        for pending, position in ((Pending.LEARNING, learned), (Pending.COUNTING, counted)):
            findings.wait(pending, Place(OUTCOMES, number, position), max(0, end - position))

    def _unread(self, number: int, findings: Findings) -> None:
        """Records that were gone before anybody had applied them."""
        for topic, offsets in self._cut.committed.items():
            begin = self._cut.ranges[topic][number][0]
            position = offsets.get(number, begin)
            if position < begin:
                findings.add(
                    Fault.TRIMMED_UNREAD, Place(topic, number, position),
                    f"the log begins at offset {begin}, and up to this one was applied: retention took "
                    f"{begin - position} records that nobody handled",
                )  # fmt: skip

    def _specification(self, name: Name, version: int, change: SpecChange) -> None:
        findings = self._sum.findings
        announced = self._sum.announced.get(name)
        place = Place(topics.SPECS.name, 0, version)
        who = f"domain {name[1]!r} of {name[0]!r}"
        if announced is None or announced.version < version:
            known = "none" if announced is None else f"version {announced.version}"
            if not self._settled:
                findings.wait(Pending.SPECIFICATION, place)
                return
            findings.add(
                Fault.SPECIFICATION,
                place,
                f"{who}: the outcomes log knows {known}; run `croupier domains apply` again to announce it",
            )
        elif announced.version == version and announced.spec != change.spec:
            findings.add(Fault.SPECIFICATION, place, f"{who}: the outcomes log has another under this version")
