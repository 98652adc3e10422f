"""Known decisions as they are in the state (`entries.Open`, `entries.Done`), written and read a batch in one call."""

import numpy as np

from ..bandits.kernel import kernel
from ..columnar.memory import Bytes, big_endian, put_big_endian
from ..columnar.messagepack import put, put_text_head, read_array, read_integer, read_map, read_number, read_text, skip
from . import columns as c
from .join import enter, take_row
from .names import Secret, Slots, Table, find, find_tenant, hash_of
from .outcomes import observed, put_large_count, put_number, put_observations
from .parsing import Places


@kernel()
def _characters(data: Bytes, at: int, size: int) -> int:
    count = 0
    for i in range(at, at + size):
        if data[i] & 0xC0 != 0x80:
            count += 1
    return count


@kernel()
def _put_array(data: Bytes, at: int, notes: Bytes, begin: int, end: int) -> int:
    """Write texts, one after another in notes, as an array."""
    count, place = 0, begin
    while place < end:
        _, _, place = read_text(notes, place, end)
        count += 1
    if count < 16:
        data[at] = np.uint8(0x90 | count)
        at += 1
    else:
        data[at] = np.uint8(0xDC)
        put_big_endian(data, at + 1, 2, count)
        at += 3
    return put(data, at, notes, begin, end - begin)


@kernel("i8(i8[:, ::1], u1[::1], u1[::1], i8[::1], i8[:, ::1], u1[::1], i8[::1], i8, u1[::1], i8[:, ::1])")
def write_entries(
    rows: Table,
    notes: Bytes,
    ring: Bytes,
    marks: Places,
    tenants: Table,
    names: Bytes,
    order: Places,
    begin: int,
    out: Bytes,
    places: Table,
) -> int:
    """Write the entries of the rows in `order`, from `begin` on until `out` is full; the first not written.

    places: (n, 3) where each begins, its size, and 1 where the decision has to be put at its end.
    """
    at = np.int64(0)
    for i in range(begin, order.shape[0]):
        row = order[i]
        if at + c.MOST_NOTES + rows[row, c.BODY_SIZE] > out.shape[0]:
            return i
        is_open = rows[row, c.STATUS] & c.OPEN != 0
        places[i, 0] = at
        out[at] = 0x98 if is_open else 0x95
        out[at + 1] = 0 if is_open else 1
        tenant, tenant_size, id_size = (
            tenants[rows[row, c.TENANT], 0],
            tenants[rows[row, c.TENANT], 1],
            rows[row, c.ID_SIZE],
        )
        at = put_text_head(out, at + 2, 1 + tenant_size + id_size)
        out[at] = np.uint8(_characters(names, tenant, tenant_size))
        at = put(out, at + 1, names, tenant, tenant_size)
        at = put(out, at, notes, rows[row, c.NOTES], id_size)
        at = put_number(out, at, rows[row, c.DECIDED])
        at = put_large_count(out, at, rows[row, c.HORIZON])
        awaited = rows[row, c.NOTES] + id_size
        observed_at, observed_end = observed(rows, row)
        lacks = False
        if is_open:
            at = _put_array(out, at, notes, awaited, observed_at)
            at = put_observations(out, at, notes, observed_at, observed_end)
            at = put_number(out, at, rows[row, c.OFFSET])
            lacks = rows[row, c.BODY] == c.NOWHERE or rows[row, c.BODY] < marks[c.RING_TAIL]
            if not lacks:
                put(out, at, ring, rows[row, c.BODY] & (ring.shape[0] - 1), rows[row, c.BODY_SIZE])
            at += rows[row, c.BODY_SIZE]
        else:
            at = _put_array(out, at, notes, observed_at, observed_end)
        places[i, 1] = at - places[i, 0]
        places[i, 2] = 1 if lacks else 0
        rows[row, c.STATUS] |= c.STORED
    return order.shape[0]


