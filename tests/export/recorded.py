"""A log without a broker, for exports: outcomes of some days, and decisions and KPIs that belong to them."""

from typing import NamedTuple

import msgspec

from benchmarks.kpi_log import DAY_MS, events
from schemas import wire
from schemas.events import Clock, Outcome
from stream_workers.analytics.processor import AnalyticsProcessor
from stream_workers.runtime.stage import MemoryState

START_MS = 20_000 * DAY_MS


class Record(NamedTuple):
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class Source:
    """As `infra.reading.log.Log`, of lists."""

    def __init__(self, logs):
        self.logs = logs  # by topic and partition

    async def bounds(self, topic):
        return {
            number: (log[0].offset if log else 0, log[-1].offset + 1 if log else 0)
            for number, log in self.logs[topic].items()
        }

    async def batches(self, topic, ranges):
        for number, (begin, end) in ranges.items():
            wanted = [record for record in self.logs[topic][number] if begin <= record.offset < end]
            for at in range(0, len(wanted), 7):
                yield wanted[at : at + 7]


def recorded(outcomes=60, days=2.0, seed=0) -> Source:
    """One partition with everything, another one that is empty."""
    found = list(events(outcomes, ["guild-0", "guild-1"], days, START_MS + int(days * DAY_MS), seed))
    told = {"decisions": [], "outcomes": [], "kpis": []}

    def append(topic, at, key, value):
        told[topic].append(Record(0, len(told[topic]), at, key, value))

    numbers, at = {}, START_MS
    for event in found:
        if isinstance(event, Outcome):
            numbered = msgspec.structs.replace(event, ordinal=numbers.setdefault(event.decision.id, len(numbers)))
            at = max(at, event.decided_at_ms)
            append("decisions", at, event.decision.tenant.encode(), wire.encode(event.decision))
            append("outcomes", at, event.decision.tenant.encode(), wire.encode(numbered))
        else:
            append("decisions", at, b"", wire.encode(Clock()))
            append("outcomes", at, event.tenant.encode(), wire.encode(event))
    processor = AnalyticsProcessor(
        0, MemoryState(), lambda topic, key, value: append(topic, at, key, value), lambda *refused: None
    )
    for begin in range(0, len(told["outcomes"]), 20):
        processor.apply("outcomes", told["outcomes"][begin : begin + 20])
        processor.flush()
    return Source({topic: {0: log, 1: []} for topic, log in told.items()})
