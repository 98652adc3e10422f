"""Decisions written in place: a whole batch of them encoded by one call, to the byte as `schemas.wire` encodes them."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.events import Decision

from ..bandits.kernel import kernel
from ..columnar.memory import Bytes
from ..columnar.messagepack import NIL, put, put_bytes_head, put_count, put_text_head
from ..columnar.rows import FetchedRecords, Rows
from .contexts import PlainContexts
from .routes import HEAD_AT, HEAD_SIZE, MIDDLE_SIZE, TAIL_SIZE, Templates
from .table import Choices

Places = NDArray[np.int64]

_FIELDS: Final = 1 + len(Decision.__struct_fields__)
_TAG: Final = str(Decision.__struct_config__.tag).encode()
_BEGIN: Final = np.frombuffer(bytearray([0xDC, 0, _FIELDS, 0xA0 | len(_TAG), *_TAG]), np.uint8)
assert 16 <= _FIELDS < 256  # the array's head is three bytes, of which the last is the number of elements

#: More than the heads of a decision's fields and its numbers take: five heads of at most 5 bytes, three numbers of 9,
#: three fields that are nil.
_HEADS: Final = 64


@kernel(
    "void(u1[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[::1], f4[:,::1], i8[::1], i8[::1], "
    "f4[:,::1], f4[:,::1], i8, u1[::1], i8[:,::1], u1[::1], i8[::1], i8[::1])"
)
def write_decisions(
    data: Bytes,
    offsets: Places,
    row: Places,
    slot: Places,
    id_at: Places,
    id_size: Places,
    unit_at: Places,
    unit_size: Places,
    features: NDArray[np.float32],
    widths: Places,
    choice: Places,
    propensities: NDArray[np.float32],
    scores: NDArray[np.float32],
    learned: int,
    templates: Bytes,
    places: Places,
    out: Bytes,
    value_at: Places,
    value_size: Places,
) -> None:
    """Encode m decisions into out, one after another.

    data, offsets: of the batch of contexts; row to features: as in `PlainContexts`; widths (2 per slot, one after the
    other): features and enabled arms; choice (m,), propensities and scores (m, at least the enabled arms).
    """
    at = 0
    for i in range(row.shape[0]):
        begin, which = at, slot[i]
        d, k = 4 * widths[2 * which], 4 * widths[2 * which + 1]
        head, head_size = places[which, HEAD_AT], places[which, HEAD_SIZE]
        middle_size, tail_size = places[which, MIDDLE_SIZE], places[which, TAIL_SIZE]
        at = put(out, at, _BEGIN, 0, _BEGIN.shape[0])
        at = put(out, put_text_head(out, at, id_size[i]), data, id_at[i], id_size[i])
        at = put(out, at, templates, head, head_size)
        at = put_count(out, at, choice[i])
        at = put(out, put_bytes_head(out, at, k), propensities, 4 * i * propensities.shape[1], k)
        at = put(out, put_bytes_head(out, at, k), scores, 4 * i * scores.shape[1], k)
        at = put(out, put_bytes_head(out, at, d), features, 4 * i * features.shape[1], d)
        at = put(out, at, templates, head + head_size, middle_size)
        at = put_count(out, at, learned)
        at = put(out, at, templates, head + head_size + middle_size, tail_size)
        at = put_count(out, at, offsets[row[i]])
        if unit_size[i] > 0:
            at = put(out, put_text_head(out, at, unit_size[i]), data, unit_at[i], unit_size[i])
        else:
            out[at] = NIL
            at += 1
        out[at] = out[at + 1] = out[at + 2] = NIL  # after, chain, restrictions
        at += 3
        value_at[i], value_size[i] = begin, at - begin


@kernel("i8(i8[::1], i8[::1], i8[::1], i8[::1], i8[:,::1])")
def room(slot: Places, id_size: Places, unit_size: Places, widths: Places, places: Places) -> int:
    """Bytes that m decisions take at most."""
    size = 0
    for i in range(slot.shape[0]):
        which = slot[i]
        size += places[which, HEAD_SIZE] + places[which, MIDDLE_SIZE] + places[which, TAIL_SIZE]
        size += (
            _BEGIN.shape[0]
            + _HEADS
            + id_size[i]
            + max(unit_size[i], 0)
            + 4 * widths[2 * which]
            + 8 * widths[2 * which + 1]
        )
    return size


def encode(
    records: FetchedRecords,
    plain: PlainContexts,
    widths: Places,
    choices: Choices,
    learned: int,
    templates: Templates,
) -> Rows:
    """Decisions of the plain contexts of a batch, keyed as these.  widths: (slots, 2) features and enabled arms."""
    m = len(plain.row)
    flat = widths.reshape(-1)
    out = np.empty(room(plain.slot, plain.id_size, plain.unit_size, flat, templates.places), np.uint8)
    value_at, value_size = np.empty(m, np.int64), np.empty(m, np.int64)
    write_decisions(
        records.data, records.offsets, plain.row, plain.slot, plain.id_at, plain.id_size, plain.unit_at,
        plain.unit_size, plain.features, flat, *choices, learned, templates.data, templates.places,
        out, value_at, value_size,
    )  # fmt: skip
    return Rows(records.data, records.key_at[plain.row], records.key_size[plain.row], out, value_at, value_size)
