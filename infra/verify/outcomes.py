"""Compares the outcomes in the log with this package's own join: each there, once, and as it must be."""

from hashlib import blake2b

from schemas.events import Outcome
from schemas.topics import DECISIONS, OUTCOMES

from .covered import Covered
from .findings import Fault, Findings, Pending, Place
from .join import CountedDecision, Join, digest_of, same_numbers
from .retained import Retained
from .table import Table


class OutcomeCheck:
    """One partition's outcomes, after all its decisions and rewards were joined.

    The first record with an ordinal counts.  The same bytes again are a repetition (a joiner that crashed writes some
    outcomes again).  Of a decision two records that differ, in ordinal or content, are one outcome doubled.
    """

    def __init__(
        self, partition: int, join: Join, table: Table, retained: Retained, rewards_time: int, findings: Findings
    ) -> None:
        """rewards_time: effective time of the last reward that was read."""
        self._partition = partition
        self._join = join
        self._retained = retained
        self._rewards_time = rewards_time
        self._findings = findings
        self._first = table  # ordinal -> digest of the record that counts
        self._count = 0
        self.repeated = 0

    def take(self, offset: int, value: bytes, outcome: Outcome) -> bool:
        """Take the next outcome record; True if it counts for a reader that takes the first with an ordinal."""
        digest = blake2b(value, digest_size=16).digest()
        key = outcome.ordinal.to_bytes(8, "big")
        first = self._first.get(key)
        if first == digest:
            self.repeated += 1
            return False
        counts = first is None
        if counts:
            self._first.put(key, digest)
            self._count += 1
        event = outcome.decision
        decision = self._join.find(event.tenant, event.id, outcome.decision_offset, outcome.decided_at_ms)
        place = Place(OUTCOMES.name, self._partition, offset)
        if decision is None:
            detail = f"is of decision {event.id!r} of tenant {event.tenant!r}, of which the log has no record"
            self._findings.add(Fault.OUTCOME_WRONG, place, detail)
            return counts
        self._judge(place, outcome, digest, decision)
        decision.counted = decision.counted or counts
        self._join.keep()
        return counts

    def __len__(self) -> int:
        """Outcomes that count."""
        return self._count

    def missing(self, decision: CountedDecision, covered: Covered, time_covered: int) -> None:
        """All outcomes were taken: a decision that has ended and has none is a fault, or not joined yet.

        time_covered: effective time of the last reward that the joiner's checkpoint covers.
        """
        if decision.counted:
            return
        place = Place(DECISIONS.name, self._partition, decision.offset)
        ending = decision.ending(self._rewards_time)
        if ending is None:
            self._findings.wait(Pending.OPEN, place)
            return
        if decision.offset >= covered.decisions or not _due(decision, covered.rewards, time_covered):
            self._findings.wait(Pending.OUTCOME, place)
            return
        if self._retained.lacks(OUTCOMES.name, ending.at_ms):
            self._findings.skip("decisions whose outcome may be among the outcomes that retention has taken")
            return
        self._findings.add(
            Fault.OUTCOME_MISSING,
            place,
            f"decision {decision.id!r} of {decision.tenant!r} (ordinal {decision.ordinal}) ended {ending.ended} at "
            f"{ending.at_ms}; the rewards partition has reached {self._rewards_time}",
        )

    def _judge(self, place: Place, outcome: Outcome, digest: bytes, decision: CountedDecision) -> None:
        event = outcome.decision
        identity = (outcome.ordinal, digest)
        if decision.outcome is None:
            decision.outcome = identity
            if (problem := self._difference(outcome, decision)) is not None:
                self._findings.add(Fault.OUTCOME_WRONG, place, f"decision {event.id!r} of {event.tenant!r}: {problem}")
        elif decision.outcome != identity and not decision.doubled:
            decision.doubled = True
            detail = (
                f"another outcome of decision {event.id!r} of {event.tenant!r}, "
                f"with ordinal {outcome.ordinal} after {decision.outcome[0]}"
            )
            self._findings.add(Fault.OUTCOME_DOUBLED, place, detail)

    def _difference(self, outcome: Outcome, decision: CountedDecision) -> str | None:
        """The first field in which an outcome is not what the join says, with both values."""
        expected: dict[str, tuple[object, object]] = {}
        if self._retained.numbered:
            expected["ordinal"] = (outcome.ordinal, decision.ordinal)
        else:
            self._findings.skip("ordinals of outcomes, because decisions and outcomes before are gone")
        if self._retained.whole("rewards", decision.time - self._join.early_ms):
            ending = decision.ending(self._rewards_time)
            if ending is None:
                return (
                    f"ended {outcome.ended}, but it is open: nothing completed it, its horizon is at "
                    f"{decision.deadline} and the rewards partition has reached {self._rewards_time}"
                )
            expected |= {
                "ended": (outcome.ended, ending.ended),
                "ended_at_ms": (outcome.ended_at_ms, ending.at_ms),
            }
            if not same_numbers(outcome.observations, decision.observations):
                expected["observations"] = (outcome.observations, decision.observations)
        else:
            self._findings.skip("endings of outcomes whose rewards retention has taken, or may have")
        expected |= {
            "decided_at_ms": (outcome.decided_at_ms, decision.time),
            "decision_offset": (outcome.decision_offset, decision.offset),
        }
        for name, (found, joined) in expected.items():
            if found != joined or name == "observations":
                return f"{name} is {_short(found)}; {_short(joined)} is expected"
        if digest_of(outcome.decision) != decision.digest:
            return f"it holds another decision than the record at offset {decision.offset}"
        return None


def _due(decision: CountedDecision, rewards: int, time_covered: int) -> bool:
    """Whether a joiner that has applied the decision, and `rewards` of the rewards, has written its outcome."""
    if decision.completed_by is not None and decision.completed_by < rewards:
        return True
    return time_covered > decision.deadline


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:300]}..."
