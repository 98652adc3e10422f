"""The checks of one partition number: of lists of records, without Kafka.

Topics are shown one after another in `READING_ORDER`.  What must be remembered per id is in `table.Tables`.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas import topics, wire
from schemas.errors import BadRecordError
from schemas.events import Clock, Context, DeadLetter, Decision, Outcome, Reward, SpecChange

from .asked import Asked, Contexts
from .covered import Covered
from .dead_letters import FAILED, ORPHAN, DeadLetters
from .findings import EXAMPLES, Fault, Findings, Pending, Place
from .homes import Homes
from .join import Join
from .joiner import JoinerCheck
from .kpis import KpiCheck
from .outcomes import OutcomeCheck
from .propensities import Lowest, chain_problem, floor_problem, lowest, propensities_problem
from .record import LogRecord
from .retained import Retained
from .specifications import Name, Specifications
from .table import Tables
from .tallies import Tally

CONTEXTS, DECISIONS, REWARDS, OUTCOMES, DEAD_LETTERS = (
    topic.name for topic in (topics.CONTEXTS, topics.DECISIONS, topics.REWARDS, topics.OUTCOMES, topics.DEAD_LETTERS)
)
MAX_TENANT = 64  # characters
READING_ORDER = (DEAD_LETTERS, CONTEXTS, DECISIONS, REWARDS, OUTCOMES)


@dataclass(slots=True)
class PartitionFigures:
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

    def merge(self, other: "PartitionFigures") -> None:
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


class PartitionReading:
    """Takes one partition's records, topic after topic in `READING_ORDER`, each in offset order; then `finish`."""

    def __init__(
        self,
        partition: int,
        *,
        early_ms: int,
        remember_ms: int,
        tables: Tables | None = None,
        begins: Mapping[str, int] | None = None,
        covered: Covered | None = None,
        findings: Findings | None = None,
        homes: Homes | None = None,
        joiner: JoinerCheck | None = None,
        kpis: KpiCheck | None = None,
    ) -> None:
        """begins: first offset that each topic still has, where it is not 0; covered: None: all must be handled."""
        tables = Tables() if tables is None else tables
        self._partition = partition
        self._covered = Covered() if covered is None else covered
        self._retained = Retained(begins)
        self._homes = homes
        self._joiner = joiner
        self._kpis = kpis
        #: What the joiner's checkpoint reflects.
        self._joined = (self._covered.decisions, self._covered.rewards)
        if joiner is not None:
            self._joined = (joiner.decisions, joiner.rewards)
        self._at = 0  # index of the topic that is being read
        self._time = 0  # effective time in that topic
        self._decided_until = 0  # effective time of the last decision that the joiner's checkpoint covers
        if joiner is not None and self._retained.begin(DECISIONS):
            self._decided_until = joiner.decided_until()  # the records that would say it may be gone
        self._rewarded_until = 0
        self._recalled_until = 0  # effective time of the last decision whose record is gone, as far as it is known
        self._seen_joiner = False
        self._findings = Findings() if findings is None else findings
        self._figures = PartitionFigures(findings=self._findings)
        self._letters = DeadLetters(partition, tables.table("dead letters"), self._findings)
        self._contexts = Contexts(tables.table("contexts"))
        self._join = Join(tables.table("decisions"), early_ms=early_ms, remember_ms=remember_ms)
        self._lowest: dict[tuple[str, str, int], list[Lowest]] = {}
        self._ordinals = tables.table("ordinals")
        self._outcomes: OutcomeCheck | None = None
        self._specifications = Specifications()
        self._takes: dict[str, Callable[[LogRecord, Any, frozenset[str]], None]] = {
            DEAD_LETTERS: self._dead_letter,
            CONTEXTS: self._context,
            DECISIONS: self._decision,
            REWARDS: self._reward,
            OUTCOMES: self._outcome,
        }

    def recalled(self) -> None:
        """All decisions whose record is gone were recalled; those that nobody knows of have no outcome."""
        if (unknown := self._join.recalled()) and self._retained.numbered:
            self._findings.add(
                Fault.OUTCOME_MISSING, Place(DECISIONS, self._partition, self._retained.begin(DECISIONS)),
                f"of the decisions before, which retention has taken, {unknown} have neither an outcome nor a place in "
                "the joiner's state",
            )  # fmt: skip

    def recall(self, ordinal: int, offset: int, time: int, event: Decision) -> None:
        """A decision whose record retention has taken, before the first record is shown."""
        if offset < self._retained.begin(DECISIONS):
            self._join.recall(ordinal, offset, time, event)
            self._recalled_until = max(self._recalled_until, time)

    def feed(self, topic: str, records: Sequence[LogRecord]) -> None:
        """The next records of a topic.  ValueError when a topic comes after one that `READING_ORDER` has later."""
        self._advance(READING_ORDER.index(topic))
        take = self._takes[topic]
        for record in records:
            self._retained.first(topic, record.timestamp)
            if topic == REWARDS:
                self._see_joiner(record.offset)
            self._time = max(self._time, record.timestamp)
            if topic == DECISIONS and record.offset < self._joined[0]:
                self._decided_until = max(self._decided_until, self._time)
            refused = self._letters.holds(topic, record)
            try:
                event = wire.decode(topic, record.value)
            except BadRecordError as error:
                self._bad(topic, record, refused, str(error))
                continue
            take(record, event, refused)

    def finish(self) -> PartitionFigures:
        """All was shown."""
        self._advance(len(READING_ORDER))
        figures = self._figures
        for tenant, context_id, asked in self._contexts.all():
            if not asked.decided and not asked.refused:
                self._undecided(tenant, context_id, asked)
        for name, kept in self._lowest.items():
            spec = self._specifications.version(*name)
            for found in kept:
                if spec is not None and (problem := floor_problem(found, name[2], spec)) is not None:
                    self._fault(Fault.PROPENSITIES, DECISIONS, found.offset, f"of {name[0]!r}: {problem}")
        assert self._outcomes is not None
        for decision in self._join.decisions():
            self._outcomes.missing(decision, self._covered, self._rewarded_until)
        figures.contexts = len(self._contexts)
        figures.decisions = self._join.count
        figures.outcomes = len(self._outcomes)
        figures.outcomes_repeated = self._outcomes.repeated
        figures.dead_letters = self._letters.reasons
        figures.dead_letters_of = self._letters.tenants
        figures.dead_letters_repeated = self._letters.repeated
        figures.announced = self._specifications.announced()
        return figures

    def _advance(self, to: int) -> None:
        """Close the topics before the one that is shown next."""
        if to < self._at:
            raise ValueError(f"{READING_ORDER[to]} after {READING_ORDER[self._at]}; the order is {READING_ORDER}")
        while self._at < to:
            topic = READING_ORDER[self._at]
            if topic != DEAD_LETTERS:
                self._letters.finish(topic, self._retained.begin(topic))
            if topic == CONTEXTS:
                self._time = self._recalled_until
            elif topic == REWARDS:
                self._see_joiner(self._joined[1])
                self._outcomes = OutcomeCheck(
                    self._partition, self._join, self._ordinals, self._retained, self._time, self._findings
                )
            self._at += 1
            if topic != CONTEXTS:
                self._time = 0

    def _see_joiner(self, offset: int) -> None:
        """When the rewards that the joiner's checkpoint covers have been read, compare its state with the join."""
        if self._seen_joiner or offset < self._joined[1]:
            return
        self._seen_joiner = True
        self._rewarded_until = self._time
        if self._joiner is not None:
            self._joiner.compare(self._join, self._retained, self._decided_until, self._rewarded_until)

    def _dead_letter(self, record: LogRecord, letter: DeadLetter, refused: frozenset[str]) -> None:
        self._letters.take(record.offset, letter)

    def _context(self, record: LogRecord, context: Context, refused: frozenset[str]) -> None:
        if self._keyed(CONTEXTS, record, context.tenant, refused):
            self._contexts.take(record, context, bool(refused))

    def _decision(self, record: LogRecord, decision: Decision | Clock, refused: frozenset[str]) -> None:
        if isinstance(decision, Clock) or not self._keyed(DECISIONS, record, decision.tenant, refused):
            return
        asked = self._contexts.decide(decision.tenant, decision.id)
        if refused:
            self._refused(DECISIONS, record, refused)
            return
        tally = self._tally(decision.tenant, decision.domain)
        if asked is None:
            if decision.context_offset >= self._retained.begin(CONTEXTS):
                detail = f"{decision.id!r} of {decision.tenant!r}: no context of that tenant has this id"
                self._fault(Fault.DECISION_UNASKED, DECISIONS, record.offset, detail)
            else:
                self._findings.skip("decisions whose context retention has taken")
        elif not asked.decided:
            tally.latencies_ms.append(record.timestamp - asked.timestamp)
        self._propensities(record.offset, decision)
        if decision.after is not None or decision.chain is not None:
            self._chain(record.offset, decision)
        if self._join.decide(record.offset, self._time, decision) is None:
            self._figures.duplicate_decisions += 1
            if self._joiner is not None and record.offset < self._joined[0]:
                self._joiner.count(decision.tenant, "duplicate_decisions")
            return
        tally.interactions += 1
        if decision.choice < len(decision.arms):
            tally.arms[decision.arm] += 1

    def _chain(self, offset: int, decision: Decision) -> None:
        known, expected = self._join.before(decision)
        if not known and self._retained.begin(DECISIONS):
            self._findings.skip("chains after decisions that retention may have taken")
        elif (problem := chain_problem(decision, known, expected)) is not None:
            self._fault(Fault.PROPENSITIES, DECISIONS, offset, f"{decision.id!r} of {decision.tenant!r}: {problem}")

    def _propensities(self, offset: int, decision: Decision) -> None:
        if (problem := propensities_problem(decision)) is not None:
            self._fault(Fault.PROPENSITIES, DECISIONS, offset, f"{decision.id!r} of {decision.tenant!r}: {problem}")
            return
        kept = self._lowest.setdefault((decision.tenant, decision.domain, decision.spec), [])
        found = lowest(decision, offset)
        if len(kept) < EXAMPLES:
            kept.append(found)
        elif found.share < (most := max(kept)).share:
            kept[kept.index(most)] = found

    def _reward(self, record: LogRecord, reward: Reward | Clock, refused: frozenset[str]) -> None:
        if isinstance(reward, Clock) or not self._keyed(REWARDS, record, reward.tenant, refused):
            return
        if refused - {ORPHAN}:
            self._refused(REWARDS, record, refused)
            return
        kind, decision, early = self._join.reward(record.offset, self._time, reward)
        if self._joiner is not None and record.offset < self._joined[1]:
            given_up = self._decided_until > self._time + self._join.early_ms
            self._joiner.reward(record, self._time, reward, kind, decision, early, given_up)
        names = (kind, "early") if early else (kind,)
        self._figures.rewards.update(names)
        if decision is None:
            self._figures.orphans[reward.tenant] += 1
            self._orphan(record, reward, refused)
            return
        if refused:
            self._fault(
                Fault.RECORD_VANISHED, REWARDS, record.offset,
                f"given up as an orphan; it belongs to decision {decision.id!r} of {decision.tenant!r}, "
                f"{Place(DECISIONS, self._partition, decision.offset)}",
            )  # fmt: skip
        self._tally(decision.tenant, decision.domain).rewards.update(names)

    def _orphan(self, record: LogRecord, reward: Reward, refused: frozenset[str]) -> None:
        if refused:
            return
        given_up = self._decided_until > self._time + self._join.early_ms
        if record.offset >= self._covered.rewards or not given_up:
            self._findings.wait(Pending.HELD, Place(REWARDS, self._partition, record.offset))
        elif self._retained.begin(DECISIONS) or self._retained.lacks(DEAD_LETTERS, self._time):
            self._findings.skip("rewards whose decision or dead letter retention may have taken")
        else:
            self._fault(
                Fault.RECORD_VANISHED, REWARDS, record.offset,
                f"no decision can claim it ({reward.decision!r} of {reward.tenant!r}), and no dead letter names it",
            )  # fmt: skip

    def _outcome(self, record: LogRecord, event: Outcome | SpecChange, refused: frozenset[str]) -> None:
        tenant = event.tenant if isinstance(event, SpecChange) else event.decision.tenant
        if not self._keyed(OUTCOMES, record, tenant, refused):
            return
        if isinstance(event, SpecChange):
            spec = event.spec
            if spec is not None and (spec.tenant, spec.domain) != (event.tenant, event.domain):
                detail = (
                    f"a change of {event.tenant}/{event.domain} with the specification of {spec.tenant}/{spec.domain}"
                )
                self._bad(OUTCOMES, record, refused, detail)
                return
            self._specifications.change(event)
            if self._kpis is not None:
                self._kpis.change(event)
            return
        assert self._outcomes is not None and record.value is not None
        counts = self._outcomes.take(record.offset, record.value, event)
        if counts:
            decision = event.decision
            spec = self._specifications.in_force(decision.tenant, decision.domain)
            self._tally(decision.tenant, decision.domain).outcome(event, spec)
            if self._kpis is not None:
                self._kpis.take(record.offset, event)

    def _undecided(self, tenant: str, context_id: str, asked: Asked) -> None:
        """A context without decision and dead letter."""
        if asked.offset >= self._covered.contexts:
            self._findings.wait(Pending.CONTEXT, Place(CONTEXTS, self._partition, asked.offset))
        elif self._join.has(tenant, context_id):
            pass  # decided, by a record that is gone and an outcome that is there
        elif any(self._retained.lacks(topic, asked.timestamp) for topic in (DECISIONS, DEAD_LETTERS)):
            self._findings.skip("contexts whose decision or dead letter retention may have taken")
        else:
            self._tally(tenant, asked.domain).lost += 1
            self._fault(
                Fault.DECISION_LOST, CONTEXTS, asked.offset,
                f"context {context_id!r} of {tenant!r} has neither a decision nor a dead letter",
            )  # fmt: skip

    def _keyed(self, topic: str, record: LogRecord, tenant: str, refused: frozenset[str]) -> bool:
        if record.key != tenant.encode():
            self._bad(topic, record, refused, f"the key is {record.key!r}; it must be the tenant, {tenant!r}")
            return False
        if self._homes is not None and (home := self._homes.elsewhere(tenant, self._partition)) is not None:
            self._fault(Fault.TENANT_MISPLACED, topic, record.offset, f"tenant {tenant!r} lives in partition {home}")
        return True

    def _bad(self, topic: str, record: LogRecord, refused: frozenset[str], detail: str) -> None:
        """Count a record that nobody can handle; it must have left a dead letter."""
        self._refused(topic, record, refused)
        if topic == DEAD_LETTERS:
            self._fault(Fault.DEAD_LETTER_WRONG, topic, record.offset, detail)
        elif refused:
            pass
        elif record.offset >= self._covered.of(topic):
            self._findings.wait(Pending.RECORD, Place(topic, self._partition, record.offset))
        elif self._retained.lacks(DEAD_LETTERS, record.timestamp):
            self._findings.skip("bad records whose dead letter retention may have taken")
        else:
            fault = Fault.DECISION_LOST if topic == CONTEXTS else Fault.RECORD_VANISHED
            self._fault(fault, topic, record.offset, f"{detail}; no dead letter names it")

    def _refused(self, topic: str, record: LogRecord, refused: frozenset[str]) -> None:
        self._figures.bad[topic] += 1
        joined = {DECISIONS: self._joined[0], REWARDS: self._joined[1]}.get(topic, 0)
        if self._joiner is not None and record.offset < joined and FAILED not in refused:
            self._joiner.count(_tenant(record.key), "bad")

    def _fault(self, fault: Fault, topic: str, offset: int, detail: str) -> None:
        self._findings.add(fault, Place(topic, self._partition, offset), detail)

    def _tally(self, tenant: str, domain: str) -> Tally:
        tally = self._figures.tallies.get((tenant, domain))
        if tally is None:
            tally = self._figures.tallies[tenant, domain] = Tally()
        return tally


def _tenant(key: bytes | None) -> str:
    """Whose a bad record is counted as."""
    try:
        tenant = (key or b"").decode()
    except UnicodeDecodeError:
        return ""
    return tenant if len(tenant) <= MAX_TENANT else ""
