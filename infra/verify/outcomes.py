"""Compares the outcomes in the log with the audit's own join: each there, once, and as it must be."""

from hashlib import blake2b

from schemas.events import Outcome
from schemas.topics import DECISIONS, OUTCOMES

from .findings import Fault, Findings, at
from .join import CountedDecision, Join

#: ordinal and digest of the record: what tells a repetition from a second outcome
_Identity = tuple[int, bytes]


class OutcomeCheck:
    """One partition's outcomes, after all its decisions and rewards were joined.

    The first record with an ordinal counts.  The same bytes again are a repetition (a joiner that crashed writes some
    outcomes again).  Of a decision two records that differ, in ordinal or content, are one outcome doubled.
    """

    def __init__(self, partition: int, join: Join, rewards_time: int, findings: Findings) -> None:
        self._partition = partition
        self._join = join
        self._rewards_time = rewards_time
        self._findings = findings
        self._first: dict[int, bytes] = {}  # ordinal -> digest of the record that counts
        self._found: dict[int, _Identity] = {}  # ordinal of the decision -> its first outcome record
        self._doubled: set[int] = set()
        self._counted: set[int] = set()  # ordinals of the decisions with an outcome that counts
        self.repeated = 0

    def take(self, offset: int, value: bytes, outcome: Outcome) -> bool:
        """Take the next outcome record; True if it counts for a reader that takes the first with an ordinal."""
        digest = blake2b(value, digest_size=16).digest()
        counts = outcome.ordinal not in self._first
        if not counts and self._first[outcome.ordinal] == digest:
            self.repeated += 1
            return False
        self._first.setdefault(outcome.ordinal, digest)
        event = outcome.decision
        decision = self._join.find(event.tenant, event.id, outcome.decision_offset, outcome.decided_at_ms)
        place = at(OUTCOMES.name, self._partition, offset)
        if decision is None:
            detail = f"is of decision {event.id!r} of tenant {event.tenant!r}, of which the log has no record"
            self._findings.add(Fault.OUTCOME_WRONG, place, detail)
            return counts
        if counts:
            self._counted.add(decision.ordinal)
        identity = (outcome.ordinal, digest)
        found = self._found.get(decision.ordinal)
        if found is None:
            self._found[decision.ordinal] = identity
            if (problem := self._difference(outcome, decision)) is not None:
                self._findings.add(Fault.OUTCOME_WRONG, place, f"decision {event.id!r} of {event.tenant!r}: {problem}")
        elif found != identity and decision.ordinal not in self._doubled:
            self._doubled.add(decision.ordinal)
            detail = (
                f"another outcome of decision {event.id!r} of {event.tenant!r}, "
                f"with ordinal {outcome.ordinal} after {found[0]}"
            )
            self._findings.add(Fault.OUTCOME_DOUBLED, place, detail)
        return counts

    def __len__(self) -> int:
        """Outcomes that count."""
        return len(self._first)

    def finish(self) -> None:
        """All outcomes were taken: decisions that have ended and have none are faults."""
        for decision in self._join.decisions:
            ending = decision.ending(self._rewards_time)
            if ending is not None and decision.ordinal not in self._counted:
                event = decision.event
                self._findings.add(
                    Fault.OUTCOME_MISSING,
                    at(DECISIONS.name, self._partition, decision.offset),
                    f"decision {event.id!r} of {event.tenant!r} (ordinal {decision.ordinal}) ended {ending.ended} at "
                    f"{ending.at_ms}; the rewards partition has reached {self._rewards_time}",
                )

    def _difference(self, outcome: Outcome, decision: CountedDecision) -> str | None:
        """The first field in which an outcome is not what the join says, with both values."""
        ending = decision.ending(self._rewards_time)
        if ending is None:
            return (
                f"ended {outcome.ended}, but it is open: nothing completed it, its horizon is at {decision.deadline} "
                f"and the rewards partition has reached {self._rewards_time}"
            )
        expected = {
            "ordinal": (outcome.ordinal, decision.ordinal),
            "ended": (outcome.ended, ending.ended),
            "ended_at_ms": (outcome.ended_at_ms, ending.at_ms),
            "observations": (outcome.observations, decision.observations),
            "decided_at_ms": (outcome.decided_at_ms, decision.time),
            "decision_offset": (outcome.decision_offset, decision.offset),
            "decision": (outcome.decision, decision.event),
        }
        for name, (found, joined) in expected.items():
            if found != joined:
                return f"{name} is {_short(found)}; {_short(joined)} is expected"
        return None


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:300]}..."
