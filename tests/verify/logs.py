"""Writes small logs by hand: one partition's topics, each a list of records, with short names for what tests vary."""

import struct
from collections.abc import Mapping, Sequence

from infra.verify.partition import READING_ORDER, PartitionFigures, PartitionReading
from infra.verify.record import LogRecord
from infra.verify.table import Tables
from schemas import wire
from schemas.domains import Arm, Component, DomainSpec, LearnerSpec
from schemas.errors import Reason
from schemas.events import Clock, Context, DeadLetter, Decision, Outcome, Reward, SpecChange

TENANT, DOMAIN = "acme", "model_routing"
EARLY_MS, REMEMBER_MS = 500, 2_000
HORIZON_MS = 1_000
NAME = (TENANT, DOMAIN)
BOTH = {"success": 1.0, "cost": 0.01}
FEATURES = struct.pack("<2f", 0.25, -1.0)
ARMS = ("small", "large")

SPEC = DomainSpec(
    TENANT,
    DOMAIN,
    features=2,
    arms=(Arm("small", price=0.001), Arm("large", price=0.01)),
    reward={"success": Component(weight=3.0), "cost": Component(weight=1.0, worst=0.02, best=0.0)},
    champion=LearnerSpec("main", "uniform"),
    horizon_ms=HORIZON_MS,
    exploration_minimum=0.1,
)


def packed(*values: float) -> bytes:
    """Little-endian float32."""
    return struct.pack(f"<{len(values)}f", *values)


def decision(
    id_: str,
    context_offset: int = 0,
    *,
    tenant: str = TENANT,
    domain: str = DOMAIN,
    choice: int = 0,
    propensities: bytes = packed(0.5, 0.5),
    spec: int = 1,
    horizon_ms: int = HORIZON_MS,
    awaited: tuple[str, ...] = ("success", "cost"),
) -> Decision:
    """A decision between two arms."""
    scores = packed(0.0, 0.0)
    return Decision(
        id_, tenant, domain, ARMS, choice, propensities, scores, FEATURES, "main", spec, 0, horizon_ms, awaited,
        context_offset,
    )  # fmt: skip


class Logs:
    """Topics of one partition.  Each method appends one record at a time in ms and returns its offset."""

    def __init__(self, partition: int = 0) -> None:
        self.partition = partition
        self.topics: dict[str, list[LogRecord]] = {
            name: [] for name in ("contexts", "decisions", "rewards", "outcomes", "dead-letters")
        }

    def raw(self, topic: str, time: int, key: bytes | None, value: bytes | None) -> int:
        """Any bytes."""
        log = self.topics[topic]
        log.append(LogRecord(len(log), time, key, value))
        return len(log) - 1

    def event(self, topic: str, time: int, event: object, key: str = TENANT) -> int:
        """Any event."""
        return self.raw(topic, time, key.encode(), wire.encode(event))

    def context(self, time: int, id_: str, tenant: str = TENANT) -> int:
        return self.event("contexts", time, Context(id_, tenant, DOMAIN, FEATURES), tenant)

    def decision(self, time: int, event: Decision) -> int:
        return self.event("decisions", time, event, event.tenant)

    def reward(self, time: int, id_: str, observations: dict[str, float], tenant: str = TENANT) -> int:
        number = len(self.topics["rewards"])
        return self.event("rewards", time, Reward(f"r{number}", tenant, id_, observations), tenant)

    def clock(self, time: int) -> None:
        self.event("decisions", time, Clock())
        self.event("rewards", time, Clock())

    def spec(self, time: int, version: int, spec: DomainSpec | None = SPEC) -> int:
        return self.event("outcomes", time, SpecChange(version, TENANT, DOMAIN, spec))

    def outcome(
        self, time: int, ordinal: int, offset: int, ended: str, ended_at: int, observations: dict[str, float]
    ) -> int:
        """Of the decision record at `offset`, decided at its append time."""
        record = self.topics["decisions"][offset]
        event = wire.decode("decisions", record.value)
        outcome = Outcome(ordinal, ended, record.timestamp, ended_at, observations, offset, event)  # type: ignore[arg-type]
        return self.event("outcomes", time, outcome, event.tenant)

    def dead_letter(
        self, time: int, topic: str, offset: int, reason: Reason = Reason.NOT_MESSAGEPACK, stage: str = "router"
    ) -> int:
        """Holds the record it names, as the runtime writes it."""
        record = self.topics[topic][offset]
        letter = DeadLetter(
            stage, reason, "as it was", topic, self.partition, offset, record.timestamp, record.key, record.value
        )
        return self.raw("dead-letters", time, record.key or b"", wire.encode(letter))

    def audit(self) -> PartitionFigures:
        return examine(self.partition, self.topics)


def examine(partition: int, logs: Mapping[str, Sequence[LogRecord]], memory_bytes: int = 1 << 20) -> PartitionFigures:
    """One partition whose topics are at hand, whole; all in it must have been handled."""
    with Tables(memory_bytes=memory_bytes) as tables:
        reading = PartitionReading(partition, early_ms=EARLY_MS, remember_ms=REMEMBER_MS, tables=tables)
        for topic in READING_ORDER:
            reading.feed(topic, logs.get(topic, ()))
        return reading.finish()


def asked(logs: Logs, time: int, id_: str, **changes: object) -> int:
    """A context, and 5 ms later its decision; the decision's offset."""
    offset = logs.context(time, id_)
    return logs.decision(time + 5, decision(id_, offset, **changes))  # type: ignore[arg-type]


def faults(audit: PartitionFigures) -> dict[str, int]:
    """Every kind of fault found, with its count."""
    return {str(fault): count for fault, count in audit.findings.counts.items() if count}


def places(audit: PartitionFigures) -> Sequence[str]:
    """The place of every example: topic, partition and offset."""
    return [problem.split(": ")[1] for problem in audit.findings.problems()]
