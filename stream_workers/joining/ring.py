"""Bytes of records in memory: all that no checkpoint has yet, and of the others as many as are allowed.

Positions count from the beginning of time.  `marks` are the owner's: RING_HEAD, RING_TAIL and RING_SAVED are changed
here and in kernels.
"""

import numpy as np

from stream_workers.columnar.memory import Bytes

from . import columns as c
from .parsing import Places

_LEAST = 1 << 17  # twice the largest record that is accepted


class Ring:
    """allowed: bytes kept from one checkpoint to the next."""

    def __init__(self, marks: Places, allowed: int) -> None:
        self._marks = marks
        self._allowed = allowed
        self.data: Bytes = np.empty(_LEAST, np.uint8)

    def __len__(self) -> int:
        """Bytes of records that are in memory."""
        return int(self._marks[c.RING_HEAD] - self._marks[c.RING_TAIL])

    def has(self, at: int) -> bool:
        """Whether the record at that position is here."""
        return bool(at != c.NOWHERE and at >= self._marks[c.RING_TAIL])

    def read(self, at: int, size: int) -> bytes:
        """A record that is here."""
        begin = at & (len(self.data) - 1)
        return bytes(self.data.data[begin : begin + size])

    def grow(self) -> None:
        """Twice the room; every record stays at its position."""
        old, data = self.data, np.empty(2 * len(self.data), np.uint8)
        at, head = int(self._marks[c.RING_TAIL]), int(self._marks[c.RING_HEAD])
        while at < head:
            end = min(head, (at // len(old) + 1) * len(old))
            begin, to = at % len(old), at % len(data)
            data[to : to + end - at] = old[begin : begin + end - at]
            at = end
        self.data = data

    def saved(self) -> None:
        """A checkpoint has all that is here."""
        marks = self._marks
        since = int(marks[c.RING_HEAD] - marks[c.RING_SAVED])
        if len(self.data) > max(4 * self._allowed, 8 * since, _LEAST):  # a burst is over
            self.data = np.empty(max(len(self.data) // 4, _LEAST), np.uint8)
            marks[c.RING_TAIL] = marks[c.RING_HEAD]
        marks[c.RING_SAVED] = marks[c.RING_HEAD]
        marks[c.RING_TAIL] = max(marks[c.RING_TAIL], marks[c.RING_HEAD] - self._allowed)
