"""What an audit found wrong: how often each kind, and the first examples of each with their place in the log."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

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
    LOG_TRUNCATED = "log truncated"
    SPECIFICATION = "specification not in force"


@dataclass(slots=True)
class Findings:
    """Faults, counted; `examples` holds at most `EXAMPLES` sentences of each kind."""

    counts: Counter[Fault] = field(default_factory=Counter)
    examples: dict[Fault, list[str]] = field(default_factory=dict)

    def add(self, fault: Fault, place: str, detail: str) -> None:
        """Count a fault.  place: topic, partition and offset; detail: what is there, and what was expected."""
        self.counts[fault] += 1
        kept = self.examples.setdefault(fault, [])
        if len(kept) < EXAMPLES:
            kept.append(f"{fault}: {place}: {detail}")

    def merge(self, other: "Findings") -> None:
        """Add another partition's findings."""
        self.counts.update(other.counts)
        for fault, examples in other.examples.items():
            kept = self.examples.setdefault(fault, [])
            kept.extend(examples[: EXAMPLES - len(kept)])

    def problems(self) -> Iterator[str]:
        """The examples, each kind followed by how many more there are."""
        for fault in Fault:
            kept = self.examples.get(fault, [])
            yield from kept
            if (more := self.counts[fault] - len(kept)) > 0:
                yield f"{fault}: and {more:,} more"


def at(topic: str, partition: int, offset: int) -> str:
    """A place in the log, as it is written in findings."""
    return f"{topic} partition {partition} offset {offset}"
