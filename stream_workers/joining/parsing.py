"""Plain records read into columns, a batch in one call.

Plain is what our own router and clients write: every text ASCII and in its shortest form, every observation a float64,
no field more or less, nothing to refuse.  All else is left to `schemas.wire`, one by one, and so is the reason why.
"""

import math

import numpy as np
from numpy.typing import NDArray

from schemas.events import MAX_ARMS, MAX_EVENT_BYTES, MAX_FEATURES, MAX_OBSERVATIONS

from ..bandits.kernel import kernel
from ..columnar.memory import Bytes, equal
from ..columnar.messagepack import (
    NIL,
    is_ascii,
    read_array,
    read_bytes,
    read_integer,
    read_map,
    read_number,
    read_text,
)
from .columns import (
    ENDLESS,
    ID,
    ID_BYTES,
    NONE,
    OF,
    PART,
    PART_BYTES,
    PLAIN,
    SPAN,
    UNUSUAL,
    VERDICT,
)
from .names import Secret, Slots, Table, find_tenant

Places = NDArray[np.int64]

_ID, _NAME = 128, 64  # characters, as schemas.events.Id and Name

_DECISION = np.frombuffer(b"\xdc\x00\x13\xaadecision.1", np.uint8).copy()
_DECISION_BEFORE_RESTRICTIONS = np.frombuffer(b"\xdc\x00\x12\xaadecision.1", np.uint8).copy()
_DECISION_BEFORE_UNITS = np.frombuffer(b"\x9f\xaadecision.1", np.uint8).copy()
_REWARD = np.frombuffer(b"\x95\xa8reward.1", np.uint8).copy()
_COST = np.frombuffer(b"cost", np.uint8).copy()
_LATENCY = np.frombuffer(b"latency_ms", np.uint8).copy()
_SUCCESS = np.frombuffer(b"success", np.uint8).copy()
_ERROR = np.frombuffer(b"error", np.uint8).copy()


@kernel()
def _begins(data: Bytes, at: int, end: int, what: Bytes) -> bool:
    size = what.shape[0]
    return at + size <= end and equal(data, at, what, 0, size)


@kernel()
def _text(data: Bytes, at: int, end: int, most: int) -> tuple[int, int, int]:
    """As `read_text`, for a plain text of 1 to `most` characters."""
    start, size, after = read_text(data, at, end)
    if after < 0 or not 1 <= size <= most or start - at != (1 if size < 32 else 2) or not is_ascii(data, start, size):
        return -1, 0, -1
    return start, size, after


@kernel()
def _texts(data: Bytes, at: int, end: int, least: int, most: int) -> tuple[int, int, int]:
    """(number of names in an array, position of the first, position after the last)."""
    count, begin = read_array(data, at, end)
    at = begin
    if begin < 0 or not least <= count <= most:
        return 0, -1, -1
    for _ in range(count):
        _, _, at = _text(data, at, end, _NAME)
        if at < 0:
            return 0, -1, -1
    return count, begin, at


@kernel()
def _count(data: Bytes, at: int, end: int) -> tuple[int, int]:
    value, after = read_integer(data, at, end)
    return (value, after) if value >= 0 else (0, -1)


@kernel()
def _is_nil(data: Bytes, at: int, end: int) -> bool:
    return 0 <= at < end and data[at] == NIL


@kernel()
def _origin(data: Bytes, at: int, end: int) -> int:
    """The position after a decision's unit, after and chain."""
    for most in (_NAME, _ID):
        if _is_nil(data, at, end):
            at += 1
        else:
            _, _, at = _text(data, at, end, most)
    if _is_nil(data, at, end):
        return at + 1
    chain, after = read_number(data, at, end)
    return after if after > 0 and data[at] == 0xCB and 0.0 < chain <= 1.0 else -1


@kernel()
def _restrictions(data: Bytes, at: int, end: int) -> int:
    """The position after a decision's restrictions."""
    if _is_nil(data, at, end):
        return at + 1
    count, at = read_map(data, at, end)
    if at < 0 or count > MAX_ARMS:
        return -1
    for _ in range(2 * count):
        _, _, at = _text(data, at, end, _NAME)
        if at < 0:
            return -1
    return at


@kernel()
def _owner(
    data: Bytes,
    key_at: int,
    key_size: int,
    at: int,
    size: int,
    last: int,
    slots: Slots,
    tenants: Table,
    names: Bytes,
    secret: Secret,
) -> tuple[bool, int]:
    """(the key is the tenant, the tenant's number or -1 if it is new).  last: the tenant of the record before."""
    if key_size != size or not equal(data, key_at, data, at, size):
        return False, -1
    if last >= 0 and tenants[last, 1] == size and equal(names, tenants[last, 0], data, at, size):
        return True, last
    tenant, _ = find_tenant(slots, tenants, names, secret, data, at, size)
    return True, tenant


