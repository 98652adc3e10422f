"""Which records were put aside, and whether each dead letter holds the very record it names."""

from collections import Counter
from hashlib import blake2b
from typing import NamedTuple

from msgspec.msgpack import Decoder, Encoder

from schemas.errors import Reason
from schemas.events import DeadLetter
from schemas.topics import DEAD_LETTERS

from .findings import Fault, Findings, Place
from .record import LogRecord
from .table import Table


class _Letter(NamedTuple):
    offset: int  # of the dead letter itself
    record: bytes  # digest of what it holds
    stage: str
    reason: str


_OFFSETS = 1 << 63
_encode = Encoder().encode
_decode = Decoder(list[_Letter]).decode


class DeadLetters:
    """One partition's dead letters.  All of them first, then `holds` for every record of the topics they name."""

    def __init__(self, partition: int, table: Table, findings: Findings) -> None:
        self._partition = partition
        self._findings = findings
        self._unseen = table  # by topic and offset
        self._left = 0
        self.reasons: Counter[str] = Counter()
        self.tenants: Counter[str] = Counter()
        self.repeated = 0

    def take(self, offset: int, letter: DeadLetter) -> None:
        """Take the next dead letter.  The same refusal written again (after a crash) is counted as repeated."""
        if letter.partition != self._partition:
            self._wrong(offset, f"names partition {letter.partition} of {letter.topic}; {self._partition} is expected")
            return
        if not 0 <= letter.offset < _OFFSETS:
            self._wrong(offset, f"names offset {letter.offset} of {letter.topic}, which no record can have")
            return
        key = _key(letter.topic, letter.offset)
        value = self._unseen.get(key)
        letters = [] if value is None else _decode(value)
        if any((each.stage, each.reason) == (letter.stage, letter.reason) for each in letters):
            self.repeated += 1
        else:
            self.reasons[letter.reason] += 1
            self.tenants[(letter.key or b"").decode(errors="replace")] += 1
        held = _digest(letter.timestamp_ms, letter.key, letter.value)
        letters.append(_Letter(offset, held, letter.stage, letter.reason))
        self._left += value is None
        self._unseen.put(key, _encode(letters))

    def holds(self, topic: str, record: LogRecord) -> frozenset[str]:
        """The reasons of the dead letters that hold this record; one that holds something else is a fault."""
        if not self._left:
            return frozenset()
        key = _key(topic, record.offset)
        value = self._unseen.get(key)
        if value is None:
            return frozenset()
        self._unseen.delete(key)
        self._left -= 1
        letters = _decode(value)
        expected = _digest(record.timestamp, record.key, record.value)
        for letter in letters:
            if letter.record != expected:
                self._wrong(
                    letter.offset, f"does not hold the record at {Place(topic, self._partition, record.offset)}"
                )
        return frozenset(letter.reason for letter in letters if letter.record == expected)

    def finish(self, topic: str, begin: int) -> None:
        """All records of `topic`, the first at offset `begin`, were shown: what is named and was not is a fault."""
        gone = 0
        for key, value in self._unseen.scan(_prefix(topic)):
            offset = int.from_bytes(key[-8:], "big")
            letters = _decode(value)
            if offset < begin:
                gone += len(letters)
                continue
            for letter in letters:
                named = Place(topic, self._partition, offset)
                self._wrong(letter.offset, f"names {named}, where there is no such record")
        self._findings.skip(f"dead letters that name records of {topic} which retention has taken", gone)

    def _wrong(self, offset: int, detail: str) -> None:
        self._findings.add(Fault.DEAD_LETTER_WRONG, Place(DEAD_LETTERS.name, self._partition, offset), detail)


#: The reason of a dead letter that is no refusal of what the record says, but of when it came.
ORPHAN = str(Reason.ORPHAN)
#: The stage failed on it, and never saw it.
FAILED = str(Reason.FAILED)


def _prefix(topic: str) -> bytes:
    return topic.encode() + b"\0"


def _key(topic: str, offset: int) -> bytes:
    return _prefix(topic) + offset.to_bytes(8, "big")


def _digest(timestamp_ms: int, key: bytes | None, value: bytes | None) -> bytes:
    digest = blake2b(digest_size=16)
    for part in (b"%d" % timestamp_ms, key, value):
        digest.update(b"-" if part is None else b"%d:" % len(part) + part)
    return digest.digest()
