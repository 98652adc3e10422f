"""Latency quantiles that add up: a DDSketch (Masson, Rim, Lee 2019, VLDB 12) with one encoding per content.

The library's own way to bytes and back is not enough for state that must be a function of its log: its bins are padded
and placed by the order of insertion, and a sketch read back computes with a mapping that differs in the last digits
from the one it was written with, so that a value at the edge of a bin may land next door.  Here the bins are trimmed
before they are written, and a sketch read back gets the very mapping of a new one.
"""

import math
from collections.abc import Iterable
from typing import Any, Final

from ddsketch.ddsketch import BaseDDSketch
from ddsketch.mapping import LogarithmicMapping
from ddsketch.pb.proto import DDSketchProto, pb
from ddsketch.store import DenseStore
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # its stubs are a package of their own

from schemas.errors import BadRecordError, Reason

RELATIVE_ACCURACY: Final = 0.01

#: Below a microsecond counts as 0, above the longest horizon (30 days) as that: at most 1,440 bins, 12 kB.
SHORTEST_MS: Final = 1e-3
LONGEST_MS: Final = 30 * 24 * 3600 * 1000.0

_MAPPING: Final = LogarithmicMapping(RELATIVE_ACCURACY)


class LatencySketch:
    """A multiset of latencies in milliseconds, each known to 1%.

    >>> sketch = LatencySketch()
    >>> for latency_ms in (120.0, 80.0, 2500.0):
    ...     sketch.add(latency_ms)
    >>> round(sketch.quantile(0.5))
    120
    >>> LatencySketch.from_bytes(sketch.to_bytes()).to_bytes() == sketch.to_bytes()
    True
    """

    __slots__ = ("_sketch",)

    def __init__(self) -> None:
        self._sketch = _sketch(DenseStore(), 0.0)

    @property
    def count(self) -> int:
        """How many latencies were added."""
        return int(self._sketch.count)

    def add(self, latency_ms: float) -> None:
        """Count one latency.  latency_ms: finite, not negative."""
        self._sketch.add(0.0 if latency_ms < SHORTEST_MS else min(latency_ms, LONGEST_MS))

    def quantile(self, q: float) -> float | None:
        """Within 1% of the latency at rank floor(q (n - 1)), ranks from 0, in order; None without latencies."""
        value = self._sketch.get_quantile_value(q)
        return None if value is None else float(value)

    def merge(self, others: Iterable["LatencySketch"]) -> None:
        """Add the latencies of `others` to these.  In which order does not matter."""
        for other in others:
            self._sketch.merge(other._sketch)

    def to_bytes(self) -> bytes:
        """The sketch in the DDSketch libraries' protobuf format; equal contents give equal bytes."""
        store = self._sketch._store
        trimmed = DenseStore()
        if store.count:
            start = store.min_key - store.offset
            _fill(trimmed, store.min_key, store.bins[start : start + store.max_key - store.min_key + 1])
        message = DDSketchProto.to_proto(_sketch(trimmed, self._sketch._zero_count))
        encoded: bytes = message.SerializeToString(deterministic=True)
        return encoded

    @classmethod
    def from_bytes(cls, value: bytes) -> "LatencySketch":
        """The sketch that `to_bytes` wrote; BadRecordError when it is another kind of sketch or none."""
        message = pb.DDSketch()
        try:
            message.ParseFromString(value)
        except DecodeError as error:
            raise BadRecordError(Reason.INVALID, f"a latency sketch of {len(value)} bytes: {error}") from None
        counts = list(message.positiveValues.contiguousBinCounts)
        _check(message, counts)
        store = DenseStore()
        if any(counts):
            first = next(index for index, count in enumerate(counts) if count)
            while not counts[-1]:
                counts.pop()
            _fill(store, message.positiveValues.contiguousBinIndexOffset + first, counts[first:])
        sketch = cls()
        sketch._sketch = _sketch(store, message.zeroCount)
        return sketch


def _sketch(store: Any, zero_count: float) -> Any:
    return BaseDDSketch(_MAPPING, store, DenseStore(), zero_count)


def _fill(store: Any, min_key: int, counts: list[float]) -> None:
    store.bins = counts
    store.offset = store.min_key = min_key
    store.max_key = min_key + len(counts) - 1
    store.count = sum(counts)


def _check(message: Any, counts: list[float]) -> None:
    mapping, positive, negative = message.mapping, message.positiveValues, message.negativeValues
    if mapping.gamma != _MAPPING.gamma or mapping.indexOffset or mapping.interpolation != pb.IndexMapping.NONE:
        raise BadRecordError(
            Reason.INVALID,
            f"a latency sketch with gamma {mapping.gamma}; only logarithmic ones with {_MAPPING.gamma} (relative "
            f"accuracy {RELATIVE_ACCURACY}) can be merged with ours",
        )
    if positive.binCounts or negative.binCounts or any(negative.contiguousBinCounts):
        raise BadRecordError(Reason.INVALID, "a latency sketch with sparse or negative bins; expected contiguous ones")
    if not (math.isfinite(sum(counts, message.zeroCount)) and min(counts, default=0.0) >= 0 <= message.zeroCount):
        raise BadRecordError(Reason.INVALID, "a latency sketch with a count that is negative or not finite")
