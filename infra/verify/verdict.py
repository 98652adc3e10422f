"""What `verify` found out about a deployment."""

from dataclasses import dataclass
from typing import Any

from .findings import STATE_FAULTS, Fault, Finding, Findings
from .join import KINDS
from .partition import PartitionFigures
from .tallies import TenantDomainFigures


@dataclass(frozen=True, slots=True)
class Verdict:
    """A deployment, as its topics show it."""

    contexts: int  # distinct tenant and id, well-formed
    decisions: int  # that count
    duplicate_decisions: int
    outcomes: int  # that count: distinct ordinals
    outcomes_repeated: int  # the same bytes again: harmless
    rewards: dict[str, int]  # joined, duplicate, surplus, late, orphan; early: how many came before their decision
    orphans: dict[str, int]  # rewards of no decision, by tenant
    bad: dict[str, int]  # by topic: undecodable, or not of the tenant in the key
    dead_letters: dict[str, int]  # distinct refusals by reason
    dead_letters_of: dict[str, int]  # the same by tenant, as the records' keys say
    dead_letters_repeated: int
    tenants: list[TenantDomainFigures]  # in order of tenant and domain
    state_keys: int  # of learners, analytics and joiners, compared
    kpi_buckets: int  # compared
    counts: dict[str, int]  # faults by kind; none: proven
    findings: list[Finding]  # up to 10 of each kind
    problems: list[str]  # the same as sentences, with how many more there are
    pending: dict[str, int]  # what is under way
    not_examined: dict[str, int]  # what nobody can say any more, and of how many
    records: int  # read
    seconds: float

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return not self.counts

    @property
    def decisions_lost(self) -> int:
        """Contexts with neither a decision nor a dead letter."""
        return self.counts.get(Fault.DECISION_LOST, 0)

    @property
    def decisions_unasked(self) -> int:
        """Decision records of which there is no context."""
        return self.counts.get(Fault.DECISION_UNASKED, 0)

    @property
    def outcomes_doubled(self) -> int:
        """Decisions with two outcomes that differ in ordinal or content."""
        return self.counts.get(Fault.OUTCOME_DOUBLED, 0)

    @property
    def outcomes_missing(self) -> int:
        """Decisions that have ended, without an outcome that counts."""
        return self.counts.get(Fault.OUTCOME_MISSING, 0)

    @property
    def outcomes_wrong(self) -> int:
        """Outcomes that are not what the independent join says."""
        return self.counts.get(Fault.OUTCOME_WRONG, 0)

    @property
    def state_mismatches(self) -> int:
        """Keys of state that are not what the logs lead to."""
        return sum(self.counts.get(fault, 0) for fault in STATE_FAULTS)

    def as_json(self) -> dict[str, Any]:
        """The figures under stable names."""
        return {
            "proven": self.ok,
            "decisions_lost": self.decisions_lost,
            "outcomes_doubled": self.outcomes_doubled,
            "outcomes_missing": self.outcomes_missing,
            "outcomes_wrong": self.outcomes_wrong,
            "state_mismatches": self.state_mismatches,
            "kpis_wrong": self.counts.get(Fault.KPI_WRONG, 0),
            "contexts": self.contexts,
            "decisions": self.decisions,
            "duplicate_decisions": self.duplicate_decisions,
            "outcomes": self.outcomes,
            "outcomes_repeated": self.outcomes_repeated,
            "rewards": self.rewards,
            "dead_letters": self.dead_letters,
            "state_keys": self.state_keys,
            "kpi_buckets": self.kpi_buckets,
            "faults": self.counts,
            "findings": [
                {"fault": fault, **place._asdict(), "detail": detail} for fault, place, detail in self.findings
            ],
            "pending": self.pending,
            "not_examined": self.not_examined,
            "records": self.records,
            "seconds": round(self.seconds, 3),
        }


def verdict(
    found: PartitionFigures, findings: Findings, *, state_keys: int, kpi_buckets: int, records: int, seconds: float
) -> Verdict:
    """Of all partitions added up."""
    return Verdict(
        contexts=found.contexts,
        decisions=found.decisions,
        duplicate_decisions=found.duplicate_decisions,
        outcomes=found.outcomes,
        outcomes_repeated=found.outcomes_repeated,
        rewards={kind: found.rewards[kind] for kind in (*KINDS, "early")},
        orphans=dict(sorted(found.orphans.items())),
        bad=dict(sorted(found.bad.items())),
        dead_letters=dict(sorted(found.dead_letters.items())),
        dead_letters_of=dict(sorted(found.dead_letters_of.items())),
        dead_letters_repeated=found.dead_letters_repeated,
        tenants=[tally.figures(*name) for name, tally in sorted(found.tallies.items())],
        state_keys=state_keys,
        kpi_buckets=kpi_buckets,
        counts={str(fault): findings.counts[fault] for fault in Fault if findings.counts[fault]},
        findings=findings.findings(),
        problems=list(findings.problems()),
        pending={str(kind): count for kind, count in sorted(findings.pending.items())},
        not_examined=dict(sorted(findings.unexamined.items())),
        records=records,
        seconds=seconds,
    )
