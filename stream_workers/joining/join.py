"""The rules of the join (`rules`) over a batch of parsed records, inside kernels: one call a batch.

They stop where an array is full or something is new, and are called again from the record where they stopped.
"""

import numpy as np

from ..bandits.kernel import kernel
from ..columnar.memory import Bytes, copy_bytes
from ..columnar.messagepack import put
from . import columns as c
from .absorbing import absorb, after_the_end, is_complete
from .moments import Counts, first, pop, push
from .names import Secret, Slots, Table, find, hash_of, slot_of, vacate
from .outcomes import end, has_room
from .parsing import Places
from .tallies import (
    BAD,
    DECISIONS,
    DUPLICATE_DECISIONS,
    OUTCOMES_COMPLETE,
    OUTCOMES_HORIZON,
    REWARDS_EARLY,
    REWARDS_JOINED,
    REWARDS_LATE,
    REWARDS_ORPHAN,
)

_CHANGED = BAD + 1


@kernel()
def count(tallies: Table, tenant: int, counted: int) -> None:
    """Count one more."""
    tallies[tenant, counted] += 1
    tallies[tenant, _CHANGED] = 1


@kernel()
def span(horizon: int) -> int:
    """A horizon as an interval that sums of times can hold."""
    return horizon if 0 <= horizon <= c.ENDLESS else np.int64(c.ENDLESS)


@kernel()
def touch(rows: Table, changed: Places, marks: Places, row: int) -> None:
    """Note that the row is to be written."""
    if not rows[row, c.STATUS] & c.CHANGED:
        rows[row, c.STATUS] |= c.CHANGED
        changed[marks[c.TO_WRITE]] = row
        marks[c.TO_WRITE] += 1


@kernel()
def take_row(rows: Table, marks: Places) -> int:
    """A free row; there must be one."""
    row = marks[c.FREE]
    if row >= 0:
        marks[c.FREE] = rows[row, c.OLDER]
    else:
        row = marks[c.USED]
        marks[c.USED] += 1
        rows[row, c.STATUS] = 0
    marks[c.KNOWN] += 1
    return row


@kernel()
def enter(slots: Slots, rows: Table, slot: int, known: bool, row: int) -> None:
    """Make `row` the latest of its name."""
    rows[row, c.OLDER] = slots[slot] if known else c.NONE
    slots[slot] = row


@kernel()
def keep_body(ring: Bytes, marks: Places, data: Bytes, at: int, size: int) -> int:
    """Copy a decision's bytes into the ring; where they are, or NOWHERE: it has to grow first."""
    length = ring.shape[0]
    head = marks[c.RING_HEAD]
    left = length - (head & (length - 1))
    if size > left:
        head += left
    if head + size - length > marks[c.RING_SAVED]:
        return c.NOWHERE
    marks[c.RING_TAIL] = max(marks[c.RING_TAIL], head + size - length)
    marks[c.RING_HEAD] = head + size
    copy_bytes(ring, head & (length - 1), data, at, size)
    return head


@kernel(
    "UniTuple(i8, 2)(i8[:, ::1], i4[::1], u1[::1], u1[::1], i8[:, ::1], i8[:, ::1], i8[::1], i8[::1], i8[:, ::1],"
    "i8[::1], u1[::1], i8[::1], i8[::1], i8[::1], i8[:, ::1], u8[::1], i8, i8, i8[::1])"
)
def apply_decisions(
    rows: Table,
    slots: Slots,
    notes: Bytes,
    ring: Bytes,
    run: Table,
    heap: Table,
    due: Counts,
    changed: Places,
    tallies: Table,
    marks: Places,
    data: Bytes,
    offsets: Places,
    value_at: Places,
    value_size: Places,
    parsed: Table,
    secret: Secret,
    remember: int,
    begin: int,
    fresh: Places,
) -> tuple[int, int]:
    """Know the decisions that count.  fresh: (n,) the row of each that does, NONE for the others.

    There must be room for them in everything but ring and notes.  (first record not handled, why).
    """
    for i in range(begin, offsets.shape[0]):
        fresh[i] = c.NONE
        if parsed[i, c.VERDICT] != c.PLAIN:
            continue
        if marks[c.NOTES_END] + c.MOST_NOTES > notes.shape[0]:
            return i, c.NOTES_FULL
        tenant, time = parsed[i, c.OF], parsed[i, c.TIME]
        id_at, id_size = parsed[i, c.ID], parsed[i, c.ID_BYTES]
        hashed = hash_of(secret, tenant, data, id_at, id_size)
        slot, known = find(slots, rows, notes, hashed, tenant, data, id_at, id_size)
        if known:
            before = slots[slot]
            if time <= rows[before, c.DECIDED] + span(rows[before, c.HORIZON]) + remember:
                count(tallies, tenant, DUPLICATE_DECISIONS)
                continue
        body = keep_body(ring, marks, data, value_at[i], value_size[i])
        if body == c.NOWHERE:
            return i, c.RING_FULL
        count(tallies, tenant, DECISIONS)
        row = take_row(rows, marks)
        at = marks[c.NOTES_END]
        rows[row, c.HASH] = hashed
        rows[row, c.ORDINAL] = marks[c.NEXT]
        rows[row, c.DECIDED] = time
        rows[row, c.HORIZON] = parsed[i, c.SPAN]
        rows[row, c.OFFSET] = offsets[i]
        rows[row, c.BODY], rows[row, c.BODY_SIZE] = body, value_size[i]
        rows[row, c.NOTES], rows[row, c.ID_SIZE] = at, id_size
        rows[row, c.AWAITED], rows[row, c.OBSERVED] = parsed[i, c.PART_BYTES], 0
        rows[row, c.TENANT] = tenant
        at = put(notes, at, data, id_at, id_size)
        marks[c.NOTES_END] = put(notes, at, data, parsed[i, c.PART], parsed[i, c.PART_BYTES])
        rows[row, c.STATUS] |= c.OPEN
        marks[c.NEXT] += 1
        marks[c.OPENED] += 1
        touch(rows, changed, marks, row)
        enter(slots, rows, slot, known, row)
        deadline = time + span(parsed[i, c.SPAN])
        push(run, heap, due, rows, deadline, row)
        marks[c.DUE_FROM] = min(marks[c.DUE_FROM], deadline)
        fresh[i] = row
    return offsets.shape[0], c.FINISHED


