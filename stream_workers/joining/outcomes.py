"""Outcomes as bytes, as msgspec would encode `schemas.events.Outcome`, with the decision's record as it came."""

import numpy as np

from ..bandits.kernel import kernel
from ..columnar.memory import Bytes, put_big_endian
from ..columnar.messagepack import put, put_count, read_text
from .columns import (
    AT,
    AWAITED,
    BODY,
    BODY_SIZE,
    DECIDED,
    ID_SIZE,
    LACKS,
    MOST_NOTES,
    NONE,
    NOTES,
    NOTES_LOST,
    NOWHERE,
    OBSERVED,
    OFFSET,
    OPEN,
    OPENED,
    ORDINAL,
    OUT_COUNT,
    OUT_END,
    OVER,
    RING_TAIL,
    SIZE,
    STATUS,
    TENANT,
    WHOSE,
)
from .names import Table
from .parsing import Places

_BEGIN = np.frombuffer(b"\x98\xa9outcome.1", np.uint8).copy()
_COMPLETE = np.frombuffer(b"\xa8complete", np.uint8).copy()
_HORIZON = np.frombuffer(b"\xa7horizon", np.uint8).copy()


@kernel()
def put_number(data: Bytes, at: int, value: int) -> int:
    """Write a whole number; the position after it."""
    if value >= 0:
        return put_count(data, at, value)
    if value >= -32:
        data[at] = np.uint8(value & 0xFF)
        return at + 1
    size = 1 if value >= -(1 << 7) else 2 if value >= -(1 << 15) else 4 if value >= -(1 << 31) else 8
    data[at] = np.uint8(0xD0 if size == 1 else 0xD1 if size == 2 else 0xD2 if size == 4 else 0xD3)
    put_big_endian(data, at + 1, size, value)
    return at + 1 + size


@kernel()
def put_large_count(data: Bytes, at: int, value: int) -> int:
    """Write a number of 0 or more whose two's complement `value` is."""
    if value >= 0:
        return put_count(data, at, value)
    data[at] = np.uint8(0xCF)
    put_big_endian(data, at + 1, 8, value)
    return at + 9


@kernel()
def observed(rows: Table, row: int) -> tuple[int, int]:
    """(where what was observed begins, where it ends)."""
    begin = rows[row, NOTES] + rows[row, ID_SIZE] + rows[row, AWAITED]
    return begin, begin + rows[row, OBSERVED]


@kernel()
def put_observations(data: Bytes, at: int, notes: Bytes, begin: int, end: int) -> int:
    """Write texts with their numbers as a map; the position after it."""
    count, place = 0, begin
    while place < end:
        _, _, place = read_text(notes, place, end)
        place += 9
        count += 1
    if count < 16:
        data[at] = np.uint8(0x80 | count)
        at += 1
    else:
        data[at] = np.uint8(0xDE)
        put_big_endian(data, at + 1, 2, count)
        at += 3
    return put(data, at, notes, begin, end - begin)


@kernel()
def has_room(out: Bytes, ended: Table, marks: Places, rows: Table, row: int) -> bool:
    """Whether the row's outcome can be written."""
    return marks[OUT_END] + MOST_NOTES + rows[row, BODY_SIZE] <= out.shape[0] and marks[OUT_COUNT] < ended.shape[0]


@kernel()
def end(
    rows: Table,
    notes: Bytes,
    ring: Bytes,
    marks: Places,
    out: Bytes,
    ended: Table,
    row: int,
    complete: bool,
    ended_at: int,
) -> None:
    """Write the row's outcome, and keep of the row what must be remembered.  There must be room."""
    begin = marks[OUT_END]
    at = put(out, begin, _BEGIN, 0, _BEGIN.shape[0])
    at = put_number(out, at, rows[row, ORDINAL])
    at = put(out, at, _COMPLETE, 0, 9) if complete else put(out, at, _HORIZON, 0, 8)
    at = put_number(out, at, rows[row, DECIDED])
    at = put_number(out, at, ended_at)
    observed_at, observed_end = observed(rows, row)
    at = put_observations(out, at, notes, observed_at, observed_end)
    at = put_number(out, at, rows[row, OFFSET])
    size = rows[row, BODY_SIZE]
    lacks = rows[row, BODY] == NOWHERE or rows[row, BODY] < marks[RING_TAIL]
    if not lacks:
        put(out, at, ring, rows[row, BODY] & (ring.shape[0] - 1), size)
    at += size
    index = marks[OUT_COUNT]
    ended[index, AT] = begin
    ended[index, SIZE] = at - begin
    ended[index, WHOSE] = rows[row, TENANT]
    ended[index, LACKS] = row if lacks else NONE
    marks[OUT_END] = at
    marks[OUT_COUNT] += 1
    # Of its notes the id and the names observed stay.
    kept = rows[row, NOTES] + rows[row, ID_SIZE]
    place = observed_at
    while place < observed_end:
        _, _, after = read_text(notes, place, observed_end)
        for i in range(place, after):
            notes[kept] = notes[i]
            kept += 1
        place = after + 9
    marks[NOTES_LOST] += observed_end - kept
    rows[row, AWAITED] = 0
    rows[row, OBSERVED] = kept - rows[row, NOTES] - rows[row, ID_SIZE]
    rows[row, STATUS] = (rows[row, STATUS] & ~OPEN) | OVER
    marks[OPENED] -= 1
