"""Rows by the moment at which something is due for them, inside kernels: a run of ascending moments and a heap.

Decisions come in order of time, and those with the longest horizon in order of their deadlines: they go into the run,
for nothing.  Whatever is due before the run's last goes into a heap.  Equal moments come in order of ordinal.
"""

import numpy as np
from numpy.typing import NDArray

from ..bandits.kernel import kernel
from .columns import ORDINAL

Table = NDArray[np.int64]  # (moment, row)
Counts = NDArray[np.int64]

HEAD, TAIL, HEAPED = 0, 1, 2  # first of the run and after its last (modulo its length, a power of two); heap's size


@kernel()
def _before(rows: Table, moment: int, row: int, other: int, other_row: int) -> bool:
    return moment < other or (moment == other and rows[row, ORDINAL] < rows[other_row, ORDINAL])


@kernel()
def push(run: Table, heap: Table, counts: Counts, rows: Table, moment: int, row: int) -> None:
    """Enter a row; there must be room in both."""
    mask = run.shape[0] - 1
    last = (counts[TAIL] - 1) & mask
    if counts[HEAD] == counts[TAIL] or _before(rows, run[last, 0], run[last, 1], moment, row):
        at = counts[TAIL] & mask
        run[at, 0] = moment
        run[at, 1] = row
        counts[TAIL] += 1
        return
    at = counts[HEAPED]
    counts[HEAPED] += 1
    while at > 0:
        parent = (at - 1) >> 1
        if not _before(rows, moment, row, heap[parent, 0], heap[parent, 1]):
            break
        heap[at, 0] = heap[parent, 0]
        heap[at, 1] = heap[parent, 1]
        at = parent
    heap[at, 0] = moment
    heap[at, 1] = row


@kernel()
def _heap_is_first(run: Table, heap: Table, counts: Counts, rows: Table) -> bool:
    if counts[HEAPED] == 0:
        return False
    at = counts[HEAD] & (run.shape[0] - 1)
    return counts[HEAD] == counts[TAIL] or _before(rows, heap[0, 0], heap[0, 1], run[at, 0], run[at, 1])


@kernel()
def first(run: Table, heap: Table, counts: Counts, rows: Table) -> tuple[int, int]:
    """(moment, row) of the first one; row -1: there is none."""
    if _heap_is_first(run, heap, counts, rows):
        return heap[0, 0], heap[0, 1]
    if counts[HEAD] == counts[TAIL]:
        return 0, -1
    at = counts[HEAD] & (run.shape[0] - 1)
    return run[at, 0], run[at, 1]


@kernel()
def pop(run: Table, heap: Table, counts: Counts, rows: Table) -> None:
    """Take out the first one."""
    if not _heap_is_first(run, heap, counts, rows):
        counts[HEAD] += 1
        return
    counts[HEAPED] -= 1
    size = counts[HEAPED]
    moment, row = heap[size, 0], heap[size, 1]
    at = 0
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and _before(rows, heap[child + 1, 0], heap[child + 1, 1], heap[child, 0], heap[child, 1]):
            child += 1
        if not _before(rows, heap[child, 0], heap[child, 1], moment, row):
            break
        heap[at, 0] = heap[child, 0]
        heap[at, 1] = heap[child, 1]
        at = child
    heap[at, 0] = moment
    heap[at, 1] = row


class Moments:
    """The arrays of one order."""

    def __init__(self) -> None:
        self.run: Table = np.zeros((64, 2), np.int64)
        self.heap: Table = np.zeros((64, 2), np.int64)
        self.counts: Counts = np.zeros(3, np.int64)

    def __len__(self) -> int:
        return int(self.counts[TAIL] - self.counts[HEAD] + self.counts[HEAPED])

    def make_room(self, more: int) -> bool:
        """Let `more` rows be entered.  Whether the run was moved: its first is the 0th again."""
        head, tail, heaped = self.counts.tolist()
        moved = tail - head + more > len(self.run)
        if moved:
            size = 1 << (tail - head + more - 1).bit_length()
            run = np.zeros((size, 2), np.int64)
            run[: tail - head] = self.run[np.arange(head, tail) & (len(self.run) - 1)]
            self.run = run
            self.counts[:2] = 0, tail - head
        if heaped + more > len(self.heap):
            heap = np.zeros((max(heaped + more, 2 * len(self.heap)), 2), np.int64)
            heap[:heaped] = self.heap[:heaped]
            self.heap = heap
        return moved
