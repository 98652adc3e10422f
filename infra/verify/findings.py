"""What was found: faults and what is under way, each with its place in the log, and what could not be examined."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

#: Examples kept of each kind.
EXAMPLES = 10


class Fault(StrEnum):
    """A promise that the log breaks."""

    DECISION_LOST = "decision lost"
    DECISION_UNASKED = "decision without context"
    OUTCOME_DOUBLED = "outcome doubled"
    OUTCOME_MISSING = "outcome missing"
    OUTCOME_WRONG = "outcome wrong"
    PROPENSITIES = "propensities wrong"
    RECORD_VANISHED = "record vanished"
    DEAD_LETTER_WRONG = "dead letter wrong"
    TENANT_MISPLACED = "tenant misplaced"
    LEARNER_STATE = "learner state wrong"
    ANALYTICS_STATE = "analytics state wrong"
    JOINER_STATE = "joiner state wrong"
    KPI_WRONG = "kpi wrong"
    SPECIFICATION = "specification not in force"
    TRIMMED_UNREAD = "trimmed before it was applied"
    NOT_SETTLED = "not settled"


STATE_FAULTS = (Fault.LEARNER_STATE, Fault.ANALYTICS_STATE, Fault.JOINER_STATE)


class Pending(StrEnum):
    """What is not done yet, and need not be."""

    CONTEXT = "contexts without a decision"
    RECORD = "records not handled"
    OPEN = "decisions whose outcome is not due"
    OUTCOME = "outcomes due and not written"
    HELD = "rewards whose decision may still come"
    LEARNING = "outcomes records not learned in a checkpoint"
    COUNTING = "outcomes records not counted in a checkpoint"
    SPECIFICATION = "specifications not announced"


class Place(NamedTuple):
    """Where something stands, as findings name it."""

    topic: str
    partition: int
    offset: int | None = None  # None: of what is not there

    def __str__(self) -> str:
        where = f"{self.topic} partition {self.partition}"
        return where if self.offset is None else f"{where} offset {self.offset}"


class Finding(NamedTuple):
    """One fault: what is there, and what was expected."""

    fault: Fault
    place: Place
    detail: str

    def __str__(self) -> str:
        return f"{self.fault}: {self.place}: {self.detail}"


@dataclass(slots=True)
class Findings:
    """Faults and pending things, counted, with the first `EXAMPLES` of each kind."""

    settled: bool = False  # what is pending is a fault
    counts: Counter[Fault] = field(default_factory=Counter)
    examples: dict[Fault, list[Finding]] = field(default_factory=dict)
    pending: Counter[Pending] = field(default_factory=Counter)
    unexamined: Counter[str] = field(default_factory=Counter)  # sentence to how many

    def add(self, fault: Fault, place: Place, detail: str) -> None:
        """Count a fault.  detail: what is there, and what was expected."""
        self.counts[fault] += 1
        kept = self.examples.setdefault(fault, [])
        if len(kept) < EXAMPLES:
            kept.append(Finding(fault, place, detail))

    def wait(self, pending: Pending, place: Place, count: int = 1) -> None:
        """Count what is pending; place: of the first."""
        if count:
            self.pending[pending] += count
            if self.settled:
                self.add(Fault.NOT_SETTLED, place, f"{pending}: {count:,} from here on" if count > 1 else pending)

    def skip(self, sentence: str, count: int = 1) -> None:
        """Note what cannot be examined, and why."""
        if count:
            self.unexamined[sentence] += count

    def merge(self, other: "Findings") -> None:
        """Add another partition's findings."""
        self.counts.update(other.counts)
        self.pending.update(other.pending)
        self.unexamined.update(other.unexamined)
        for fault, examples in other.examples.items():
            kept = self.examples.setdefault(fault, [])
            kept.extend(examples[: EXAMPLES - len(kept)])

    def findings(self) -> list[Finding]:
        """The examples, kind by kind."""
        return [finding for fault in Fault for finding in self.examples.get(fault, ())]

    def problems(self) -> Iterator[str]:
        """The examples as sentences, each kind followed by how many more there are."""
        for fault in Fault:
            kept = self.examples.get(fault, [])
            yield from map(str, kept)
            if (more := self.counts[fault] - len(kept)) > 0:
                yield f"{fault}: and {more:,} more"
