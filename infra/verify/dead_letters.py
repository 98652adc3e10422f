"""Which records were put aside, and whether each dead letter holds the very record it names."""

from collections import Counter
from hashlib import blake2b
from typing import NamedTuple

from schemas.events import DeadLetter
from schemas.topics import DEAD_LETTERS

from .findings import Fault, Findings, at
from .topic_log import LogRecord


class _Letter(NamedTuple):
    offset: int  # of the dead letter itself
    record: bytes  # digest of what it holds


class DeadLetters:
    """One partition's dead letters.  All of them first, then `holds` for every record of the topics they name."""

    def __init__(self, partition: int, findings: Findings) -> None:
        self._partition = partition
        self._findings = findings
        self._unseen: dict[tuple[str, int], list[_Letter]] = {}
        self._distinct: set[tuple[str, str, str, int]] = set()
        self.reasons: Counter[str] = Counter()
        self.tenants: Counter[str] = Counter()
        self.repeated = 0

    def take(self, offset: int, letter: DeadLetter) -> None:
        """Take the next dead letter.  The same refusal written again (after a crash) is counted as repeated."""
        if letter.partition != self._partition:
            self._wrong(offset, f"names partition {letter.partition} of {letter.topic}; {self._partition} is expected")
            return
        refusal = (letter.stage, letter.reason, letter.topic, letter.offset)
        if refusal in self._distinct:
            self.repeated += 1
        else:
            self._distinct.add(refusal)
            self.reasons[letter.reason] += 1
            self.tenants[(letter.key or b"").decode(errors="replace")] += 1
        held = _digest(letter.timestamp_ms, letter.key, letter.value)
        self._unseen.setdefault((letter.topic, letter.offset), []).append(_Letter(offset, held))

    def holds(self, topic: str, record: LogRecord) -> bool:
        """Whether a dead letter names this record; one that holds something else is a fault and does not count."""
        letters = self._unseen.pop((topic, record.offset), None)
        if letters is None:
            return False
        expected = _digest(record.timestamp, record.key, record.value)
        for letter in letters:
            if letter.record != expected:
                self._wrong(letter.offset, f"does not hold the record at {at(topic, self._partition, record.offset)}")
        return any(letter.record == expected for letter in letters)

    def finish(self, topic: str, begin: int) -> None:
        """All records of `topic`, the first at offset `begin`, were shown: what is named and was not is a fault."""
        for (named, offset), letters in self._unseen.items():
            if named == topic and offset >= begin:
                for letter in letters:
                    self._wrong(
                        letter.offset, f"names {at(topic, self._partition, offset)}, where there is no such record"
                    )

    def _wrong(self, offset: int, detail: str) -> None:
        self._findings.add(Fault.DEAD_LETTER_WRONG, at(DEAD_LETTERS.name, self._partition, offset), detail)


def _digest(timestamp_ms: int, key: bytes | None, value: bytes | None) -> bytes:
    digest = blake2b(digest_size=16)
    for part in (b"%d" % timestamp_ms, key, value):
        digest.update(b"-" if part is None else b"%d:" % len(part) + part)
    return digest.digest()
