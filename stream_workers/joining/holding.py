"""Rewards that wait for their decision, inside kernels: rows like those of decisions, chained by name.

A chain is in order of offset.  The columns they have in common with decisions mean the same.  A name's slot has its
first row, which knows the last.  A row that was claimed stays in the order of time, and is free when it comes to its
front.
"""

from typing import Final

from ..bandits.kernel import kernel
from ..columnar.memory import Bytes, copy_bytes
from ..columnar.messagepack import put
from . import columns as c
from .join import keep_body, span, take_row
from .moments import HEAD, TAIL, Counts
from .names import Secret, Slots, Table, find, hash_of, vacate
from .parsing import Places

RECEIVED: Final = c.ORDINAL  # the record's offset
REWARDED: Final = c.DECIDED  # effective time
APPENDED: Final = c.HORIZON  # append time
LAST: Final = c.OFFSET  # in the first row of a name: the last one
NEXT_ROW: Final = c.OLDER


@kernel(
    "UniTuple(i8, 2)(i8[:, ::1], i4[::1], u1[::1], u1[::1], i8[:, ::1], i8[::1], i8[::1], u1[::1], i8[::1], i8[::1],"
    "i8[::1], i8[::1], i8[:, ::1], u8[::1], i8)"
)
def hold(
    rows: Table,
    slots: Slots,
    notes: Bytes,
    ring: Bytes,
    run: Table,
    order: Counts,
    marks: Places,
    data: Bytes,
    offsets: Places,
    timestamps: Places,
    value_at: Places,
    value_size: Places,
    parsed: Table,
    secret: Secret,
    begin: int,
) -> tuple[int, int]:
    """Keep the rewards of a batch whose verdict is HELD.  (first record not handled, why)."""
    for i in range(begin, offsets.shape[0]):
        if parsed[i, c.VERDICT] != c.HELD:
            continue
        if marks[c.NOTES_END] + c.MOST_NOTES > notes.shape[0]:
            return i, c.NOTES_FULL
        body = keep_body(ring, marks, data, value_at[i], value_size[i])
        if body == c.NOWHERE:
            return i, c.RING_FULL
        tenant, id_at, id_size = parsed[i, c.OF], parsed[i, c.ID], parsed[i, c.ID_BYTES]
        hashed = hash_of(secret, tenant, data, id_at, id_size)
        slot, known = find(slots, rows, notes, hashed, tenant, data, id_at, id_size)
        row = take_row(rows, marks)
        at = marks[c.NOTES_END]
        rows[row, c.HASH] = hashed
        rows[row, RECEIVED] = offsets[i]
        rows[row, REWARDED] = parsed[i, c.TIME]
        rows[row, APPENDED] = timestamps[i]
        rows[row, c.BODY], rows[row, c.BODY_SIZE] = body, value_size[i]
        rows[row, c.NOTES], rows[row, c.ID_SIZE] = at, id_size
        rows[row, c.AWAITED], rows[row, c.OBSERVED] = 0, parsed[i, c.PART_BYTES]
        rows[row, c.TENANT] = tenant
        rows[row, c.STATUS] = c.OPEN
        rows[row, NEXT_ROW] = c.NONE
        at = put(notes, at, data, id_at, id_size)
        marks[c.NOTES_END] = put(notes, at, data, parsed[i, c.PART], parsed[i, c.PART_BYTES])
        if known:
            first = slots[slot]
            rows[rows[first, LAST], NEXT_ROW] = row
            rows[first, LAST] = row
        else:
            slots[slot] = row
            rows[row, LAST] = row
        marks[c.OPENED] += 1
        at = order[TAIL] & (run.shape[0] - 1)
        run[at, 0], run[at, 1] = parsed[i, c.TIME], row
        order[TAIL] += 1
    return offsets.shape[0], c.FINISHED


@kernel()
def _unchain(rows: Table, slots: Slots, slot: int, before: int, row: int) -> None:
    """Take a row out of its name's chain.  before: the one before it there, or NONE."""
    after = rows[row, NEXT_ROW]
    first = slots[slot]
    if before != c.NONE:
        rows[before, NEXT_ROW] = after
        if after == c.NONE:
            rows[first, LAST] = before
    elif after == c.NONE:
        vacate(slots, rows, slot)
    else:
        slots[slot] = after
        rows[after, LAST] = rows[row, LAST]


