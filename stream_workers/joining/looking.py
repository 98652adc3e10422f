"""Finds an open decision by its name, for who follows from it."""

from ..bandits.kernel import kernel
from ..columnar.memory import Bytes
from .columns import NONE, OLDER, OPEN, STATUS
from .names import Secret, Slots, Table, find, hash_of


@kernel("i8(i4[::1], i8[:, ::1], u1[::1], u8[::1], i8, u1[::1])")
def open_row(slots: Slots, rows: Table, notes: Bytes, secret: Secret, tenant: int, name: Bytes) -> int:
    """The row of the first decision of a tenant with that id (its bytes) whose outcome has not ended, or NONE."""
    hashed = hash_of(secret, tenant, name, 0, name.shape[0])
    slot, known = find(slots, rows, notes, hashed, tenant, name, 0, name.shape[0])
    found = NONE
    row = slots[slot] if known else NONE
    while row != NONE:
        if rows[row, STATUS] & OPEN != 0:
            found = row
        row = rows[row, OLDER]
    return found
