"""Named arrays to bytes and back: little-endian, with dtype and shape, in MessagePack."""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray


def pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The same bytes for the same names, order, shapes and bits."""
    return msgspec.msgpack.encode(
        [
            (name, array.dtype.newbyteorder("<").str, list(array.shape), np.ascontiguousarray(array).tobytes())
            for name, array in arrays.items()
        ]
    )


def unpack(data: bytes) -> dict[str, NDArray[Any]]:
    """Arrays of their own (writable), by name."""
    entries = msgspec.msgpack.decode(data, type=list[tuple[str, str, list[int], bytes]])
    return {name: np.frombuffer(raw, dtype).reshape(shape).copy() for name, dtype, shape, raw in entries}
