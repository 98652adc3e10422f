"""MessagePack values read and written in byte arrays, inside kernels.

A reader gets (data, at, end) and gives where the value begins or what it is, and where it goes on: -1 when there is
no such value, or it would pass `end`.  Every encoding that the specification allows is read, not only the shortest;
writers write the shortest, as msgspec does.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bandits.kernel import kernel
from .memory import Bytes, big_endian, copy_bytes, float32_of, float64_of, put_big_endian

NIL = 0xC0


@kernel()
def _read_count(data: Bytes, at: int, end: int, short: int, long: int) -> tuple[int, int]:
    """How many follow, and where the first does.  short: the head of none in one byte; long: of a count in two."""
    if 0 <= at < end:
        head = data[at]
        if short <= head <= short + 0x0F:
            return np.int64(head & 0x0F), at + 1
        if head == long and at + 3 <= end:
            return np.int64(big_endian(data, at + 1, 2)), at + 3
        if head == long + 1 and at + 5 <= end:
            return np.int64(big_endian(data, at + 1, 4)), at + 5
    return 0, -1


@kernel()
def read_array(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """(number of elements, position of the first)."""
    return _read_count(data, at, end, 0x90, 0xDC)


@kernel()
def read_map(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """(number of pairs, position of the first)."""
    return _read_count(data, at, end, 0x80, 0xDE)


@kernel()
def read_text(data: Bytes, at: int, end: int) -> tuple[int, int, int]:
    """(position of the first byte, bytes, position after the last).  Whether it is UTF-8 is not looked at."""
    start, size = -1, 0
    if 0 <= at < end:
        head = data[at]
        if 0xA0 <= head <= 0xBF:
            start, size = at + 1, np.int64(head & 0x1F)
        elif head == 0xD9 and at + 2 <= end:
            start, size = at + 2, np.int64(data[at + 1])
        elif head == 0xDA and at + 3 <= end:
            start, size = at + 3, np.int64(big_endian(data, at + 1, 2))
        elif head == 0xDB and at + 5 <= end:
            start, size = at + 5, np.int64(big_endian(data, at + 1, 4))
    if start < 0 or start + size > end:
        return -1, 0, -1
    return start, size, start + size


@kernel()
def read_optional_text(data: Bytes, at: int, end: int) -> tuple[int, int, int]:
    """As `read_text`, and nil, which has -1 bytes."""
    if 0 <= at < end and data[at] == NIL:
        return at, -1, at + 1
    return read_text(data, at, end)


@kernel()
def read_bytes(data: Bytes, at: int, end: int) -> tuple[int, int, int]:
    """(position of the first byte, bytes, position after the last)."""
    start, size = -1, 0
    if 0 <= at < end:
        head = data[at]
        if head == 0xC4 and at + 2 <= end:
            start, size = at + 2, np.int64(data[at + 1])
        elif head == 0xC5 and at + 3 <= end:
            start, size = at + 3, np.int64(big_endian(data, at + 1, 2))
        elif head == 0xC6 and at + 5 <= end:
            start, size = at + 5, np.int64(big_endian(data, at + 1, 4))
    if start < 0 or start + size > end:
        return -1, 0, -1
    return start, size, start + size


@kernel()
def read_integer(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """(value, position after it).  Values above 2^63 - 1 are not read."""
    if not 0 <= at < end:
        return 0, -1
    head = data[at]
    if head <= 0x7F:
        return np.int64(head), at + 1
    if head >= 0xE0:
        return np.int64(head) - 256, at + 1
    if 0xCC <= head <= 0xCF:
        size = 1 << np.int64(head - 0xCC)
        if at + 1 + size <= end:
            value = big_endian(data, at + 1, size)
            if value <= np.uint64(0x7FFFFFFFFFFFFFFF):
                return np.int64(value), at + 1 + size
    elif 0xD0 <= head <= 0xD3:
        size = 1 << np.int64(head - 0xD0)
        if at + 1 + size <= end:
            shift = 64 - 8 * size
            value = big_endian(data, at + 1, size) << np.uint64(shift)
            return np.int64(value) >> shift, at + 1 + size
    return 0, -1


@kernel()
def read_number(data: Bytes, at: int, end: int) -> tuple[float, int]:
    """(float64 or float32 or integer as float64, position after it)."""
    if not 0 <= at < end:
        return 0.0, -1
    head = data[at]
    if head == 0xCB and at + 9 <= end:
        return float64_of(big_endian(data, at + 1, 8)), at + 9
    if head == 0xCA and at + 5 <= end:
        return np.float64(float32_of(np.uint32(big_endian(data, at + 1, 4)))), at + 5
    value, after = read_integer(data, at, end)
    return np.float64(value), after


@kernel()
def skip(data: Bytes, at: int, end: int) -> int:
    """The position after a value of any kind, whatever is nested in it."""
    left = 1
    while left > 0:
        if not 0 <= at < end:
            return -1
        left -= 1
        head = data[at]
        if head <= 0x7F or head >= 0xE0 or head == NIL or head == 0xC2 or head == 0xC3:
            at += 1
        elif head <= 0x8F or head == 0xDE or head == 0xDF:
            count, at = read_map(data, at, end)
            left += 2 * count
        elif head <= 0x9F or head == 0xDC or head == 0xDD:
            count, at = read_array(data, at, end)
            left += count
        elif head <= 0xBF or 0xD9 <= head <= 0xDB:
            _, _, at = read_text(data, at, end)
        elif head <= 0xC6 and head != 0xC1:
            _, _, at = read_bytes(data, at, end)
        elif head == 0xCA:
            at += 5
        elif head == 0xCB:
            at += 9
        elif 0xCC <= head <= 0xD3:
            at += 1 + (1 << np.int64((head - 0xCC) & 3))
        else:  # extensions, and 0xC1, which is nothing
            return -1
    return at if 0 <= at <= end else -1


@kernel()
def is_ascii(data: Bytes, at: int, size: int) -> bool:
    """Whether all bytes are below 128, so that they are UTF-8 and as many characters."""
    high = np.uint8(0)
    for i in range(size):
        high |= data[at + i]
    return high < 0x80


@kernel()
def put_text_head(data: Bytes, at: int, size: int) -> int:
    """Begin a text of `size` bytes; the position of its first one."""
    if size < 32:
        data[at] = np.uint8(0xA0 | size)
        return at + 1
    if size < 1 << 8:
        data[at] = np.uint8(0xD9)
        data[at + 1] = np.uint8(size)
        return at + 2
    if size < 1 << 16:
        data[at] = np.uint8(0xDA)
        put_big_endian(data, at + 1, 2, size)
        return at + 3
    data[at] = np.uint8(0xDB)
    put_big_endian(data, at + 1, 4, size)
    return at + 5


@kernel()
def put_bytes_head(data: Bytes, at: int, size: int) -> int:
    """Begin a byte string of `size` bytes; the position of its first one."""
    if size < 1 << 8:
        data[at] = np.uint8(0xC4)
        data[at + 1] = np.uint8(size)
        return at + 2
    if size < 1 << 16:
        data[at] = np.uint8(0xC5)
        put_big_endian(data, at + 1, 2, size)
        return at + 3
    data[at] = np.uint8(0xC6)
    put_big_endian(data, at + 1, 4, size)
    return at + 5


@kernel()
def put_count(data: Bytes, at: int, value: int) -> int:
    """Write a number of 0 or more; the position after it."""
    if value < 0x80:
        data[at] = np.uint8(value)
        return at + 1
    if value < 1 << 8:
        data[at] = np.uint8(0xCC)
        data[at + 1] = np.uint8(value)
        return at + 2
    if value < 1 << 16:
        data[at] = np.uint8(0xCD)
        put_big_endian(data, at + 1, 2, value)
        return at + 3
    if value < 1 << 32:
        data[at] = np.uint8(0xCE)
        put_big_endian(data, at + 1, 4, value)
        return at + 5
    data[at] = np.uint8(0xCF)
    put_big_endian(data, at + 1, 8, value)
    return at + 9


@kernel()
def put(data: Bytes, at: int, source: NDArray[Any], source_at: int, size: int) -> int:
    """Copy bytes of an array of any type; the position after them."""
    copy_bytes(data, at, source, source_at, size)
    return at + size
