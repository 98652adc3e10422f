"""What a checkpoint is in the changelog, and which records of a changelog count.  Pure.

A stage's state in one partition is written as checkpoints.  A checkpoint is the keys that changed (a record without a
value deletes its key) and then one control record that holds the source positions this state reflects.  Either all of
it counts or nothing: it ends with its control record, and most are a single Kafka batch anyway.

Writers.  A process that takes a partition over first recovers, then writes a *claim* (a control record with what it
recovered) and only then applies anything.  Every record carries a stamp: (era, group generation, writer, sequence).
After a claim, records with a lower (era, generation) do not count: their writer was paused and has lost the partition
without knowing it.  The era goes up when the group's generation starts again from below (a deleted group).

Compaction.  Kafka keeps the newest record of a key, counting or not.  So whoever owns the partition writes again every
key that a record which does not count has touched (`Replay.shadowed`), long before compaction may run
(min.compaction.lag.ms).  A control record has a key of its own and is deleted by its writer four checkpoints later, so
that the last ones of every writer stay: a paused writer ends at its first checkpoint after it lost the partition, and
cannot delete the control record of its last one that counts.  Of the checkpoints before, a record of checkpoint n + 1
proves that checkpoint n was whole: a writer begins one only when the one before is acknowledged.

tests/runtime/test_changelog.py runs writers, pauses, crashes and compaction against a model.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec

from schemas.errors import CroupierError

FORMAT: Final = 1
#: So many control records of a writer stay.  One would do if a paused writer never wrote.
KEPT_CONTROLS: Final = 4
STAMP_HEADER: Final = "stamp"
_CONTROL: Final = b"\x00checkpoint\x00"
_STAMP = struct.Struct(">IiQQ")


class ChangelogError(CroupierError):
    """The changelog cannot be read: it was written by a newer version, or is no changelog."""


class Stamp(NamedTuple):
    """Who wrote a record: compared by (era, generation)."""

    era: int
    generation: int
    writer: int  # random for each process start
    sequence: int  # number of the checkpoint in this tenure; 0 is the claim

    @property
    def rank(self) -> tuple[int, int]:
        """Orders tenures: a lower rank does not count after a higher one."""
        return self.era, self.generation

    def pack(self) -> bytes:
        """24 bytes, for the record's header."""
        return _STAMP.pack(*self)

    @classmethod
    def unpack(cls, data: bytes) -> "Stamp":
        """From the record's header."""
        try:
            return cls(*_STAMP.unpack(data))
        except struct.error:
            raise ChangelogError(f"a stamp of {len(data)} bytes; {_STAMP.size} were expected") from None


class Control(msgspec.Struct, array_like=True, frozen=True):
    """The value of a control record."""

    format: int
    positions: dict[str, int]  # source topic -> offset of the next record to apply; empty in a claim
    state_version: int = 1  # of the stage that wrote it (`Stage.state_version`); the first releases did not say


class Entry(NamedTuple):
    """A changelog record as written: its key, and its value or None to delete the key."""

    key: bytes
    value: bytes | None


_control_decoder = msgspec.msgpack.Decoder(Control)


def control_entries(stamp: Stamp, positions: Mapping[str, int], state_version: int = 1) -> list[Entry]:
    """What ends the checkpoint (or is the claim) of `stamp`: its control record, last, and the end of an old one."""
    entries = []
    if stamp.sequence >= KEPT_CONTROLS:
        entries.append(Entry(_control_key(stamp.writer, stamp.sequence - KEPT_CONTROLS), None))
    value = msgspec.msgpack.encode(Control(FORMAT, dict(positions), state_version))
    return [*entries, Entry(_control_key(stamp.writer, stamp.sequence), value)]


def _control_key(writer: int, sequence: int) -> bytes:
    return _CONTROL + writer.to_bytes(8, "big") + sequence.to_bytes(8, "big")


def is_control(key: bytes) -> bool:
    """Whether a changelog key is a control record's."""
    return key.startswith(_CONTROL)


@dataclass(slots=True)
class Applied:
    """What the last fed records made certain: to be written to the local store as one."""

    entries: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    positions: dict[str, int] | None = None  # None: not known yet, a later control record will say
    next_offset: int = 0  # reading may start here the next time
    rank: tuple[int, int] = (-1, -1)  # of who wrote it
    state_version: int | None = None  # known when positions are

    def then(self, later: "Applied") -> "Applied":
        """Both as one."""
        self.entries += later.entries
        said = self if later.positions is None else later
        return Applied(self.entries, said.positions, later.next_offset, later.rank, said.state_version)