@kernel()
def _home(rows: Table, latest: int, time: int, early: int, remember: int) -> int:
    """The first decision of a name that a reward is near enough to, NONE: it is near none."""
    home = np.int64(c.NONE)
    row = latest
    while row >= 0:  # descending ordinals
        decided = rows[row, c.DECIDED]
        if decided - early <= time <= decided + span(rows[row, c.HORIZON]) + remember:
            home = row
        row = rows[row, c.OLDER]
    return home


@kernel(
    "UniTuple(i8, 2)(i8[:, ::1], i4[::1], u1[::1], u1[::1], i8[::1], i8[:, ::1], i8[::1], u1[::1], i8[:, ::1],"
    "u1[::1], i8[:, ::1], u8[::1], i8, i8, i8, i8)"
)
def apply_rewards(
    rows: Table,
    slots: Slots,
    notes: Bytes,
    ring: Bytes,
    changed: Places,
    tallies: Table,
    marks: Places,
    out: Bytes,
    ended: Table,
    data: Bytes,
    parsed: Table,
    secret: Secret,
    early: int,
    remember: int,
    decided_until: int,
    begin: int,
) -> tuple[int, int]:
    """Join rewards; those that belong to no known decision get another verdict.  (first one not handled, why)."""
    for i in range(begin, parsed.shape[0]):
        if parsed[i, c.VERDICT] != c.PLAIN:
            continue
        if marks[c.NOTES_END] + c.MOST_NOTES > notes.shape[0]:
            return i, c.NOTES_FULL
        tenant, time = parsed[i, c.OF], parsed[i, c.TIME]
        row = parsed[i, c.SPAN]
        if row == c.NONE:
            id_at, id_size = parsed[i, c.ID], parsed[i, c.ID_BYTES]
            hashed = hash_of(secret, tenant, data, id_at, id_size)
            slot, known = find(slots, rows, notes, hashed, tenant, data, id_at, id_size)
            if known:
                row = _home(rows, slots[slot], time, early, remember)
        if row == c.NONE:
            if decided_until > time + early:
                parsed[i, c.VERDICT] = c.ORPHAN
                count(tallies, tenant, REWARDS_ORPHAN)
            else:
                parsed[i, c.VERDICT] = c.HELD
            continue
        part, size = parsed[i, c.PART], parsed[i, c.PART_BYTES]
        decided = rows[row, c.DECIDED]
        if time > decided + span(rows[row, c.HORIZON]):
            count(tallies, tenant, REWARDS_LATE)
        elif rows[row, c.STATUS] & c.OVER:
            count(tallies, tenant, after_the_end(rows, notes, row, data, part, size))
        else:
            if not has_room(out, ended, marks, rows, row):
                return i, c.OUT_FULL
            kind = absorb(rows, notes, marks, row, data, part, size)
            count(tallies, tenant, kind)
            if kind != REWARDS_JOINED:
                continue
            touch(rows, changed, marks, row)
            if time < decided:
                count(tallies, tenant, REWARDS_EARLY)
            if is_complete(rows, notes, row):
                end(rows, notes, ring, marks, out, ended, row, True, max(decided, time))
                count(tallies, tenant, OUTCOMES_COMPLETE)
    return parsed.shape[0], c.FINISHED


