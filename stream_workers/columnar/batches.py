"""Kafka's record batches (message format 2), read into columns and written from them, inside kernels.

A batch is 61 bytes of header and then records, one after another:

    record:  length, attributes (1 byte), timestamp delta, offset delta, key length, key, value length, value, headers

with numbers as zigzag varints.  All of the header is big-endian.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..bandits.kernel import kernel
from .checksum import crc32c
from .memory import Bytes, big_endian, copy_bytes, put_big_endian

Places = NDArray[np.int64]

HEADER_BYTES: Final = 61
#: More than any record needs beside its key and value: lengths, attributes, deltas, no headers.
FRAME_BYTES: Final = 32

COMPRESSION: Final = 0x07
_LOG_APPEND_TIME: Final = 0x08
_CONTROL: Final = 0x20

#: What `measure` finds.
PLAIN, COMPRESSED, UNKNOWN_FORMAT, DAMAGED = 0, 1, 2, 3


@kernel()
def signed(data: Bytes, at: int, size: int) -> int:
    """The number in two's complement in `size` bytes."""
    shift = 64 - 8 * size
    return np.int64(big_endian(data, at, size) << np.uint64(shift)) >> shift


@kernel()
def _varint(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """A zigzag varint and the position after it; -1 when it does not end before `end`."""
    value = np.uint64(0)
    shift = np.uint64(0)
    while at < end and shift < np.uint64(70):
        byte = data[at]
        at += 1
        value |= np.uint64(byte & 0x7F) << shift
        if byte < 0x80:
            return np.int64(value >> np.uint64(1)) ^ -np.int64(value & np.uint64(1)), at
        shift += np.uint64(7)
    return 0, -1


@kernel("UniTuple(i8, 3)(u1[::1])")
def measure(data: Bytes) -> tuple[int, int, int]:
    """(what the whole batches in data are, how many records they say they hold, where the last whole one ends)."""
    at = 0
    records = 0
    verdict = PLAIN
    while at + HEADER_BYTES <= data.shape[0]:
        end = at + 12 + signed(data, at + 8, 4)
        if end < at + HEADER_BYTES:
            return DAMAGED, records, at
        if end > data.shape[0]:
            break
        if data[at + 16] != 2:
            return UNKNOWN_FORMAT, records, at
        if data[at + 22] & COMPRESSION:
            verdict = COMPRESSED
        records += signed(data, at + 57, 4)
        at = end
    return verdict, records, at


@kernel("UniTuple(i8, 3)(u1[::1], i8, i8, b1, i8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[::1])")
def index(
    data: Bytes,
    until: int,
    first: int,
    check: bool,
    offsets: Places,
    timestamps: Places,
    key_at: Places,
    key_size: Places,
    value_at: Places,
    value_size: Places,
    headers_at: Places,
) -> tuple[int, int, int]:
    """Find every record at or after offset `first` in the uncompressed batches of data[:until].

    Writes their places; a key or value that is not there has size -1; headers_at: where the number of headers stands.
    (records found, offset after the last batch, position of a batch that is damaged or -1).  check: the checksums, too.
    """
    found = 0
    after = first
    at = 0
    while at < until:
        end = at + 12 + signed(data, at + 8, 4)
        if check and np.uint64(crc32c(data, at + 21, end - at - 21)) != big_endian(data, at + 17, 4):
            return found, after, at
        base = signed(data, at, 8)
        attributes = data[at + 22]
        after = max(after, base + signed(data, at + 23, 4) + 1)
        begun, latest = signed(data, at + 27, 8), signed(data, at + 35, 8)
        count = signed(data, at + 57, 4)
        if attributes & _CONTROL:
            at = end
            continue
        place = at + HEADER_BYTES
        for _ in range(count):
            length, place = _varint(data, place, end)
            record_end = place + length
            if place < 0 or length < 0 or record_end > end:
                return found, after, at
            delta, next_place = _varint(data, place + 1, record_end)
            offset, next_place = _varint(data, next_place, record_end) if next_place >= 0 else (0, -1)
            key, next_place = _varint(data, next_place, record_end) if next_place >= 0 else (0, -1)
            if next_place < 0 or next_place + max(key, 0) > record_end:
                return found, after, at
            key_begin = next_place
            value, next_place = _varint(data, next_place + max(key, 0), record_end)
            if next_place < 0 or next_place + max(value, 0) > record_end:
                return found, after, at
            if base + offset >= first:
                offsets[found] = base + offset
                timestamps[found] = latest if attributes & _LOG_APPEND_TIME else begun + delta
                key_at[found], key_size[found] = key_begin, max(key, -1)
                value_at[found], value_size[found] = next_place, max(value, -1)
                headers_at[found] = next_place + max(value, 0)
                found += 1
            place = record_end
        at = end
    return found, after, -1


@kernel()
def _varint_size(value: int) -> int:
    zigzag = np.uint64((value << 1) ^ (value >> 63))
    size = 1
    while zigzag > np.uint64(0x7F):
        zigzag >>= np.uint64(7)
        size += 1
    return size


@kernel()
def _put_varint(data: Bytes, at: int, value: int) -> int:
    zigzag = np.uint64((value << 1) ^ (value >> 63))
    while zigzag > np.uint64(0x7F):
        data[at] = np.uint8(zigzag & np.uint64(0x7F)) | np.uint8(0x80)
        zigzag >>= np.uint64(7)
        at += 1
    data[at] = np.uint8(zigzag)
    return at + 1


@kernel("UniTuple(i8, 2)(u1[::1], i8, i8, i8, u1[::1], i8[::1], i8[::1], u1[::1], i8[::1], i8[::1], i8)")
def append(
    batch: Bytes,
    at: int,
    records: int,
    limit: int,
    keys: Bytes,
    key_at: Places,
    key_size: Places,
    values: Bytes,
    value_at: Places,
    value_size: Places,
    begin: int,
) -> tuple[int, int]:
    """Append the records from `begin` on to a batch that holds `records` and ends at `at`, up to `limit` bytes.

    A first record goes in whatever its size (the array must have room); sizes of -1 are no key, or no value.
    (position after the last one appended, index of the first one that was not).
    """
    row = begin
    while row < key_at.shape[0]:
        key, value = key_size[row], value_size[row]
        delta = records + row - begin
        body = 3 + _varint_size(delta) + _varint_size(key) + max(key, 0) + _varint_size(value) + max(value, 0)
        if at + body + 10 > limit and delta > 0:
            break
        at = _put_varint(batch, at, body)
        batch[at] = 0
        batch[at + 1] = 0
        at = _put_varint(batch, at + 2, delta)
        at = _put_varint(batch, at, key)
        if key > 0:
            copy_bytes(batch, at, keys, key_at[row], key)
            at += key
        at = _put_varint(batch, at, value)
        if value > 0:
            copy_bytes(batch, at, values, value_at[row], value)
            at += value
        batch[at] = 0
        at += 1
        row += 1
    return at, row


@kernel("void(u1[::1], i8, i8, i8, i8, i8, i8)")
def close(batch: Bytes, size: int, records: int, timestamp: int, producer: int, epoch: int, sequence: int) -> None:
    """Write the header of a batch whose records end at `size`.  timestamp: milliseconds, of all of them."""
    put_big_endian(batch, 0, 8, 0)
    put_big_endian(batch, 8, 4, size - 12)
    put_big_endian(batch, 12, 4, -1)
    batch[16] = 2
    put_big_endian(batch, 21, 2, 0)
    put_big_endian(batch, 23, 4, records - 1)
    put_big_endian(batch, 27, 8, timestamp)
    put_big_endian(batch, 35, 8, timestamp)
    put_big_endian(batch, 43, 8, producer)
    put_big_endian(batch, 51, 2, epoch)
    put_big_endian(batch, 53, 4, sequence)
    put_big_endian(batch, 57, 4, records)
    put_big_endian(batch, 17, 4, np.int64(crc32c(batch, 21, size - 21)))