@dataclass(slots=True)
class Replay:
    """Reads a changelog partition from `next_offset` on and says what counts."""

    next_offset: int = 0
    rank: tuple[int, int] = (-1, -1)
    #: Keys that records which do not count have touched, with the first such offset.
    shadowed: dict[bytes, int] = field(default_factory=dict)
    bytes_fed: int = field(default=0, compare=False)  # keys and values, by feed_all
    _writer: int | None = None
    _sequence: int = -1
    #: Plain tuples: there are millions, and the garbage collector lets go of them.
    _pending: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    _offsets: list[int] = field(default_factory=list)  # of the pending entries

    def feed(self, offset: int, key: bytes, value: bytes | None, stamp: Stamp) -> Applied | None:
        """The next record; what became certain by it, if anything."""
        if stamp.rank < self.rank:
            self._shadow(offset, key)
            return None
        done: Applied | None = None
        if stamp.rank > self.rank or stamp.writer != self._writer:
            self._drop_pending()
            self.rank, self._writer, self._sequence = stamp.rank, stamp.writer, stamp.sequence
        elif stamp.sequence > self._sequence:
            # The writer went on, so what is pending was acknowledged to it as a whole.
            if self._pending:
                done = Applied(self._take_pending(), None, self._resume_at(offset), self.rank)
            self._sequence = stamp.sequence
        if not is_control(key):
            self._pending.append((key, value))
            self._offsets.append(offset)
            return done
        if value is None:
            return done
        control = _control_decoder.decode(value)
        if control.format > FORMAT:
            raise ChangelogError(
                f"a checkpoint of format {control.format} at offset {offset}; this version reads up to {FORMAT}: "
                "run the version that wrote it, or a newer one"
            )
        entries = self._take_pending()
        if done:
            entries = done.entries + entries
        at = self._resume_at(offset + 1)
        if not control.positions:
            return Applied(entries, None, at, self.rank)
        return Applied(entries, control.positions, at, self.rank, control.state_version)

    def feed_all(self, records: Iterable[Any], begin: int, end: int) -> Applied | None:
        """Feed the records with offsets in [begin, end); what became certain by them, as one.

        records: with offset, key, value and headers.  The same as `feed` for each: what it returned, one after the
        other.  Nearly all records have the stamp of the one before and are no control records: those only join the
        pending ones, and a stamp is read again only where its bytes differ.
        """
        pend, pend_offset = self._pending.append, self._offsets.append
        whole: Applied | None = None
        headers: Sequence[tuple[str, bytes]] | None = None  # of the record before
        stamp = Stamp(-1, -1, 0, 0)
        goes_on = False  # the record before was its owner's latest checkpoint's: one like it joins it
        size = 0
        for record in records:
            offset = record.offset
            if not begin <= offset < end:
                continue
            key, value = record.key, record.value
            size += len(key)
            if value is not None:
                size += len(value)
            if record.headers != headers:
                headers = record.headers
                stamp = stamp_of(headers)
            elif goes_on and not key.startswith(_CONTROL):
                pend((key, value))
                pend_offset(offset)
                continue
            done = self.feed(offset, key, value, stamp)
            pend, pend_offset = self._pending.append, self._offsets.append
            goes_on = (stamp.rank, stamp.writer, stamp.sequence) == (self.rank, self._writer, self._sequence)
            if done is not None:
                whole = done if whole is None else whole.then(done)
        self.bytes_fed += size
        return whole

    def end(self) -> None:
        """Nothing follows: a checkpoint without its control record was never finished."""
        self._drop_pending()

    def _resume_at(self, offset: int) -> int:
        """Records in the shadow must be seen again until they are written over."""
        self.next_offset = min((offset, *self.shadowed.values()))
        return self.next_offset

    def _drop_pending(self) -> None:
        offsets = self._offsets
        for offset, (key, _) in zip(offsets, self._take_pending(), strict=True):
            self._shadow(offset, key)

    def _take_pending(self) -> list[tuple[bytes, bytes | None]]:
        taken, self._pending, self._offsets = self._pending, [], []
        return taken

    def _shadow(self, offset: int, key: bytes) -> None:
        if not is_control(key):
            self.shadowed.setdefault(key, offset)


def next_era(recovered: tuple[int, int], generation: int) -> int:
    """The era for a process of `generation` that takes over after `recovered` (era, generation)."""
    era, newest = recovered
    return max(era, 0) + (1 if generation <= newest else 0)


def stamp_of(headers: Sequence[tuple[str, bytes]]) -> Stamp:
    """The stamp in a record's headers."""
    for name, data in headers:
        if name == STAMP_HEADER:
            return Stamp.unpack(data)
    raise ChangelogError("a changelog record without a stamp: something else writes to this topic")
