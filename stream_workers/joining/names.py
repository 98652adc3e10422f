"""From a tenant and an id to what is known under that name: open addressing in arrays, inside kernels.

Names come from outside.  A hit is compared byte for byte, so no two names are ever taken for one; and the hash is
SipHash-1-3 (Aumasson, Bernstein 2012) with a key that each process draws, as Python's own for strings, so that nobody
can send names that all fall into one place.  Nothing that is written depends on it.
"""

import secrets

import numpy as np
from numpy.typing import NDArray

from ..bandits.kernel import kernel
from ..columnar.memory import Bytes, equal
from .columns import HASH, ID_SIZE, NOTES, OLDER, TENANT

Slots = NDArray[np.int32]  # -1: empty; as many as a power of two
Table = NDArray[np.int64]
Secret = NDArray[np.uint64]

#: This process's key.
SECRET: Secret = np.frombuffer(secrets.token_bytes(16), np.uint64).copy()


@kernel()
def _rotate(word: np.uint64, bits: int) -> np.uint64:
    return (word << np.uint64(bits)) | (word >> np.uint64(64 - bits))


@kernel()
def _round(a: np.uint64, b: np.uint64, c: np.uint64, d: np.uint64) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    a += b
    b = _rotate(b, 13) ^ a
    a = _rotate(a, 32)
    c += d
    d = _rotate(d, 16) ^ c
    a += d
    d = _rotate(d, 21) ^ a
    c += b
    b = _rotate(b, 17) ^ c
    c = _rotate(c, 32)
    return a, b, c, d


@kernel()
def hash_of(secret: Secret, first: int, data: Bytes, at: int, size: int) -> int:
    """SipHash-1-3 of the number `first` (8 bytes) and data[at : at + size], as int64."""
    a = secret[0] ^ np.uint64(0x736F6D6570736575)
    b = secret[1] ^ np.uint64(0x646F72616E646F6D)
    c = secret[0] ^ np.uint64(0x6C7967656E657261)
    d = secret[1] ^ np.uint64(0x7465646279746573)
    word = np.uint64(first)
    d ^= word
    a, b, c, d = _round(a, b, c, d)
    a ^= word
    whole = at + size - size % 8
    for begin in range(at, whole, 8):
        word = np.uint64(0)
        for i in range(8):
            word |= np.uint64(data[begin + i]) << np.uint64(8 * i)
        d ^= word
        a, b, c, d = _round(a, b, c, d)
        a ^= word
    word = np.uint64((size + 8) & 0xFF) << np.uint64(56)
    for i in range(size % 8):
        word |= np.uint64(data[whole + i]) << np.uint64(8 * i)
    d ^= word
    a, b, c, d = _round(a, b, c, d)
    a ^= word
    c ^= np.uint64(0xFF)
    a, b, c, d = _round(a, b, c, d)
    a, b, c, d = _round(a, b, c, d)
    a, b, c, d = _round(a, b, c, d)
    return np.int64(a ^ b ^ c ^ d)


@kernel()
def find(
    slots: Slots, rows: Table, notes: Bytes, hashed: int, tenant: int, data: Bytes, at: int, size: int
) -> tuple[int, bool]:
    """(slot of the name's latest row, True), or (slot where it would go, False)."""
    mask = slots.shape[0] - 1
    slot = hashed & mask
    while slots[slot] >= 0:
        row = slots[slot]
        if (
            rows[row, HASH] == hashed
            and rows[row, TENANT] == tenant
            and rows[row, ID_SIZE] == size
            and equal(notes, rows[row, NOTES], data, at, size)
        ):
            return slot, True
        slot = (slot + 1) & mask
    return slot, False


@kernel()
def slot_of(slots: Slots, rows: Table, row: int) -> int:
    """The slot of the latest row of the same name as `row`."""
    mask = slots.shape[0] - 1
    slot = rows[row, HASH] & mask
    while True:
        each = slots[slot]
        while each >= 0:
            if each == row:
                return slot
            each = rows[each, OLDER]
        slot = (slot + 1) & mask


@kernel()
def vacate(slots: Slots, rows: Table, slot: int) -> None:
    """Take a name out, and move those after it to where they are found."""
    mask = slots.shape[0] - 1
    hole = slot
    slots[hole] = -1
    each = (hole + 1) & mask
    while slots[each] >= 0:
        home = rows[slots[each], HASH] & mask
        if ((each - home) & mask) >= ((each - hole) & mask):
            slots[hole] = slots[each]
            slots[each] = -1
            hole = each
        each = (each + 1) & mask


@kernel("void(i4[::1], i4[::1], i8[:, ::1])")
def move(old: Slots, new: Slots, rows: Table) -> None:
    """Enter all names of `old` into `new`, which is empty and has room."""
    mask = new.shape[0] - 1
    for i in range(old.shape[0]):
        if old[i] >= 0:
            slot = rows[old[i], HASH] & mask
            while new[slot] >= 0:
                slot = (slot + 1) & mask
            new[slot] = old[i]


@kernel()
def find_tenant(
    slots: Slots, tenants: Table, names: Bytes, secret: Secret, data: Bytes, at: int, size: int
) -> tuple[int, int]:
    """(tenant or -1, the slot where it is or would go).  tenants: where each one's name begins, and its bytes."""
    mask = slots.shape[0] - 1
    slot = hash_of(secret, 0, data, at, size) & mask
    while slots[slot] >= 0:
        tenant = slots[slot]
        if tenants[tenant, 1] == size and equal(names, tenants[tenant, 0], data, at, size):
            return np.int64(tenant), slot
        slot = (slot + 1) & mask
    return -1, slot


@kernel("void(i4[::1], i8[:, ::1], u1[::1], u8[::1], i8, i8)")
def enter_tenants(slots: Slots, tenants: Table, names: Bytes, secret: Secret, begin: int, end: int) -> None:
    """Enter tenants begin to end (exclusive), which are new."""
    for tenant in range(begin, end):
        _, slot = find_tenant(slots, tenants, names, secret, names, tenants[tenant, 0], tenants[tenant, 1])
        slots[slot] = tenant