@kernel()
def _read_count(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """A number up to 2^64 - 1, as two's complement."""
    if at >= 0 and at + 9 <= end and data[at] == 0xCF:
        return np.int64(big_endian(data, at + 1, 8)), at + 9
    return read_integer(data, at, end)


@kernel()
def _skip_texts(data: Bytes, at: int, end: int, step: int, count: int) -> int:
    for _ in range(count):
        _, _, at = read_text(data, at, end)
        if step:
            _, at = read_number(data, at, end)
    return at


@kernel(
    "UniTuple(i8, 2)(u1[::1], i8[::1], i8[::1], i8[::1], i4[::1], i8[:, ::1], u1[::1], u8[::1], i8[:, ::1], i4[::1],"
    "u1[::1], i8[::1], i8)"
)
def read_entries(
    data: Bytes,
    value_at: Places,
    value_size: Places,
    ordinals: Places,
    tenant_slots: Slots,
    tenants: Table,
    names: Bytes,
    secret: Secret,
    rows: Table,
    slots: Slots,
    notes: Bytes,
    marks: Places,
    begin: int,
) -> tuple[int, int]:
    """Know the decisions of entries in ascending order of ordinal.  (first one not read, why).

    There must be room for their rows, names and notes.
    """
    for i in range(begin, value_at.shape[0]):
        at, end = value_at[i], value_at[i] + value_size[i]
        fields, at = read_array(data, at, end)
        tag, at = read_integer(data, at, end)
        name, name_size, at = read_text(data, at, end)
        decided, at = read_integer(data, at, end)
        horizon, at = _read_count(data, at, end)
        known_fields = 8 if tag == 0 else 5
        if at < 0 or name_size < 1 or not 0 <= tag <= 1 or fields < known_fields:
            return i, c.BROKEN
        awaited = awaited_end = offset = np.int64(0)
        count, texts = read_array(data, at, end)
        at = _skip_texts(data, texts, end, 0, count)
        if tag == 0:
            awaited, awaited_end = texts, at
            count, texts = read_map(data, at, end)
            at = _skip_texts(data, texts, end, 1, count)
            texts_end = at
            offset, at = read_integer(data, at, end)
            body = at
            at = skip(data, at, end)
        else:
            texts_end = body = at
        body_size = at - body
        for _ in range(fields - known_fields):  # of a newer release
            at = skip(data, at, end)
        if at != end:
            return i, c.BROKEN
        tenant_end = name + 1
        for _ in range(data[name]):
            tenant_end += 1
            while tenant_end < name + name_size and data[tenant_end] & 0xC0 == 0x80:
                tenant_end += 1
        if tenant_end > name + name_size:
            return i, c.BROKEN
        tenant, _ = find_tenant(tenant_slots, tenants, names, secret, data, name + 1, tenant_end - name - 1)
        if tenant < 0:
            return i, c.NEW_TENANT
        id_size = name + name_size - tenant_end
        hashed = hash_of(secret, tenant, data, tenant_end, id_size)
        slot, known = find(slots, rows, notes, hashed, tenant, data, tenant_end, id_size)
        row = take_row(rows, marks)
        enter(slots, rows, slot, known, row)
        rows[row, c.HASH] = hashed
        rows[row, c.ORDINAL] = ordinals[i]
        rows[row, c.DECIDED] = decided
        rows[row, c.HORIZON] = horizon
        rows[row, c.OFFSET] = offset
        rows[row, c.BODY], rows[row, c.BODY_SIZE] = c.NOWHERE, body_size
        rows[row, c.ID_SIZE] = id_size
        rows[row, c.AWAITED], rows[row, c.OBSERVED] = awaited_end - awaited, texts_end - texts
        rows[row, c.TENANT] = tenant
        rows[row, c.STATUS] = c.STORED | (c.OPEN if tag == 0 else c.OVER)
        rows[row, c.NOTES] = marks[c.NOTES_END]
        to = put(notes, marks[c.NOTES_END], data, tenant_end, id_size)
        to = put(notes, to, data, awaited, awaited_end - awaited)
        marks[c.NOTES_END] = put(notes, to, data, texts, texts_end - texts)
        marks[c.OPENED] += 1 if tag == 0 else 0
    return value_at.shape[0], c.FINISHED
