"""Records as columns: what was fetched, and what is to be appended."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, Self, overload

import numpy as np
from numpy.typing import NDArray

from .memory import Bytes

Places = NDArray[np.int64]

_NOTHING = np.zeros(1, np.uint8)


class Record(Protocol):
    """A consumed record, one by one (an aiokafka `ConsumerRecord` is one)."""

    @property
    def offset(self) -> int:
        """Position in its partition."""

    @property
    def timestamp(self) -> int:
        """Append time, milliseconds since 1970, by the broker's clock."""

    @property
    def key(self) -> bytes | None:
        """The tenant, or None."""

    @property
    def value(self) -> bytes | None:
        """The encoded event."""


class FetchedRecord(NamedTuple):
    """One fetched record, taken out of its columns."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class Rows(NamedTuple):
    """n records to append: where their keys and values lie.  A size of -1: none."""

    keys: Bytes
    key_at: Places  # (n,)
    key_size: Places
    values: Bytes
    value_at: Places
    value_size: Places

    def pairs(self) -> Iterator[tuple[bytes, bytes]]:
        """Key and value of each record ("" where there is none)."""
        for at, size, where, length in zip(
            self.key_at.tolist(), self.key_size.tolist(), self.value_at.tolist(), self.value_size.tolist(), strict=True
        ):
            yield self.keys[at : at + size].tobytes(), self.values[where : where + length].tobytes()


class FetchedRecords(Sequence[FetchedRecord]):
    """n records of one partition, in offset order: a sequence of records, and columns over the bytes as they came.

    data: all bytes; offsets, timestamps (ms), key_at, key_size, value_at, value_size: (n,) int64; size -1: none.
    """

    __slots__ = ("data", "key_at", "key_size", "offsets", "timestamps", "value_at", "value_size")

    def __init__(
        self,
        data: Bytes,
        offsets: Places,
        timestamps: Places,
        key_at: Places,
        key_size: Places,
        value_at: Places,
        value_size: Places,
    ) -> None:
        self.data = data
        self.offsets = offsets
        self.timestamps = timestamps
        self.key_at = key_at
        self.key_size = key_size
        self.value_at = value_at
        self.value_size = value_size

    @classmethod
    def of(cls, records: Sequence[Record]) -> Self:
        """Records that were not fetched as columns, made into some; those that were, as they are."""
        if isinstance(records, cls):
            return records
        parts: list[bytes] = []
        key_size = np.array([-1 if each.key is None else len(each.key) for each in records], np.int64)
        value_size = np.array([-1 if each.value is None else len(each.value) for each in records], np.int64)
        for each in records:
            parts += (each.key or b"", each.value or b"")
        sizes = np.empty(2 * len(records), np.int64)
        sizes[0::2], sizes[1::2] = np.maximum(key_size, 0), np.maximum(value_size, 0)
        ends = np.cumsum(sizes)
        data = np.frombuffer(bytearray(b"".join(parts)), np.uint8) if ends.size and ends[-1] else _NOTHING
        begins = ends - sizes
        return cls(
            data,
            np.array([each.offset for each in records], np.int64),
            np.array([each.timestamp for each in records], np.int64),
            np.ascontiguousarray(begins[0::2]),
            key_size,
            np.ascontiguousarray(begins[1::2]),
            value_size,
        )

    @property
    def first_offset(self) -> int:
        """Of the first record.  There must be one."""
        return int(self.offsets[0])

    @property
    def next_offset(self) -> int:
        """The one after the last record.  There must be one."""
        return int(self.offsets[-1]) + 1

    def rows(self) -> Rows:
        """Their keys and values, to be appended somewhere."""
        return Rows(self.data, self.key_at, self.key_size, self.data, self.value_at, self.value_size)

    def __len__(self) -> int:
        return len(self.offsets)

    @overload
    def __getitem__(self, index: int) -> FetchedRecord: ...
    @overload
    def __getitem__(self, index: slice) -> "FetchedRecords": ...
    def __getitem__(self, index: int | slice) -> "FetchedRecord | FetchedRecords":
        if isinstance(index, slice):
            return FetchedRecords(
                self.data, self.offsets[index], self.timestamps[index], self.key_at[index], self.key_size[index],
                self.value_at[index], self.value_size[index],
            )  # fmt: skip
        return FetchedRecord(
            int(self.offsets[index]),
            int(self.timestamps[index]),
            self._bytes(int(self.key_at[index]), int(self.key_size[index])),
            self._bytes(int(self.value_at[index]), int(self.value_size[index])),
        )

    def __iter__(self) -> Iterator[FetchedRecord]:
        view = memoryview(self.data)
        for offset, timestamp, key_at, key_size, value_at, value_size in zip(
            self.offsets.tolist(), self.timestamps.tolist(), self.key_at.tolist(), self.key_size.tolist(),
            self.value_at.tolist(), self.value_size.tolist(), strict=True,
        ):  # fmt: skip
            yield FetchedRecord(
                offset,
                timestamp,
                None if key_size < 0 else bytes(view[key_at : key_at + key_size]),
                None if value_size < 0 else bytes(view[value_at : value_at + value_size]),
            )

    def _bytes(self, at: int, size: int) -> bytes | None:
        return None if size < 0 else self.data[at : at + size].tobytes()
