"""Buckets of one granularity in columns: a few hundred bytes each, and sums of any of them in one numpy call."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from schemas.events import Bins, Kpi
from stream_workers.analytics import sketch
from stream_workers.analytics.sums import COUNTS, SUMS, Sums

Rows = NDArray[np.int64]

_FIRST: Final = 256
_INTEGERS: Final = tuple(name for name in SUMS if name in COUNTS)
_REALS: Final = tuple(name for name in SUMS if name not in COUNTS)
#: Bins fit into 16 bits: from the one of 0 to that of 30 days.
_LOWEST, _HIGHEST = sketch.ZERO, sketch.bin_of(sketch.LONGEST_MS)
_BINS: Final = _HIGHEST - _LOWEST + 1
_MOST: Final = 2**31 - 1


class _Sketches:
    """Each row's bins and their counts, one after another; what was replaced is cleared away when it is the half."""

    def __init__(self) -> None:
        self._bins = np.empty(_FIRST, np.int16)
        self._counts = np.empty(_FIRST, np.int32)
        self._begin = np.zeros(_FIRST, np.int64)
        self._size = np.zeros(_FIRST, np.int32)
        self._end = self._wasted = 0

    def put(self, row: int, bins: Bins) -> None:
        if row >= len(self._begin):
            self._begin = _grown(self._begin, row + 1)
            self._size = _grown(self._size, row + 1)
        n = len(bins)
        if n > self._size[row]:
            self._wasted += int(self._size[row])
            if self._wasted > max(_FIRST, self._end // 2):
                self._clear_away()
            if self._end + n > len(self._bins):
                self._bins, self._counts = (_grown(each, self._end + n) for each in (self._bins, self._counts))
            self._begin[row] = self._end
            self._end += n
        else:
            self._wasted += int(self._size[row]) - n
        self._size[row] = n
        if n:
            at = int(self._begin[row])
            numbers, counts = zip(*bins, strict=True)
            self._bins[at : at + n] = [min(max(number, _LOWEST), _HIGHEST) for number in numbers]
            self._counts[at : at + n] = [min(each, _MOST) for each in counts]

    def summed(self, rows: Rows, groups: Rows, count: int) -> list[sketch.Bins]:
        """The merged sketch of each group.  groups: (n,) numbers from 0 to count - 1 of the rows."""
        sizes = self._size[rows].astype(np.int64)
        total = int(sizes.sum())
        if not total:
            return [{} for _ in range(count)]
        ends = np.cumsum(sizes)
        places = np.arange(total) + np.repeat(self._begin[rows] - (ends - sizes), sizes)
        # Counts are far below 2^53, so that sums of them as floats are exact.
        flat = np.repeat(groups * _BINS - _LOWEST, sizes) + self._bins[places]
        sums = np.bincount(flat, weights=self._counts[places], minlength=count * _BINS)
        used = np.flatnonzero(sums)
        found: list[sketch.Bins] = [{} for _ in range(count)]
        for group, number, each in zip(
            (used // _BINS).tolist(), (used % _BINS + _LOWEST).tolist(), sums[used].astype(np.int64).tolist(),
            strict=True,
        ):  # fmt: skip
            found[group][number] = each
        return found

    def nbytes(self) -> int:
        return self._bins.nbytes + self._counts.nbytes + self._begin.nbytes + self._size.nbytes

    def _clear_away(self) -> None:
        used = np.flatnonzero(self._size)
        sizes = self._size[used].astype(np.int64)
        ends = np.cumsum(sizes)
        total = int(ends[-1]) if len(ends) else 0
        places = np.arange(total) + np.repeat(self._begin[used] - (ends - sizes), sizes)
        self._bins[:total], self._counts[:total] = self._bins[places], self._counts[places]
        self._begin[used] = ends - sizes
        self._end, self._wasted = total, 0


class _Series:
    """Where the buckets of one tenant, domain, arm, policy and specification are: starts in order, and their rows."""

    __slots__ = ("rows", "starts")

    def __init__(self) -> None:
        self.starts = array("q")
        self.rows = array("q")


class BucketTable:
    """The newest value of each bucket of one granularity."""

    def __init__(self) -> None:
        self._integers = np.zeros((_FIRST, len(_INTEGERS)), np.int64)
        self._reals = np.zeros((_FIRST, len(_REALS)))
        self._applied = np.zeros(_FIRST, np.int64)
        self._start = np.zeros(_FIRST, np.int64)
        self._series_of = np.full(_FIRST, -1, np.int32)  # -1: free
        self._latency = _Sketches()
        self._feedback = _Sketches()
        self._series: list[_Series] = []
        self._free: list[int] = []
        self._used = 0

    def __len__(self) -> int:
        return self._used - len(self._free)

    def put(self, series: int, kpi: Kpi) -> bool:
        """Take a bucket's record; whether it was news: it reflects more of the log than the one that is here."""
        while series >= len(self._series):
            self._series.append(_Series())
        one = self._series[series]
        at = bisect_left(one.starts, kpi.start)
        if at < len(one.starts) and one.starts[at] == kpi.start:
            row = one.rows[at]
            if kpi.applied <= self._applied[row]:
                return False
        else:
            row = self._new_row()
            one.starts.insert(at, kpi.start)
            one.rows.insert(at, row)
        self._applied[row], self._start[row], self._series_of[row] = kpi.applied, kpi.start, series
        self._integers[row] = [min(getattr(kpi, name), 2**63 - 1) for name in _INTEGERS]
        self._reals[row] = [getattr(kpi, name) for name in _REALS]
        self._latency.put(row, kpi.latency_ms)
        self._feedback.put(row, kpi.feedback_ms)
        return True

    def drop(self, series: int, start: int) -> None:
        """Forget a bucket."""
        if series >= len(self._series):
            return
        one = self._series[series]
        at = bisect_left(one.starts, start)
        if at < len(one.starts) and one.starts[at] == start:
            row = one.rows.pop(at)
            one.starts.pop(at)
            self._series_of[row] = -1
            self._latency.put(row, ())
            self._feedback.put(row, ())
            self._free.append(row)

    def rows(self, series: Sequence[int] | None, since: int, until: int) -> Rows:
        """The buckets that begin in [since, until), seconds since 1970.  series: of these; None: of all."""
        if series is None:
            start, used = self._start[: self._used], self._series_of[: self._used]
            return np.flatnonzero((start >= since) & (start < until) & (used >= 0))
        parts = []
        for number in series:
            if number < len(self._series):
                one = self._series[number]
                begin, end = bisect_left(one.starts, since), bisect_left(one.starts, until)
                parts.append(one.rows[begin:end])
        return np.fromiter((row for part in parts for row in part), np.int64)

    def series_of(self, rows: Rows) -> NDArray[np.int32]:
        """Whose each is: (n,)."""
        return self._series_of[rows]

    def starts_of(self, rows: Rows) -> NDArray[np.int64]:
        """When each begins, seconds since 1970: (n,)."""
        return self._start[rows]

    def sums(self, rows: Rows, groups: Rows, count: int) -> list[Sums]:
        """The sums of each group.  groups: (n,) numbers from 0 to count - 1."""
        order = np.argsort(groups, kind="stable")
        sorted_groups, sorted_rows = groups[order], rows[order]
        present, begins = np.unique(sorted_groups, return_index=True)
        found = [Sums() for _ in range(count)]
        if not len(rows):
            return found
        integers = np.add.reduceat(self._integers[sorted_rows], begins, axis=0)
        reals = np.add.reduceat(self._reals[sorted_rows], begins, axis=0)
        for group, whole, real in zip(present.tolist(), integers.tolist(), reals.tolist(), strict=True):
            values = dict(zip(_INTEGERS, whole, strict=True)) | dict(zip(_REALS, real, strict=True))
            found[group] = Sums(**values)
        return found

    def sketches(self, rows: Rows, groups: Rows, count: int) -> tuple[list[sketch.Bins], list[sketch.Bins]]:
        """Response times and feedback delays of each group."""
        return self._latency.summed(rows, groups, count), self._feedback.summed(rows, groups, count)

    def nbytes(self) -> int:
        """Memory of the columns."""
        columns: Iterable[NDArray[np.generic]] = (
            self._integers, self._reals, self._applied, self._start, self._series_of,
        )  # fmt: skip
        return sum(each.nbytes for each in columns) + self._latency.nbytes() + self._feedback.nbytes()

    def _new_row(self) -> int:
        if self._free:
            return self._free.pop()
        row = self._used
        if row >= len(self._applied):
            self._integers, self._reals = _grown(self._integers, row + 1), _grown(self._reals, row + 1)
            self._applied, self._start = _grown(self._applied, row + 1), _grown(self._start, row + 1)
            self._series_of = _grown(self._series_of, row + 1)
            self._series_of[row:] = -1
        self._used += 1
        return row


def _grown(array: NDArray[Any], least: int) -> NDArray[Any]:
    larger = np.zeros((max(least, len(array) * 5 // 4), *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger
