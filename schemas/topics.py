"""The topics of a deployment, as data: the topic creator, the checks at start and the docs read this table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

#: A tenant belongs to one of these for ever; partition = bucket mod (number of partitions).
VIRTUAL_BUCKETS = 1024

DEFAULT_PARTITIONS = 8

_MIB = 1024 * 1024
_DAY_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: what is in it, who writes and reads it, and how the broker keeps it."""

    name: str
    key: Literal["tenant", "domain", "bucket", "state"]
    record: str
    written_by: tuple[str, ...]
    read_by: tuple[str, ...]
    partitions: Literal["keyed", "one"] = "keyed"
    cleanup: Literal["delete", "compact"] = "delete"
    retention_ms: int = 7 * _DAY_MS  # -1: for ever
    max_message_bytes: int = 4 * _MIB
    extra: Mapping[str, str] = field(default_factory=dict)

    def partition_count(self, keyed: int) -> int:
        """Partitions of this topic in a deployment whose keyed topics have `keyed`."""
        return keyed if self.partitions == "keyed" else 1

    def config(self) -> dict[str, str]:
        """The broker-side settings this topic must have.  Times are the broker's (log-append time)."""
        settings = {
            "cleanup.policy": self.cleanup,
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(self.max_message_bytes),
            **self.extra,
        }
        if self.cleanup == "delete":
            settings["retention.ms"] = str(self.retention_ms)
        return settings


#: Recovery must be able to see the record that a paused predecessor's late write shadows, so compaction waits.
_STATE_EXTRA = {"min.compaction.lag.ms": str(60 * 60 * 1000), "delete.retention.ms": str(_DAY_MS)}


def _state(name: str, owner: str) -> Topic:
    return Topic(
        name,
        key="state",
        record="a stage's state, one checkpoint after another",
        written_by=(owner,),
        read_by=(owner,),
        cleanup="compact",
        max_message_bytes=16 * _MIB,
        extra=_STATE_EXTRA,
    )


CONTEXTS = Topic("contexts", "tenant", "one request to decide", written_by=("gateway", "any app"), read_by=("router",))
DECISIONS = Topic(
    "decisions",
    "tenant",
    "the choice, with everything needed to learn from it and to explain it",
    written_by=("router", "joiner (clock)"),
    read_by=("gateway", "joiner"),
)
REWARDS = Topic(
    "rewards",
    "tenant",
    "one observation about a decision",
    written_by=("gateway", "any app", "joiner (clock)"),
    read_by=("joiner",),
)
OUTCOMES = Topic(
    "outcomes",
    "tenant",
    "exactly one that counts per decision, and every change of a domain's specification, in order",
    written_by=("joiner", "croupier domains apply"),
    read_by=("learner", "analytics", "offline evaluation"),
    retention_ms=-1,  # learner state is a function of this log: it can only be proved while the log is whole
)
KPIS = Topic(
    "kpis",
    "bucket",  # in the tenant's partition, whatever the key
    "aggregates per tenant, domain, arm, policy and time bucket; the last record of a bucket is its value",
    written_by=("analytics",),
    read_by=("console", "analysts"),
    cleanup="compact",
)
SPECS = Topic(
    "specs",
    "domain",
    "the domain specifications in force",
    written_by=("croupier domains apply",),
    read_by=("everyone",),
    partitions="one",  # its offset is the specification's version: one order for all operators
    cleanup="compact",
)
FLEET = Topic(
    "fleet",
    "domain",
    "what opted-in tenants have in common about a domain, with noise",
    written_by=("croupier fleet publish",),
    read_by=("croupier domains apply", "croupier fleet"),
    partitions="one",
    retention_ms=-1,  # how much was given away is a function of all of it
)
DEAD_LETTERS = Topic(
    "dead-letters",
    "tenant",
    "a record nothing could be done with, whole, with the reason",
    written_by=("every agent",),
    read_by=("operators",),
    retention_ms=30 * _DAY_MS,
    max_message_bytes=8 * _MIB,  # holds the largest record of any other topic, and the reason
)
AUDIT = Topic(
    "audit",
    "tenant",
    "who did what at the console",
    written_by=("console",),
    read_by=("operators", "console"),
    partitions="one",  # one order of everything that people did
    retention_ms=400 * _DAY_MS,
)

JOINER_STATE = _state("joiner-state", "joiner")
LEARNER_STATE = _state("learner-state", "learner")
ANALYTICS_STATE = _state("analytics-state", "analytics")

ALL: tuple[Topic, ...] = (
    CONTEXTS,
    DECISIONS,
    REWARDS,
    OUTCOMES,
    KPIS,
    SPECS,
    FLEET,
    DEAD_LETTERS,
    AUDIT,
    JOINER_STATE,
    LEARNER_STATE,
    ANALYTICS_STATE,
)

BY_NAME: dict[str, Topic] = {topic.name: topic for topic in ALL}


def full_name(topic: Topic | str, prefix: str = "") -> str:
    """The topic's name on the broker: several deployments can share one when each has its own prefix."""
    name = topic if isinstance(topic, str) else topic.name
    return f"{prefix}{name}"
