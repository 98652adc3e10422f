"""Named arrays to bytes and back: little-endian, with dtype and shape, in MessagePack."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from .arrays import Arrangement, Arrays
from .kernel import kernel

Bytes = NDArray[np.uint8]

#: Columns of `Packing`'s pieces.
_HEAD, _PACKED, _OWN, _ROWS, _SIDE = range(5)


def pack(arrays: Mapping[str, NDArray[Any]], form: str = "") -> bytes:
    """The same bytes for the same form, names, order, shapes and bits.  form: what the arrays mean, "kind.number"."""
    entries = [_entry(name, array) for name, array in arrays.items()]
    return msgspec.msgpack.encode([form, *entries] if form else entries)


def _entry(name: str, array: NDArray[Any]) -> tuple[str, str, list[int], bytes]:
    return name, array.dtype.newbyteorder("<").str, list(array.shape), np.ascontiguousarray(array).tobytes()


def unpack(data: bytes) -> dict[str, NDArray[Any]]:
    """Arrays of their own (writable), by name."""
    entries = msgspec.msgpack.decode(data, type=list[str | tuple[str, str, list[int], bytes]])
    found = [each for each in entries if not isinstance(each, str)]
    return {name: np.frombuffer(raw, dtype).reshape(shape).copy() for name, dtype, shape, raw in found}


def form_of(data: bytes) -> str:
    """The form that bytes of `pack` say, "" if they say none or are no such bytes."""
    try:
        entries = msgspec.msgpack.decode(data, type=list[msgspec.Raw])
        return msgspec.msgpack.decode(entries[0], type=str) if entries else ""
    except (msgspec.DecodeError, msgspec.ValidationError):
        return ""


@kernel("void(u1[::1], u1[::1], i8[:,::1])")
def gather(own: Bytes, packed: Bytes, pieces: NDArray[np.int64]) -> None:
    """Copy each piece from its place among the arrays to its place among the bytes; of squares, upper triangles."""
    for p in range(pieces.shape[0]):
        to, begin, rows, side = pieces[p, _PACKED], pieces[p, _OWN], pieces[p, _ROWS], pieces[p, _SIDE]
        if side == 0:
            packed[to : to + rows] = own[begin : begin + rows]
            continue
        for a in range(rows):
            for i in range(side):
                at, size = begin + 8 * ((a * side + i) * side + i), 8 * (side - i)
                packed[to : to + size] = own[at : at + size]
                to += size


@kernel("b1(u1[::1], u1[::1], u1[::1], i8[:,::1])")
def scatter(own: Bytes, packed: Bytes, template: Bytes, pieces: NDArray[np.int64]) -> bool:
    """The inverse of `gather`; False, and nothing is copied, if what is between the pieces is not the template's."""
    if packed.shape[0] != template.shape[0]:
        return False
    for p in range(pieces.shape[0]):
        for i in range(pieces[p, _HEAD], pieces[p, _PACKED]):
            if packed[i] != template[i]:
                return False
    numbers = own.view(np.float64)
    for p in range(pieces.shape[0]):
        at, begin, rows, side = pieces[p, _PACKED], pieces[p, _OWN], pieces[p, _ROWS], pieces[p, _SIDE]
        if side == 0:
            own[begin : begin + rows] = packed[at : at + rows]
            continue
        first = begin // 8
        for _ in range(rows):
            for i in range(side):
                here, size = 8 * (first + i * side + i), 8 * (side - i)
                own[here : here + size] = packed[at : at + size]
                at += size
                for j in range(i):
                    numbers[first + i * side + j] = numbers[first + j * side + i]
            first += side * side
    return True


class Packing:
    """`pack` and `unpack` for arrays of one arrangement, a single call each; the bytes are those of `pack`.

    names: the arrays in the order of the bytes, under the names they have there; squares: those of shape (K, m, m) that
    are symmetric, packed as their upper triangles (K, m (m + 1) / 2); form: see `pack`.  The number in a form is raised
    whenever the same arrays come to mean something else, so that bytes of before are refused, not misread.
    """

    def __init__(
        self,
        arrangement: Arrangement,
        names: Mapping[str, str],
        squares: frozenset[str] = frozenset(),
        form: str = "",
    ) -> None:
        count = len(names) + bool(form)
        template = bytearray(msgspec.msgpack.encode([None] * count)[: -count or None])  # a list's head, by its length
        if form:
            template += msgspec.msgpack.encode(form)
        pieces: list[tuple[int, ...]] = []
        for name, own in names.items():
            at, dtype, shape = arrangement.parts[own]
            square = own in squares
            array = np.zeros((shape[0], shape[1] * (shape[1] + 1) // 2) if square else shape, dtype)
            head = len(template) if pieces else 0
            template += msgspec.msgpack.encode(_entry(name, array))
            rows, side = (shape[0], shape[1]) if square else (array.nbytes, 0)
            pieces.append((head, len(template) - array.nbytes, at, rows, side))
        self._pieces: Final = np.array(pieces, np.int64)
        self._template: Final = np.frombuffer(template, np.uint8)
        self._form: Final = form
        self._what: Final = ", ".join(f"{name} {arrangement.parts[own].shape}" for name, own in names.items())

    @property
    def size(self) -> int:
        """How many bytes it makes."""
        return len(self._template)

    def pack(self, arrays: Arrays) -> bytes:
        """Their bytes."""
        packed = self._template.copy()
        gather(arrays.data, packed, self._pieces)
        return packed.tobytes()

    def unpack(self, data: bytes, arrays: Arrays) -> None:
        """Take what was packed; ValueError if these are not the bytes of such arrays."""
        # a copy, because compiled code tells arrays that must not be written apart
        if not scatter(arrays.data, np.frombuffer(bytearray(data), np.uint8), self._template, self._pieces):
            found = form_of(data)
            if self._form and found and found != self._form:
                raise ValueError(
                    f"a state of format {found}; this version reads {self._form}: rebuild it from the outcomes log"
                )
            raise ValueError(
                f"{len(data)} bytes are not those of {self._what} ({len(self._template)} bytes): the state was written "
                "under another specification or is damaged; rebuild it from the outcomes log"
            )