@kernel(
    "i8(i8[:, ::1], u1[::1], u1[::1], i8[:, ::1], i8[:, ::1], i8[::1], i8[:, ::1], i8[:, ::1], i8[::1], i8[::1],"
    "i8[:, ::1], i8[::1], u1[::1], i8[:, ::1], i8, i8)"
)
def end_due(
    rows: Table,
    notes: Bytes,
    ring: Bytes,
    run: Table,
    heap: Table,
    due: Counts,
    later_run: Table,
    later_heap: Table,
    later: Counts,
    changed: Places,
    tallies: Table,
    marks: Places,
    out: Bytes,
    ended: Table,
    before: int,
    most: int,
) -> int:
    """End by horizon what is open with a deadline before `before`, at most so many; why it stopped.

    All rows whose deadline passed go on to the order in which they are forgotten (`later`), which has room for `most`.
    """
    for _ in range(most):
        moment, row = first(run, heap, due, rows)
        if row < 0 or moment >= before:
            marks[c.DUE_FROM] = moment if row >= 0 else c.NEVER
            return c.FINISHED
        if rows[row, c.STATUS] & c.OPEN:
            if not has_room(out, ended, marks, rows, row):
                return c.OUT_FULL
            end(rows, notes, ring, marks, out, ended, row, False, moment)
            count(tallies, rows[row, c.TENANT], OUTCOMES_HORIZON)
            touch(rows, changed, marks, row)
        pop(run, heap, due, rows)
        push(later_run, later_heap, later, rows, moment, row)
        marks[c.OVER_FROM] = min(marks[c.OVER_FROM], moment)
    return c.STEPS_TAKEN


@kernel("UniTuple(i8, 2)(i8[:, ::1], i8[:, ::1], i8[:, ::1], i8[::1], i8[:, ::1], i8[:, ::1], i8[::1], i8)")
def earliest_open(
    rows: Table, run: Table, heap: Table, due: Counts, later_run: Table, later_heap: Table, later: Counts, most: int
) -> tuple[int, int]:
    """(why it stopped, deadline of the first that is open).

    What is over before it, at most so many, goes on to `later`, which has room for `most`.
    """
    for _ in range(most):
        moment, row = first(run, heap, due, rows)
        if row < 0:
            return c.NOTHING_OPEN, 0
        if rows[row, c.STATUS] & c.OPEN:
            return c.FINISHED, moment
        pop(run, heap, due, rows)
        push(later_run, later_heap, later, rows, moment, row)
    return c.STEPS_TAKEN, 0


@kernel("void(i8[:, ::1], i8[:, ::1], i8[:, ::1], i8[::1], i8[::1])")
def enter_moments(rows: Table, run: Table, heap: Table, due: Counts, order: Places) -> None:
    """Enter rows in the order of their deadlines."""
    for row in order:
        push(run, heap, due, rows, rows[row, c.DECIDED] + span(rows[row, c.HORIZON]), row)


@kernel("i8(i8[:, ::1], i4[::1], i8[:, ::1], i8[:, ::1], i8[::1], i8[::1], i8, i8[::1])")
def forget(
    rows: Table, slots: Slots, run: Table, heap: Table, later: Counts, marks: Places, before: int, stale: Places
) -> int:
    """Forget rows that are over and whose deadline is before `before`, at most as many as `stale` holds.

    stale: gets the ordinals that the state holds; how many these are.
    """
    found = 0
    while found < stale.shape[0]:
        moment, row = first(run, heap, later, rows)
        if row < 0 or moment >= before:
            marks[c.OVER_FROM] = moment if row >= 0 else c.NEVER
            break
        pop(run, heap, later, rows)
        slot = slot_of(slots, rows, row)
        if slots[slot] == row:
            if rows[row, c.OLDER] == c.NONE:
                vacate(slots, rows, slot)
            else:
                slots[slot] = rows[row, c.OLDER]
        else:
            newer = slots[slot]
            while rows[newer, c.OLDER] != row:
                newer = rows[newer, c.OLDER]
            rows[newer, c.OLDER] = rows[row, c.OLDER]
        if rows[row, c.STATUS] & c.STORED:
            stale[found] = rows[row, c.ORDINAL]
            found += 1
        marks[c.NOTES_LOST] += rows[row, c.ID_SIZE] + rows[row, c.AWAITED] + rows[row, c.OBSERVED]
        marks[c.KNOWN] -= 1
        rows[row, c.STATUS] &= c.CHANGED
        rows[row, c.OLDER] = marks[c.FREE]
        marks[c.FREE] = row
    return found


@kernel("i8(i8[:, ::1], i8, u1[::1], u1[::1])")
def gather_notes(rows: Table, used: int, notes: Bytes, new: Bytes) -> int:
    """Copy the notes of all rows into `new`, without gaps; bytes copied."""
    at = np.int64(0)
    for row in range(used):
        if rows[row, c.STATUS] & (c.OPEN | c.OVER):
            size = rows[row, c.ID_SIZE] + rows[row, c.AWAITED] + rows[row, c.OBSERVED]
            copy_bytes(new, at, notes, rows[row, c.NOTES], size)
            rows[row, c.NOTES] = at
            at += size
    return at
