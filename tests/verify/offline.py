"""A whole deployment without a broker: the real stages over random logs, with checkpoints, crashes and takeovers.

What comes of it are the records of every topic, as Kafka would have them; `examine` reads them as `verify` does.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from infra.verify.cut import Cut
from infra.verify.examination import Examination
from infra.verify.record import LogRecord
from infra.verify.table import Tables
from infra.verify.verdict import Verdict
from schemas import topics
from schemas.errors import BadRecordError
from stream_workers.runtime.changelog import STAMP_HEADER, Entry, Stamp, control_entries
from stream_workers.runtime.stage import MemoryState, Record, Stage, Workspace, one_by_one
from stream_workers.topology import analytics_stages, worker_stages

from .logs import EARLY_MS, REMEMBER_MS, Logs
from .random_logs import Step, causes

PARTITIONS = 2
HOME, AWAY = 0, 1  # TENANTS live in the first; STRANGER in the other
STRANGER = "cyan"
CHANGELOGS = {"joiner": "joiner-state", "learner": "learner-state", "analytics": "analytics-state"}


@dataclass
class Offline:
    """Records by topic and partition."""

    logs: dict[str, dict[int, list[LogRecord]]] = field(default_factory=dict)
    committed: dict[str, dict[int, int]] = field(default_factory=dict)
    begins: dict[str, int] = field(default_factory=dict)  # of HOME, where it was trimmed

    def append(self, topic: str, record: LogRecord, number: int = HOME) -> LogRecord:
        """Append with the next offset."""
        log = self.logs[topic][number]
        placed = record._replace(offset=log[-1].offset + 1 if log else 0)
        log.append(placed)
        return placed

    def alter(self, topic: str, old: LogRecord, value: bytes, number: int = HOME) -> None:
        """Another value in the place of a record."""
        log = self.logs[topic][number]
        log[log.index(old)] = old._replace(value=value)

    def trim(self, topic: str, begin: int) -> None:
        """Take the records before an offset, as retention does."""
        self.logs[topic][HOME] = [record for record in self.logs[topic][HOME] if record.offset >= begin]
        self.begins[topic] = begin

    async def batches(self, topic: str, ranges: Mapping[int, tuple[int, int]]) -> AsyncIterator[list[LogRecord]]:
        """As `infra.reading.log.Log`, in two lists."""
        for number, (begin, end) in ranges.items():
            wanted = [record for record in self.logs[topic][number] if begin <= record.offset < end]
            for half in (wanted[: len(wanted) // 2], wanted[len(wanted) // 2 :]):
                if half:
                    yield half

    def examine(self, *, settled: bool = False, memory_bytes: int = 1 << 20) -> Verdict:
        """What `verify` says."""
        ranges = {
            topic: {n: self._range(topic, n, log) for n, log in by_number.items()}
            for topic, by_number in self.logs.items()
        }

        return asyncio.run(self._run(ranges, settled, memory_bytes))

    def _range(self, topic: str, number: int, log: list[LogRecord]) -> tuple[int, int]:
        begin = self.begins.get(topic, 0) if number == HOME else 0
        return begin, log[-1].offset + 1 if log else begin

    async def _run(self, ranges: dict[str, dict[int, tuple[int, int]]], settled: bool, memory_bytes: int) -> Verdict:
        examination = Examination(
            self, Cut(ranges, self.committed), PARTITIONS, EARLY_MS, REMEMBER_MS, settled, lambda done, total: None
        )
        for number in range(PARTITIONS):
            with Tables(memory_bytes=memory_bytes) as tables:
                await examination.partition(number, tables)
        await examination.specifications()
        return examination.verdict(0.0)


def deployment(script: list[Step], seed: int, *, unfinished: bool = False, start: int = 1_000) -> Offline:
    """The stages over a script's contexts, decisions and rewards, with every horizon passed.

    unfinished: each stage stops somewhere, its last checkpoint before that.
    """
    rng = random.Random(seed)
    logs = causes(script, start)
    found = Offline(
        {topic.name: {n: [] for n in range(topic.partition_count(PARTITIONS))} for topic in topics.ALL},
        {"contexts": {HOME: 0, AWAY: 0}},
    )
    now = logs.topics["rewards"][-1].timestamp
    for topic, log in logs.topics.items():
        found.logs[topic][HOME] = log
    stages = [
        stage for stage in (*worker_stages(early_ms=EARLY_MS, remember_ms=REMEMBER_MS), *analytics_stages())
        if stage.changelog
    ]  # fmt: skip
    for stage in stages:
        Run(stage, logs, found, now, rng, unfinished).through()
    found.committed["contexts"][HOME] = len(logs.topics["contexts"])
    return found


class Run:
    """One stage over its sources, by one process after another."""

    def __init__(self, stage: Stage, logs: Logs, to: Offline, now: int, rng: random.Random, unfinished: bool) -> None:
        self.stage, self.logs, self.to, self.now, self.rng, self.unfinished = stage, logs, to, now, rng, unfinished
        self.durable: dict[bytes, bytes] = {}
        self.kept = dict.fromkeys(stage.sources, 0)
        self.generation = 0
        self.start()

    def start(self) -> None:
        """A process takes the partition over."""
        before = getattr(self, "stamp", None)
        self.generation += 1
        self.stamp = Stamp(0, self.generation, self.rng.getrandbits(64), 0)
        self.write(control_entries(self.stamp, {}, self.stage.state_version))
        if before is not None and self.rng.random() < 0.5 and self.durable:
            # The one before was only paused, and writes what does not count.
            late = Entry(self.rng.choice(sorted(self.durable)), b"written too late")
            self.write([late], before._replace(sequence=before.sequence + 1))
        self.state = MemoryState()
        self.state.items.update(self.durable)
        self.positions = dict(self.kept)
        self.processor = self.stage.make(
            Workspace(self.logs.partition, self.state, self.emit, self.dead, {}, one_by_one(self.emit))
        )

    def through(self) -> None:
        """To the end of the sources, or somewhere before it."""
        while left := [topic for topic in self.stage.sources if self.positions[topic] < len(self.logs.topics[topic])]:
            dice = self.rng.random()
            if dice < 0.08:
                if self.rng.random() < 0.5:
                    self.processor.flush()  # what it emits is in the log, and its state is not
                self.start()
            elif dice < 0.25:
                self.checkpoint()
            elif self.unfinished and dice > 0.9:
                if self.rng.random() < 0.7:
                    self.checkpoint()
                return
            else:
                topic = self.rng.choice(left)
                count = self.rng.randint(1, 8)
                at = self.positions[topic]
                records = self.logs.topics[topic][at : at + count]
                self.processor.apply(topic, records)
                self.positions[topic] = at + len(records)
        self.checkpoint()

    def checkpoint(self) -> None:
        """As the runtime writes it."""
        self.processor.flush()
        items = self.state.items
        changed = [Entry(key, value) for key, value in items.items() if self.durable.get(key) != value]
        changed += [Entry(key, None) for key in self.durable if key not in items]
        self.stamp = self.stamp._replace(sequence=self.stamp.sequence + 1)
        self.write([*changed, *control_entries(self.stamp, self.positions, self.stage.state_version)])
        self.durable, self.kept = dict(items), dict(self.positions)

    def write(self, entries: list[Entry], stamp: Stamp | None = None) -> None:
        headers = ((STAMP_HEADER, (stamp or self.stamp).pack()),)
        for key, value in entries:
            self.to.append(CHANGELOGS[self.stage.name], LogRecord(0, self.now, key, value, headers))

    def emit(self, topic: str, key: bytes, value: bytes) -> None:
        self.to.append(topic, LogRecord(0, self.now, key, value))

    def dead(self, topic: str, record: Record, error: BadRecordError) -> None:
        if self.stage.name != "joiner" or error.reason != "not-messagepack":  # the script wrote those letters
            self.logs.dead_letter(self.now, topic, record.offset, error.reason, stage=self.stage.name)