@kernel("void(u1[::1], i8[::1], i8[::1], i8[::1], i8[::1], i4[::1], i8[:, ::1], u1[::1], u8[::1], i8[:, ::1])")
def parse_decisions(
    data: Bytes,
    key_at: Places,
    key_size: Places,
    value_at: Places,
    value_size: Places,
    slots: Slots,
    tenants: Table,
    names: Bytes,
    secret: Secret,
    parsed: Table,
) -> None:
    """Fill `parsed` (all but the time) for the decisions that are plain, and say which are not."""
    last = np.int64(-1)
    for i in range(value_at.shape[0]):
        parsed[i, VERDICT] = UNUSUAL
        at, end = value_at[i], value_at[i] + value_size[i]
        if value_size[i] > MAX_EVENT_BYTES:
            continue
        restricted = _begins(data, at, end, _DECISION)
        with_units = restricted or _begins(data, at, end, _DECISION_BEFORE_RESTRICTIONS)
        if not with_units and not _begins(data, at, end, _DECISION_BEFORE_UNITS):
            continue
        head = _DECISION if with_units else _DECISION_BEFORE_UNITS
        id_at, id_size, at = _text(data, at + head.shape[0], end, _ID)
        tenant_at, tenant_size, at = _text(data, at, end, _NAME)
        _, _, at = _text(data, at, end, _NAME)  # domain
        arms, _, at = _texts(data, at, end, 1, MAX_ARMS)
        choice, at = _count(data, at, end)
        _, propensities, at = read_bytes(data, at, end)
        _, scores, at = read_bytes(data, at, end)
        _, features, at = read_bytes(data, at, end)
        _, _, at = _text(data, at, end, _NAME)  # policy
        _, at = _count(data, at, end)  # spec
        _, at = _count(data, at, end)  # learned
        horizon, at = _count(data, at, end)
        _, awaited, at = _texts(data, at, end, 0, MAX_OBSERVATIONS)
        awaited_end = at
        _, at = _count(data, at, end)  # context's offset
        if with_units:
            at = _origin(data, at, end)
        if restricted:
            at = _restrictions(data, at, end)
        if at != end or choice >= arms or propensities != 4 * arms:
            continue
        if scores > 4 * MAX_ARMS or features > 4 * MAX_FEATURES or horizon > ENDLESS:
            continue
        same, tenant = _owner(data, key_at[i], key_size[i], tenant_at, tenant_size, last, slots, tenants, names, secret)
        if not same:
            continue
        last = tenant
        parsed[i, VERDICT] = PLAIN
        parsed[i, OF] = tenant
        parsed[i, ID], parsed[i, ID_BYTES] = id_at, id_size
        parsed[i, PART], parsed[i, PART_BYTES] = awaited, awaited_end - awaited
        parsed[i, SPAN] = horizon


@kernel()
def _observations(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """(position of the first of plain observations nobody refuses, position after the last)."""
    count, begin = read_map(data, at, end)
    at = begin
    if begin < 0 or not 1 <= count <= MAX_OBSERVATIONS:
        return -1, -1
    for _ in range(count):
        here = at
        start, size, at = _text(data, at, end, _NAME)
        if at < 0 or at >= end or data[at] != 0xCB:
            return -1, -1
        value, at = read_number(data, at, end)
        if at < 0 or not math.isfinite(value):
            return -1, -1
        if value < 0 and (
            (size == 4 and equal(data, start, _COST, 0, 4)) or (size == 10 and equal(data, start, _LATENCY, 0, 10))
        ):
            return -1, -1
        if not 0 <= value <= 1 and (
            (size == 7 and equal(data, start, _SUCCESS, 0, 7)) or (size == 5 and equal(data, start, _ERROR, 0, 5))
        ):
            return -1, -1
        before = begin
        while before < here:
            other, other_size, before = read_text(data, before, here)
            before += 9
            if other_size == size and equal(data, other, data, start, size):
                return -1, -1
    return begin, at


@kernel("void(u1[::1], i8[::1], i8[::1], i8[::1], i8[::1], i4[::1], i8[:, ::1], u1[::1], u8[::1], i8[:, ::1])")
def parse_rewards(
    data: Bytes,
    key_at: Places,
    key_size: Places,
    value_at: Places,
    value_size: Places,
    slots: Slots,
    tenants: Table,
    names: Bytes,
    secret: Secret,
    parsed: Table,
) -> None:
    """Fill `parsed` (all but the time) for the rewards that are plain, and say which are not."""
    last = np.int64(-1)
    for i in range(value_at.shape[0]):
        parsed[i, VERDICT] = UNUSUAL
        at, end = value_at[i], value_at[i] + value_size[i]
        if value_size[i] > MAX_EVENT_BYTES or not _begins(data, at, end, _REWARD):
            continue
        _, _, at = _text(data, at + _REWARD.shape[0], end, _ID)
        tenant_at, tenant_size, at = _text(data, at, end, _NAME)
        id_at, id_size, at = _text(data, at, end, _ID)
        part, at = _observations(data, at, end)
        if at != end:
            continue
        same, tenant = _owner(data, key_at[i], key_size[i], tenant_at, tenant_size, last, slots, tenants, names, secret)
        if not same:
            continue
        last = tenant
        parsed[i, VERDICT] = PLAIN
        parsed[i, OF] = tenant
        parsed[i, ID], parsed[i, ID_BYTES] = id_at, id_size
        parsed[i, PART], parsed[i, PART_BYTES] = part, at - part
        parsed[i, SPAN] = NONE
