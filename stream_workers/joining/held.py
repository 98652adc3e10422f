"""Rewards whose decision is not known yet, held until it comes or cannot come any more.

In memory are rows, ids and observations; whole records, which are written to the state or to dead letters, only as far
as no checkpoint has them, or `cached_bytes` allow.
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from schemas.errors import CroupierError
from stream_workers.columnar.memory import Bytes
from stream_workers.columnar.rows import FetchedRecords
from stream_workers.runtime.stage import State

from . import columns as c
from .batch import Batch, BatchReader
from .entries import HeldReward, decode_held, encode
from .holding import APPENDED, RECEIVED, REWARDED, claim, front, gather_held, give_up, hold
from .moments import HEAD, TAIL, Moments
from .names import SECRET, Slots, Table, move
from .parsing import Places
from .ring import Ring
from .tallies import Tallies

_PREFIX = b"h"
_LOADED = 4096


class HeldRewards:
    """Early rewards of one partition, by name and by time.  cached_bytes: of records kept in memory whole."""

    def __init__(self, state: State, tallies: Tallies, reader: BatchReader, cached_bytes: int) -> None:
        self._state = state
        self._tallies = tallies
        self._marks: Places = np.zeros(c.MARKS, np.int64)
        self._marks[c.FREE] = c.NONE
        self._rows: Table = np.zeros((16, c.ROW), np.int64)
        self._slots: Slots = np.full(32, -1, np.int32)
        self._notes: Bytes = np.empty(2 * c.MOST_NOTES, np.uint8)
        self._ring = Ring(self._marks, cached_bytes)
        self._order = Moments()  # by effective time, which is by offset
        self._saved = 0  # of the order: rows before are in the state, unless they are gone
        self._stale: list[int] = []  # offsets to delete at the next flush
        found = state.scan(_PREFIX)
        while batch := [decode_held(value) for _, value in islice(found, _LOADED)]:
            records = FetchedRecords.of(batch)
            read = reader.rewards(records, np.array([each.rewarded_at for each in batch], np.int64))
            if read.refused:
                row, error = read.refused[0]
                raise CroupierError(
                    f"the joiner's state holds a reward, offset {batch[row].offset}, that this version cannot read "
                    f"({error}): was it written by a newer one?"
                )
            read.parsed[:, c.VERDICT] = c.HELD
            self.hold(records, read)
            self._is_saved()

    def __len__(self) -> int:
        """How many are held."""
        return int(self._marks[c.OPENED])

    @property
    def in_ring(self) -> int:
        """Bytes of records that are in memory."""
        return len(self._ring)

    def hold(self, records: FetchedRecords, batch: Batch) -> None:
        """Keep the rewards of a batch with the verdict HELD; offsets and times come ascending."""
        self._make_room(int(np.count_nonzero(batch.parsed[:, c.VERDICT] == c.HELD)))
        row = 0
        while row < len(records):
            row, why = hold(
                self._rows, self._slots, self._notes, self._ring.data, self._order.run, self._order.counts, self._marks,
                batch.data, records.offsets, records.timestamps, records.value_at, records.value_size, batch.parsed,
                SECRET, row,
            )  # fmt: skip
            if why == c.NOTES_FULL:
                live = int(self._marks[c.NOTES_END] - self._marks[c.NOTES_LOST])
                notes = np.empty(2 * (live + c.MOST_NOTES), np.uint8)
                self._marks[c.NOTES_END] = gather_held(self._rows, self._marks[c.USED], self._notes, notes)
                self._marks[c.NOTES_LOST] = 0
                self._notes = notes
            elif why == c.RING_FULL:
                self._ring.grow()

    def claim(self, batch: Batch, fresh: Places, early_ms: int, remember_ms: int) -> Batch:
        """Take out the rewards that belong to the new decisions of a batch, in order of decision and offset.

        fresh: (n,) the decisions' rows, which the rewards then name.
        """
        claimed = np.empty((len(self), c.PARSED), np.int64)
        stale = np.empty(len(self), np.int64)
        count, found = claim(
            self._rows, self._slots, self._notes, self._marks, batch.data, batch.parsed, fresh, SECRET,
            min(early_ms, c.ENDLESS), min(remember_ms, c.ENDLESS), claimed, stale,
        )  # fmt: skip
        self._stale += stale[:found].tolist()
        return Batch(self._notes, claimed[:count], [])

    def earliest(self) -> int | None:
        """The effective time of the first reward held."""
        if not self._marks[c.KNOWN]:
            return None
        row = front(self._rows, self._order.run, self._order.counts, self._marks)
        return None if row == c.NONE else int(self._rows[row, REWARDED])

    def expire(self, before: int) -> Iterator[HeldReward]:
        """Take out the rewards with an effective time less than `before`."""
        stale = np.empty(1, np.int64)
        while (earliest := self.earliest()) is not None and earliest < before:
            row = front(self._rows, self._order.run, self._order.counts, self._marks)
            reward = self._whole(self._rows[row].tolist())
            self._stale += stale[: give_up(self._rows, self._slots, self._marks, row, stale)].tolist()
            yield reward

    def flush(self) -> None:
        """Put what came, and is still held, into the state, and delete what went."""
        head, tail = self._order.counts[[HEAD, TAIL]].tolist()
        run, rows = self._order.run, self._rows
        came = run[np.arange(max(head, self._saved), tail) & (len(run) - 1), 1]
        held = rows[came[rows[came, c.STATUS] & c.OPEN != 0]]
        for row in held.tolist():
            self._state.put(_key(row[RECEIVED]), encode(self._whole(row)))
        for offset in self._stale:
            self._state.delete(_key(offset))
        self._stale.clear()
        self._is_saved()

    def _is_saved(self) -> None:
        head, tail = self._order.counts[[HEAD, TAIL]].tolist()
        run = self._order.run
        self._rows[run[np.arange(max(head, self._saved), tail) & (len(run) - 1), 1], c.STATUS] |= c.STORED
        self._saved = tail
        self._ring.saved()

    def _whole(self, row: list[int]) -> HeldReward:
        """A row as the record that came."""
        if not self._ring.has(row[c.BODY]):
            value = self._state.get(_key(row[RECEIVED]))
            if value is None:
                raise CroupierError(
                    f"the joiner's state has no reward with offset {row[RECEIVED]}, which its index holds: the state "
                    "was changed by somebody else; restart the worker, which reads it anew"
                )
            return decode_held(value)
        tenant = self._tallies.text(row[c.TENANT])
        at = row[c.NOTES]
        name = chr(len(tenant)) + tenant + bytes(self._notes.data[at : at + row[c.ID_SIZE]]).decode()
        value = self._ring.read(row[c.BODY], row[c.BODY_SIZE])
        return HeldReward(row[RECEIVED], row[APPENDED], tenant.encode(), value, row[REWARDED], name)

    def _make_room(self, more: int) -> None:
        known = int(self._marks[c.KNOWN])
        if len(self._rows) - known < more:
            rows = np.zeros((max(len(self._rows) + more, len(self._rows) * 3 // 2), c.ROW), np.int64)
            rows[: len(self._rows)] = self._rows
            self._rows = rows
        if 3 * (known + more) > 2 * len(self._slots):
            slots = np.full(1 << (3 * (known + more) // 2).bit_length(), -1, np.int32)
            move(self._slots, slots, self._rows)
            self._slots = slots
        head = int(self._order.counts[HEAD])
        if self._order.make_room(more):
            self._saved -= head


def _key(offset: int) -> bytes:
    return _PREFIX + offset.to_bytes(8, "big")
