"""A record batch written from columns, in the shape that aiokafka's producer takes."""

import time

import numpy as np

from ..columnar import batches
from ..columnar.memory import Bytes
from ..columnar.rows import Rows

_LEAST_BYTES = 4096


class OutputBatch:
    """Takes the place of aiokafka's `BatchBuilder` in `send_batch`.  limit: bytes, header included."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data: Bytes = np.empty(0, np.uint8)
        self._at = batches.HEADER_BYTES
        self._records = 0
        self._producer = (-1, -1, 0)
        self._built: memoryview | None = None

    def add(self, rows: Rows, begin: int = 0) -> int:
        """Append rows from `begin` on; the index of the first that found no room (the first of a batch always does)."""
        if self._built is not None:
            return begin
        sizes = np.maximum(rows.key_size[begin:], 0) + np.maximum(rows.value_size[begin:], 0) + batches.FRAME_BYTES
        if not len(sizes):
            return begin
        most = self._at + int(sizes.sum())
        self._make_room(most if most <= self._limit else max(self._limit, self._at + int(sizes[0])))
        after = self._at
        self._at, row = batches.append(self._data, after, self._records, self._limit, *rows, begin)
        self._records += row - begin
        return int(row)

    def _make_room(self, size: int) -> None:
        if size <= len(self._data):
            return
        # Doubling, so that a batch that grows row by row is not copied each time.
        larger = np.empty(max(size, min(2 * len(self._data), self._limit), _LEAST_BYTES), np.uint8)
        larger[: self._at] = self._data[: self._at] if len(self._data) else 0
        self._data = larger

    # What aiokafka asks of a BatchBuilder.

    def record_count(self) -> int:
        """Records in it."""
        return self._records

    def size(self) -> int:
        """Bytes, header included."""
        return self._at

    def closed(self) -> bool:
        """Whether nothing may be added (so that no linger time is waited for)."""
        return True

    def close(self) -> None:
        """Nothing is left to do: aiokafka adds nothing to it."""

    def _set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
        self._producer = (producer_id, producer_epoch, base_sequence)

    def _build(self) -> memoryview:
        """The bytes; the same for every attempt to send them."""
        if self._built is None:
            batches.close(self._data, self._at, self._records, int(time.time() * 1000), *self._producer)
            self._built = self._data.data[: self._at]
        return self._built