@kernel()
def _release(rows: Table, marks: Places, row: int, stale: Places, found: int) -> int:
    """The row is not held any more; how many offsets of rows that the state has are in `stale` then."""
    rows[row, c.STATUS] &= ~c.OPEN
    marks[c.OPENED] -= 1
    marks[c.NOTES_LOST] += rows[row, c.ID_SIZE] + rows[row, c.OBSERVED]
    if rows[row, c.STATUS] & c.STORED:
        stale[found] = rows[row, RECEIVED]
        found += 1
    return found


@kernel(
    "UniTuple(i8, 2)(i8[:, ::1], i4[::1], u1[::1], i8[::1], u1[::1], i8[:, ::1], i8[::1], u8[::1], i8, i8,"
    "i8[:, ::1], i8[::1])"
)
def claim(
    rows: Table,
    slots: Slots,
    notes: Bytes,
    marks: Places,
    data: Bytes,
    parsed: Table,
    fresh: Places,
    secret: Secret,
    early: int,
    remember: int,
    claimed: Table,
    stale: Places,
) -> tuple[int, int]:
    """Take out what belongs to the new decisions of a batch (parsed; fresh: their rows).

    claimed gets it as parsed rewards, whose positions are in `notes`, in order of decision and offset; stale: the
    offsets of those that the state has.  Both are at least as long as there are rewards held.
    (rewards claimed, offsets in stale).
    """
    count = found = 0
    for i in range(parsed.shape[0]):
        if marks[c.OPENED] == 0:
            break
        if fresh[i] == c.NONE:
            continue
        tenant, id_at, id_size = parsed[i, c.OF], parsed[i, c.ID], parsed[i, c.ID_BYTES]
        hashed = hash_of(secret, tenant, data, id_at, id_size)
        slot, known = find(slots, rows, notes, hashed, tenant, data, id_at, id_size)
        if not known:
            continue
        earliest = parsed[i, c.TIME] - early
        latest = parsed[i, c.TIME] + span(parsed[i, c.SPAN]) + remember
        before, row = c.NONE, slots[slot]
        while row >= 0 and rows[row, REWARDED] <= latest:
            after = rows[row, NEXT_ROW]
            if rows[row, REWARDED] >= earliest:
                claimed[count, c.VERDICT] = c.PLAIN
                claimed[count, c.OF] = tenant
                claimed[count, c.ID], claimed[count, c.ID_BYTES] = rows[row, c.NOTES], id_size
                claimed[count, c.PART] = rows[row, c.NOTES] + id_size
                claimed[count, c.PART_BYTES] = rows[row, c.OBSERVED]
                claimed[count, c.SPAN] = fresh[i]
                claimed[count, c.TIME] = rows[row, REWARDED]
                count += 1
                _unchain(rows, slots, slot, before, row)
                found = _release(rows, marks, row, stale, found)
            else:
                before = row
            row = after
    return count, found


@kernel("i8(i8[:, ::1], i8[:, ::1], i8[::1], i8[::1])")
def front(rows: Table, run: Table, order: Counts, marks: Places) -> int:
    """The first row that is held, or NONE; those before it that are not become free."""
    while order[HEAD] < order[TAIL]:
        row = run[order[HEAD] & (run.shape[0] - 1), 1]
        if rows[row, c.STATUS] & c.OPEN:
            return row
        rows[row, c.STATUS] = 0
        rows[row, NEXT_ROW] = marks[c.FREE]
        marks[c.FREE] = row
        marks[c.KNOWN] -= 1
        order[HEAD] += 1
    return c.NONE


@kernel("i8(i8[:, ::1], i4[::1], i8[::1], i8, i8[::1])")
def give_up(rows: Table, slots: Slots, marks: Places, row: int, stale: Places) -> int:
    """Take out the first row that is held; how many offsets (0 or 1) stale got."""
    mask = slots.shape[0] - 1
    slot = rows[row, c.HASH] & mask
    while slots[slot] != row:
        slot = (slot + 1) & mask
    _unchain(rows, slots, slot, c.NONE, row)
    return _release(rows, marks, row, stale, 0)


@kernel("i8(i8[:, ::1], i8, u1[::1], u1[::1])")
def gather_held(rows: Table, used: int, notes: Bytes, new: Bytes) -> int:
    """Copy the notes of the rows held into `new`, without gaps; bytes copied."""
    at = 0
    for row in range(used):
        if rows[row, c.STATUS] & c.OPEN:
            size = rows[row, c.ID_SIZE] + rows[row, c.OBSERVED]
            copy_bytes(new, at, notes, rows[row, c.NOTES], size)
            rows[row, c.NOTES] = at
            at += size
    return at
