"""The decisions a partition knows: an index of them in arrays, their content in the state.

A known decision takes 112 bytes in a row (`columns`), 4 to 16 in the table of names, 16 in an order of moments, and its
id and the names of its components.  Its record's bytes stay in a ring in memory until a checkpoint has written them,
and then for as long as `cached_bytes` allow.  The state has one key per decision, its ordinal, so that new ones are
written, and old ones deleted, in order.
"""

import struct
from collections.abc import Callable
from itertools import islice

import numpy as np

from schemas.errors import CroupierError
from stream_workers.columnar.memory import Bytes
from stream_workers.columnar.rows import Rows
from stream_workers.runtime.stage import State

from . import columns as c
from .entries import Open, decode_entry, tenant_of
from .join import apply_decisions, apply_rewards, earliest_open, end_due, enter_moments, forget, gather_notes
from .looking import open_row
from .moments import Moments
from .names import SECRET, Slots, Table, move
from .parsing import Places
from .ring import Ring
from .storing import read_entries, write_entries
from .tallies import Tallies

_PREFIX = b"d"
_FLOAT = struct.Struct(">d")
_LEAST_OUT = 1 << 17
_MOST_OUT = 1 << 20
_ENDED = 4096
_STEPS = 4096
_LOADED = 4096
_OPEN = 0x98  # an array of 8: entries.Open without fields of a newer release

#: written(rows): outcomes, in order.
Written = Callable[[Rows], None]


