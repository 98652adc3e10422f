"""The audit of one partition number: of lists of records, without Kafka.

Topics are shown one after another in `READING_ORDER`, so that what is kept is one partition's contexts (ids), decisions
and digests of outcomes, never whole logs.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas import topics, wire
from schemas.errors import BadRecordError
from schemas.events import Clock, Context, DeadLetter, Decision, Outcome, Reward, SpecChange

from .dead_letters import DeadLetters
from .findings import Fault, Findings, at
from .join import Join
from .outcomes import OutcomeCheck
from .propensities import propensities_problem
from .specifications import Name, Specifications
from .tallies import Tally
from .topic_log import LogRecord

READING_ORDER = (
    topics.DEAD_LETTERS.name,
    topics.CONTEXTS.name,
    topics.DECISIONS.name,
    topics.REWARDS.name,
    topics.OUTCOMES.name,
)


@dataclass(slots=True)
class PartitionAudit:
    """What one partition shows; `merge` adds partitions up."""

    contexts: int = 0  # distinct tenant and id, well-formed
    decisions: int = 0  # that count
    duplicate_decisions: int = 0
    outcomes: int = 0  # that count: distinct ordinals
    outcomes_repeated: int = 0
    dead_letters: Counter[str] = field(default_factory=Counter)  # distinct refusals by reason
    dead_letters_of: Counter[str] = field(default_factory=Counter)  # the same by tenant, as their keys say
    dead_letters_repeated: int = 0
    rewards: Counter[str] = field(default_factory=Counter)  # by what became of them; early: came before the decision
    orphans: Counter[str] = field(default_factory=Counter)  # by tenant
    bad: Counter[str] = field(default_factory=Counter)  # by topic: undecodable, or not of the tenant in the key
    tallies: dict[Name, Tally] = field(default_factory=dict)
    announced: dict[Name, SpecChange] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)

    def merge(self, other: "PartitionAudit") -> None:
        """Add another partition's figures."""
        self.contexts += other.contexts
        self.decisions += other.decisions
        self.duplicate_decisions += other.duplicate_decisions
        self.outcomes += other.outcomes
        self.outcomes_repeated += other.outcomes_repeated
        self.dead_letters_repeated += other.dead_letters_repeated
        for mine, theirs in (
            (self.dead_letters, other.dead_letters),
            (self.dead_letters_of, other.dead_letters_of),
            (self.rewards, other.rewards),
            (self.orphans, other.orphans),
            (self.bad, other.bad),
        ):
            mine.update(theirs)
        for name, tally in other.tallies.items():
            self.tallies.setdefault(name, Tally()).merge(tally)
        for name, change in other.announced.items():
            if name not in self.announced or self.announced[name].version < change.version:
                self.announced[name] = change
        self.findings.merge(other.findings)


@dataclass(slots=True)
class _Asked:
    """A well-formed context."""

    domain: str
    offset: int
    timestamp: int
    decided: bool = False
    refused: bool = False


