"""Contexts read in place: ids, features and draws of a whole batch, for the domains that the router knows.

Read are plain contexts: as our own client encodes them, in the shortest form or not, of a known domain, without arms
of their own, restrictions, or a decision that they follow from, with id and unit in ASCII.  Every other one is left to
the path of single records.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.events import MAX_EVENT_BYTES, Context

from ..bandits.kernel import kernel
from ..bandits.randomness import draw_of
from ..columnar.memory import Bytes, copy_bytes, equal
from ..columnar.messagepack import NIL, is_ascii, read_array, read_bytes, read_optional_text, read_text
from ..columnar.rows import FetchedRecords
from .routes import MISSING, Lookup, find

Places = NDArray[np.int64]

#: What is said of a record that was not read.
OTHER, UNKNOWN_DOMAIN = -1, -2

_TAG: Final = np.frombuffer(bytearray(str(Context.__struct_config__.tag).encode()), np.uint8)
_ID_BYTES, _UNIT_BYTES = 128, 64
#: Elements of a context's array: without the fields that may be left out, and with all that this release knows.
_LEAST: Final = 5
_MOST: Final = 1 + len(Context.__struct_fields__)
assert _MOST == 9
_EXPONENT: Final = np.uint32(0x7F800000)
_MANTISSA: Final = np.uint32(0x007FFFFF)  # of a number with all of the exponent's bits: 0 if it is infinite, not NaN


@kernel(
    "i8(u1[::1], i8[::1], i8[::1], i8[::1], i8[::1], u8[::1], i8[::1], u1[::1], i8[:,::1], u8[::1], i8[::1], "
    "i8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[::1], f4[:,::1], u4[:,::1], f8[::1])"
)
def read_contexts(
    data: Bytes,
    key_at: Places,
    key_size: Places,
    value_at: Places,
    value_size: Places,
    hashes: NDArray[np.uint64],
    slots: Places,
    names: Bytes,
    places: Places,
    seeds: NDArray[np.uint64],
    widths: Places,
    verdicts: Places,
    row: Places,
    slot: Places,
    id_at: Places,
    id_size: Places,
    unit_at: Places,
    unit_size: Places,
    features: NDArray[np.float32],
    bits: NDArray[np.uint32],
    draws: NDArray[np.float64],
) -> int:
    """Read n contexts; how many are plain.

    The tables of `routes.Lookup` come after the record's columns.  Written are verdicts (n,): the slot, or why not;
    and for each plain context, one after another: row (its index), slot, id_at, id_size, unit_at, unit_size (-1: none),
    features (bits: the same memory) and draws (`bandits.randomness`).
    """
    found = 0
    for i in range(value_at.shape[0]):
        at, size = value_at[i], value_size[i]
        verdicts[i] = OTHER
        if size < 0 or size > MAX_EVENT_BYTES or key_size[i] < 0:
            continue
        end = at + size
        count, at = read_array(data, at, end)
        if not _LEAST <= count <= _MOST:
            continue
        tag_at, tag_size, at = read_text(data, at, end)
        if tag_size != _TAG.shape[0] or not equal(data, tag_at, _TAG, 0, tag_size):
            continue
        id_begin, id_length, at = read_text(data, at, end)
        tenant_at, tenant_size, at = read_text(data, at, end)
        domain_at, domain_size, at = read_text(data, at, end)
        features_at, features_size, at = read_bytes(data, at, end)
        if at < 0 or id_length < 1 or id_length > _ID_BYTES or not is_ascii(data, id_begin, id_length):
            continue
        if count > 5:  # eligible
            if at >= end or data[at] != NIL:
                continue
            at += 1
        unit_begin, unit_length = at, -1
        if count > 6:
            unit_begin, unit_length, at = read_optional_text(data, at, end)
            if at < 0 or unit_length == 0 or unit_length > _UNIT_BYTES:
                continue
            if unit_length > 0 and not is_ascii(data, unit_begin, unit_length):
                continue
        if count > 7:  # after
            if at >= end or data[at] != NIL:
                continue
            at += 1
        if count > 8:  # restrictions
            if at >= end or data[at] != NIL:
                continue
            at += 1
        if at != end:
            continue
        which = find(data, tenant_at, tenant_size, domain_at, domain_size, hashes, slots, names, places)
        if which < 0:
            verdicts[i] = UNKNOWN_DOMAIN
            continue
        width = widths[which]
        if features_size != 4 * width:
            continue
        if key_size[i] != tenant_size or not equal(data, key_at[i], data, tenant_at, tenant_size):
            continue
        copy_bytes(features, 4 * found * features.shape[1], data, features_at, features_size)
        infinite, refusing = False, places[which, MISSING] == 0
        for j in range(width):
            special = (bits[found, j] & _EXPONENT) == _EXPONENT
            infinite |= special and (refusing or (bits[found, j] & _MANTISSA) == 0)
        if infinite:
            continue
        draws[found] = draw_of(seeds[which], data, id_begin, id_begin + id_length)
        verdicts[i] = which
        row[found], slot[found] = i, which
        id_at[found], id_size[found] = id_begin, id_length
        unit_at[found], unit_size[found] = unit_begin, unit_length
        found += 1
    return found


class PlainContexts(NamedTuple):
    """m contexts of a batch that can be decided together, in its order."""

    row: Places  # (m,) index in the batch
    slot: Places  # (m,) of their domain
    id_at: Places  # (m,) in the batch's bytes
    id_size: Places
    unit_at: Places
    unit_size: Places  # -1: none
    features: NDArray[np.float32]  # (m, width); row i uses as many as its domain has
    draws: NDArray[np.float64]  # (m,) in [0, 1)


class ContextReader:
    """Reads batches; its arrays are used again for the next one."""

    def __init__(self) -> None:
        self._features = np.empty((0, 0), np.float32)

    def read(self, records: FetchedRecords, lookup: Lookup) -> tuple[PlainContexts, Places]:
        """The plain contexts, and for every record its domain's slot or the verdict (n,)."""
        n = len(records)
        width = lookup.widest
        if self._features.shape[0] < n or self._features.shape[1] != width:
            self._features = np.empty((n, width), np.float32)
        features, draws = self._features, np.empty(n)
        verdicts, row, slot, id_at, id_size, unit_at, unit_size = (np.empty(n, np.int64) for _ in range(7))
        arguments: tuple[Any, ...] = (
            records.data, records.key_at, records.key_size, records.value_at, records.value_size,
            *lookup.arrays(), verdicts, row, slot, id_at, id_size, unit_at, unit_size, features,
            features.view(np.uint32), draws,
        )  # fmt: skip
        m = read_contexts(*arguments)
        plain = PlainContexts(
            row[:m], slot[:m], id_at[:m], id_size[:m], unit_at[:m], unit_size[:m], features[:m], draws[:m]
        )
        return plain, verdicts