class Decisions:
    """Open and remembered decisions of one partition.

    next_ordinal: of the next one that counts; cached_bytes: of records kept in memory from checkpoint to checkpoint.
    """

    def __init__(self, state: State, tallies: Tallies, next_ordinal: int, cached_bytes: int, written: Written) -> None:
        self._state = state
        self._tallies = tallies
        self._written = written
        self._marks: Places = np.zeros(c.MARKS, np.int64)
        self._marks[c.FREE] = c.NONE
        self._marks[c.NEXT] = next_ordinal
        self._marks[[c.DUE_FROM, c.OVER_FROM]] = -c.NEVER  # not known yet
        self._rows: Table = np.zeros((16, c.ROW), np.int64)
        self._changed: Places = np.zeros(16, np.int64)
        self._slots: Slots = np.full(32, -1, np.int32)
        self._notes: Bytes = np.empty(2 * c.MOST_NOTES, np.uint8)
        self._ring = Ring(self._marks, cached_bytes)
        self._due = Moments()  # by deadline: the open ones, and those over before it
        self._over = Moments()  # by deadline: those over, when it has passed
        self._out: Bytes = np.empty(_LEAST_OUT, np.uint8)
        self._ended: Table = np.zeros((_ENDED, c.ENDED), np.int64)
        self._stale: list[int] = []  # ordinals to delete at the next flush
        self._load()

    @property
    def open(self) -> int:
        """How many outcomes have not ended."""
        return int(self._marks[c.OPENED])

    @property
    def known(self) -> int:
        """How many decisions are open or remembered."""
        return int(self._marks[c.KNOWN])

    @property
    def next_ordinal(self) -> int:
        """The ordinal of the next decision that counts."""
        return int(self._marks[c.NEXT])

    @property
    def in_ring(self) -> int:
        """Bytes of records that are in memory."""
        return len(self._ring)

    def add(
        self,
        data: Bytes,
        offsets: Places,
        value_at: Places,
        value_size: Places,
        parsed: Table,
        remember_ms: int,
    ) -> Places:
        """Know the plain decisions of a batch that count: the row of each, NONE where it does not count."""
        count = len(offsets)
        self._make_room(count)
        fresh = np.empty(count, np.int64)
        row, why = 0, c.OUT_FULL
        while row < count:
            row, why = apply_decisions(
                self._rows, self._slots, self._notes, self._ring.data, self._due.run, self._due.heap, self._due.counts,
                self._changed, self._tallies.counts, self._marks, data, offsets, value_at, value_size, parsed, SECRET,
                min(remember_ms, c.ENDLESS), row, fresh,
            )  # fmt: skip
            self._mend(why)
        return fresh

    def find_open(self, tenant: bytes, name: bytes) -> tuple[bytes, dict[str, float]] | None:
        """The record of a decision whose outcome has not ended, and what was observed; None: there is none."""
        number = self._tallies.known(tenant)
        if number is None or not name:
            return None
        wanted = np.frombuffer(bytearray(name), np.uint8)
        row = open_row(self._slots, self._rows, self._notes, SECRET, number, wanted)
        if row == c.NONE:
            return None
        body = self._record(row)
        begin = int(self._rows[row, [c.NOTES, c.ID_SIZE, c.AWAITED]].sum())
        notes = self._notes[begin : begin + int(self._rows[row, c.OBSERVED])].tobytes()
        seen = 0
        observations: dict[str, float] = {}
        while seen < len(notes):  # a text with its head, then eight bytes of a number after theirs
            head = 1 if notes[seen] < 0xD9 else 2
            length = notes[seen] & 0x1F if head == 1 else notes[seen + 1]
            end = seen + head + length
            observations[notes[seen + head : end].decode()] = _FLOAT.unpack_from(notes, end + 1)[0]
            seen = end + 9
        return body, observations

    def ordinals(self, rows: Places) -> Places:
        """Of decisions by their rows; NONE stays."""
        return np.where(rows == c.NONE, c.NONE, self._rows[rows, c.ORDINAL])

    def known_of(self, tenant: bytes) -> list[tuple[int, int, bytes | None]]:
        """Ordinal, effective time and record of what is known of a tenant; None: the outcome ended."""
        number = self._tallies.known(tenant)
        if number is None:
            return []
        used = self._rows[: self._marks[c.USED]]
        rows = np.flatnonzero((used[:, c.TENANT] == number) & (used[:, c.STATUS] & (c.OPEN | c.OVER) != 0))
        found: list[tuple[int, int, bytes | None]] = []
        for row in rows.tolist():
            is_open = bool(used[row, c.STATUS] & c.OPEN)
            body = self._record(row) if is_open else None
            found.append((int(used[row, c.ORDINAL]), int(used[row, c.DECIDED]), body))
        return found

    def _record(self, row: int) -> bytes:
        """Of an open decision."""
        size = int(self._rows[row, c.BODY_SIZE])
        if self._ring.has(at := int(self._rows[row, c.BODY])):
            return self._ring.read(at, size)
        (key,) = _split(self._rows[row : row + 1, c.ORDINAL])
        return (self._state.get(_PREFIX + key) or b"")[-size:]

    def join(self, data: Bytes, parsed: Table, early_ms: int, remember_ms: int, decided_until: int) -> None:
        """Join the plain rewards of a batch; the verdict on those that belong to no known decision changes."""
        row, count = 0, len(parsed)
        early_ms = min(early_ms, c.ENDLESS)
        while row < count:
            row, why = apply_rewards(
                self._rows, self._slots, self._notes, self._ring.data, self._changed, self._tallies.counts, self._marks,
                self._out, self._ended, data, parsed, SECRET, early_ms, min(remember_ms, c.ENDLESS), decided_until, row,
            )  # fmt: skip
            self._mend(why)
        self._hand_over()

    def end_due(self, before: int) -> None:
        """End by horizon what is open with a deadline less than `before`."""
        if before <= self._marks[c.DUE_FROM]:
            return
        why = c.STEPS_TAKEN
        while why != c.FINISHED:
            self._over.make_room(_STEPS)
            why = end_due(
                self._rows, self._notes, self._ring.data, self._due.run, self._due.heap, self._due.counts,
                self._over.run, self._over.heap, self._over.counts, self._changed, self._tallies.counts, self._marks,
                self._out, self._ended, before, _STEPS,
            )  # fmt: skip
            self._mend(why)
        self._hand_over()

    def earliest_deadline(self) -> int | None:
        """The first deadline of an outcome that has not ended."""
        why, deadline = c.STEPS_TAKEN, 0
        while why == c.STEPS_TAKEN:
            self._over.make_room(_STEPS)
            why, deadline = earliest_open(
                self._rows, self._due.run, self._due.heap, self._due.counts, self._over.run, self._over.heap,
                self._over.counts, _STEPS,
            )  # fmt: skip
        self._marks[c.OVER_FROM] = -c.NEVER
        return int(deadline) if why == c.FINISHED else None

    def forget(self, before: int) -> None:
        """Forget the ended decisions whose deadline is less than `before`."""
        if before <= self._marks[c.OVER_FROM]:
            return
        stale = np.empty(_STEPS, np.int64)
        found = _STEPS
        while found == _STEPS:
            found = forget(
                self._rows, self._slots, self._over.run, self._over.heap, self._over.counts, self._marks, before, stale
            )
            self._stale += stale[:found].tolist()

    def flush(self) -> None:
        """Put what changed into the state, and keep in memory no more than was asked for."""
        marks, rows = self._marks, self._rows
        changed = self._changed[: marks[c.TO_WRITE]]
        alive = changed[rows[changed, c.STATUS] & (c.OPEN | c.OVER) != 0]
        order = np.ascontiguousarray(alive[np.argsort(rows[alive, c.ORDINAL])])
        self._write(order)
        rows[changed, c.STATUS] &= ~c.CHANGED
        marks[c.TO_WRITE] = 0
        for key in _split(np.array(self._stale, np.int64)):
            self._state.delete(_PREFIX + key)
        self._stale.clear()
        self._ring.saved()

    def _write(self, order: Places) -> None:
        places = np.zeros((len(order), 3), np.int64)
        keys = [_PREFIX + key for key in _split(self._rows[order, c.ORDINAL])]
        put, begin = self._state.put, 0
        while begin < len(order):
            end = write_entries(
                self._rows, self._notes, self._ring.data, self._marks, self._tallies.places, self._tallies.names, order,
                begin, self._out, places,
            )  # fmt: skip
            if end == begin:
                self._mend(c.OUT_FULL)
                continue
            written = places[begin:end]
            lacking = np.flatnonzero(written[:, 2])
            self._complete(written[lacking, 0] + written[lacking, 1], order[begin:end][lacking])
            data = self._out.data
            for key, at, after in zip(
                keys[begin:end], written[:, 0].tolist(), (written[:, 0] + written[:, 1]).tolist(), strict=True
            ):
                put(key, bytes(data[at:after]))
            begin = end

    def _hand_over(self) -> None:
        """Hand on the outcomes that were written."""
        marks = self._marks
        count = int(marks[c.OUT_COUNT])
        if not count:
            return
        ended = self._ended[:count]
        lacking = ended[ended[:, c.LACKS] != c.NONE]
        self._complete(lacking[:, c.AT] + lacking[:, c.SIZE], lacking[:, c.LACKS])
        tenants = self._tallies.places[ended[:, c.WHOSE]]
        self._written(
            Rows(
                self._tallies.names,
                np.ascontiguousarray(tenants[:, 0]),
                np.ascontiguousarray(tenants[:, 1]),
                self._out,
                np.ascontiguousarray(ended[:, c.AT]),
                np.ascontiguousarray(ended[:, c.SIZE]),
            )
        )
        marks[c.OUT_COUNT] = marks[c.OUT_END] = 0

    def _complete(self, ends: Places, rows: Places) -> None:
        """Put decisions' bytes, from the state, before these positions of what was written."""
        if not len(rows):
            return
        get, data = self._state.get, self._out.data
        keys, sizes = _split(self._rows[rows, c.ORDINAL]), self._rows[rows, c.BODY_SIZE].tolist()
        for end, key, size in zip(ends.tolist(), keys, sizes, strict=True):
            value = get(_PREFIX + key)
            if value is None or len(value) < size:
                raise CroupierError(
                    f"the joiner's state has no decision with ordinal {int.from_bytes(key, 'big')}, which its index "
                    "holds: the state was changed by somebody else; restart the worker, which reads it anew"
                )
            if value[0] == _OPEN:  # the decision is the last of its fields
                data[end - size : end] = value[-size:]
            else:
                entry = decode_entry(value)
                assert isinstance(entry, Open)
                data[end - size : end] = bytes(entry.decision)

    def _mend(self, why: int) -> None:
        """Make room where a kernel found none."""
        marks = self._marks
        if why == c.OUT_FULL:
            self._hand_over()
            if len(self._out) < _MOST_OUT:
                self._out = np.empty(2 * len(self._out), np.uint8)
        elif why == c.NOTES_FULL:
            live = int(marks[c.NOTES_END] - marks[c.NOTES_LOST])
            notes = np.empty(2 * (live + c.MOST_NOTES), np.uint8)
            marks[c.NOTES_END] = gather_notes(self._rows, marks[c.USED], self._notes, notes)
            marks[c.NOTES_LOST] = 0
            self._notes = notes
        elif why == c.RING_FULL:
            self._ring.grow()

    def _make_room(self, more: int) -> None:
        """Let `more` decisions be added."""
        marks = self._marks
        if self._free() < more:
            size = max(len(self._rows) + more, len(self._rows) * 3 // 2)
            rows = np.zeros((size, c.ROW), np.int64)
            rows[: len(self._rows)] = self._rows
            changed = np.zeros(size, np.int64)
            changed[: len(self._changed)] = self._changed
            self._rows, self._changed = rows, changed
        names = int(marks[c.KNOWN]) + more
        if 3 * names > 2 * len(self._slots):
            slots = np.full(1 << (3 * names // 2).bit_length(), -1, np.int32)
            move(self._slots, slots, self._rows)
            self._slots = slots
        self._due.make_room(more)

    def _free(self) -> int:
        return len(self._rows) - int(self._marks[c.KNOWN])

    def _load(self) -> None:
        found = self._state.scan(_PREFIX)
        while batch := list(islice(found, _LOADED)):
            self._load_batch([key for key, _ in batch], [value for _, value in batch])
        marks, rows = self._marks, self._rows
        used = int(marks[c.USED])
        horizon = np.where(
            (rows[:used, c.HORIZON] < 0) | (rows[:used, c.HORIZON] > c.ENDLESS), c.ENDLESS, rows[:used, c.HORIZON]
        )
        order = np.lexsort((rows[:used, c.ORDINAL], rows[:used, c.DECIDED] + horizon))
        self._due.make_room(used)
        enter_moments(rows, self._due.run, self._due.heap, self._due.counts, order)

    def _load_batch(self, keys: list[bytes], values: list[bytes]) -> None:
        marks = self._marks
        data = np.frombuffer(b"".join(values), np.uint8).copy()
        sizes = np.array([len(value) for value in values], np.int64)
        ordinals = np.frombuffer(b"".join(key[len(_PREFIX) :] for key in keys), ">i8").astype(np.int64)
        self._make_room(len(keys))
        if marks[c.NOTES_END] + len(data) > len(self._notes):
            notes = np.empty(2 * len(self._notes) + len(data), np.uint8)
            notes[: marks[c.NOTES_END]] = self._notes[: marks[c.NOTES_END]]
            self._notes = notes
        row = 0
        while row < len(keys):
            row, why = read_entries(
                data, np.cumsum(sizes) - sizes, sizes, ordinals, self._tallies.slots, self._tallies.places,
                self._tallies.names, SECRET, self._rows, self._slots, self._notes, marks, row,
            )  # fmt: skip
            if why == c.NEW_TENANT:
                self._tallies.number(tenant_of(decode_entry(values[row]).name).encode())
            elif why == c.BROKEN:
                raise CroupierError(
                    f"the joiner's state has an entry of {len(values[row])} bytes with ordinal {ordinals[row]} that "
                    "this version cannot read: was it written by a newer one?"
                )


def _split(ordinals: Places) -> list[bytes]:
    """What follows the prefix in the keys of these ordinals."""
    keys = ordinals.astype(">i8").tobytes()
    return [keys[at : at + 8] for at in range(0, len(keys), 8)]