class PartitionReading:
    """Takes one partition's records, topic after topic in `READING_ORDER`, each in offset order; then `finish`."""

    def __init__(
        self, partition: int, *, early_ms: int, remember_ms: int, begins: Mapping[str, int] | None = None
    ) -> None:
        """begins: first offset that each topic still has, where it is not 0."""
        self._partition = partition
        self._begins = begins or {}
        self._at = 0  # index of the topic that is being read
        self._time = 0  # effective time in that topic
        self._audit = PartitionAudit()
        self._findings = self._audit.findings
        self._letters = DeadLetters(partition, self._findings)
        self._asked: dict[Name, _Asked] = {}
        self._join = Join(early_ms=early_ms, remember_ms=remember_ms)
        self._repetitions: list[tuple[int, Decision]] = []
        self._outcomes: OutcomeCheck | None = None
        self._specifications = Specifications()
        self._takes: dict[str, Callable[[LogRecord, Any, bool], None]] = {
            topics.DEAD_LETTERS.name: self._dead_letter,
            topics.CONTEXTS.name: self._context,
            topics.DECISIONS.name: self._decision,
            topics.REWARDS.name: self._reward,
            topics.OUTCOMES.name: self._outcome,
        }

    def feed(self, topic: str, records: Sequence[LogRecord]) -> None:
        """The next records of a topic.  ValueError when a topic comes after one that `READING_ORDER` has later."""
        self._advance(READING_ORDER.index(topic))
        take = self._takes[topic]
        for record in records:
            self._time = max(self._time, record.timestamp)
            refused = self._letters.holds(topic, record)
            try:
                event = wire.decode(topic, record.value)
            except BadRecordError as error:
                self._bad(topic, record, refused, str(error))
                continue
            take(record, event, refused)

    def finish(self) -> PartitionAudit:
        """All was shown."""
        self._advance(len(READING_ORDER))
        audit = self._audit
        for (tenant, context_id), asked in self._asked.items():
            if not asked.decided and not asked.refused:
                self._tally(tenant, asked.domain).lost += 1
                self._fault(
                    Fault.DECISION_LOST, topics.CONTEXTS.name, asked.offset,
                    f"context {context_id!r} of {tenant!r} has neither a decision nor a dead letter",
                )  # fmt: skip
        counted = ((each.offset, each.event) for each in self._join.decisions)
        for offset, event in (*counted, *self._repetitions):
            spec = self._specifications.version(event.tenant, event.domain, event.spec)
            if (problem := propensities_problem(event, spec)) is not None:
                self._fault(
                    Fault.PROPENSITIES, topics.DECISIONS.name, offset, f"{event.id!r} of {event.tenant!r}: {problem}"
                )
        assert self._outcomes is not None
        self._outcomes.finish()
        audit.contexts = len(self._asked)
        audit.decisions = len(self._join.decisions)
        audit.duplicate_decisions = len(self._repetitions)
        audit.outcomes = len(self._outcomes)
        audit.outcomes_repeated = self._outcomes.repeated
        audit.dead_letters = self._letters.reasons
        audit.dead_letters_of = self._letters.tenants
        audit.dead_letters_repeated = self._letters.repeated
        audit.announced = self._specifications.announced()
        return audit

    def _advance(self, to: int) -> None:
        """Close the topics before the one that is shown next."""
        if to < self._at:
            raise ValueError(f"{READING_ORDER[to]} after {READING_ORDER[self._at]}; the order is {READING_ORDER}")
        while self._at < to:
            topic = READING_ORDER[self._at]
            if topic != topics.DEAD_LETTERS.name:
                self._letters.finish(topic, self._begins.get(topic, 0))
            if topic == topics.REWARDS.name:
                self._outcomes = OutcomeCheck(self._partition, self._join, self._time, self._findings)
            self._at += 1
            self._time = 0

    def _dead_letter(self, record: LogRecord, letter: DeadLetter, refused: bool) -> None:
        self._letters.take(record.offset, letter)

    def _context(self, record: LogRecord, context: Context, refused: bool) -> None:
        if not self._keyed(topics.CONTEXTS.name, record, context.tenant, refused):
            return
        asked = self._asked.setdefault(
            (context.tenant, context.id), _Asked(context.domain, record.offset, record.timestamp)
        )
        asked.refused = asked.refused or refused

    def _decision(self, record: LogRecord, decision: Decision | Clock, refused: bool) -> None:
        if isinstance(decision, Clock) or not self._keyed(topics.DECISIONS.name, record, decision.tenant, refused):
            return
        tally = self._tally(decision.tenant, decision.domain)
        asked = self._asked.get((decision.tenant, decision.id))
        if asked is not None:
            if not asked.decided:
                tally.latencies_ms.append(record.timestamp - asked.timestamp)
            asked.decided = True
        elif decision.context_offset >= self._begins.get(topics.CONTEXTS.name, 0):
            detail = f"{decision.id!r} of {decision.tenant!r}: no context of that tenant has this id"
            self._fault(Fault.DECISION_UNASKED, topics.DECISIONS.name, record.offset, detail)
        if self._join.decide(record.offset, self._time, decision) is None:
            self._repetitions.append((record.offset, decision))
            return
        tally.interactions += 1
        if decision.choice < len(decision.arms):
            tally.arms[decision.arm] += 1

    def _reward(self, record: LogRecord, reward: Reward | Clock, refused: bool) -> None:
        if isinstance(reward, Clock) or not self._keyed(topics.REWARDS.name, record, reward.tenant, refused):
            return
        kind, decision, early = self._join.reward(self._time, reward)
        names = (kind, "early") if early else (kind,)
        self._audit.rewards.update(names)
        if decision is None:
            self._audit.orphans[reward.tenant] += 1
        else:
            self._tally(decision.event.tenant, decision.event.domain).rewards.update(names)

    def _outcome(self, record: LogRecord, event: Outcome | SpecChange, refused: bool) -> None:
        tenant = event.tenant if isinstance(event, SpecChange) else event.decision.tenant
        if not self._keyed(topics.OUTCOMES.name, record, tenant, refused):
            return
        if isinstance(event, SpecChange):
            self._specifications.change(event)
            return
        assert self._outcomes is not None and record.value is not None
        if self._outcomes.take(record.offset, record.value, event):
            decision = event.decision
            spec = self._specifications.in_force(decision.tenant, decision.domain)
            self._tally(decision.tenant, decision.domain).outcome(event, spec)

    def _keyed(self, topic: str, record: LogRecord, tenant: str, refused: bool) -> bool:
        if record.key == tenant.encode():
            return True
        self._bad(topic, record, refused, f"the key is {record.key!r}; it must be the tenant, {tenant!r}")
        return False

    def _bad(self, topic: str, record: LogRecord, refused: bool, detail: str) -> None:
        """Count a record that nobody can handle; it must have left a dead letter."""
        self._audit.bad[topic] += 1
        if topic == topics.DEAD_LETTERS.name:
            self._fault(Fault.DEAD_LETTER_WRONG, topic, record.offset, detail)
        elif not refused:
            lost = topic == topics.CONTEXTS.name
            fault = Fault.DECISION_LOST if lost else Fault.RECORD_VANISHED
            self._fault(fault, topic, record.offset, f"{detail}; no dead letter names it")

    def _fault(self, fault: Fault, topic: str, offset: int, detail: str) -> None:
        self._findings.add(fault, at(topic, self._partition, offset), detail)

    def _tally(self, tenant: str, domain: str) -> Tally:
        return self._audit.tallies.setdefault((tenant, domain), Tally())


def audit_partition(
    partition: int, logs: Mapping[str, Iterable[LogRecord]], *, early_ms: int, remember_ms: int
) -> PartitionAudit:
    """The audit of one partition whose topics are at hand, whole: topic name to its records in offset order."""
    reading = PartitionReading(partition, early_ms=early_ms, remember_ms=remember_ms)
    for topic in READING_ORDER:
        reading.feed(topic, list(logs.get(topic, ())))
    return reading.finish()
