"""Quantiles that add up: a DDSketch (Masson, Rim, Lee 2019, VLDB 12) as a plain map from bin to count.

Bin i holds the values from gamma^(i - 1) (not included) to gamma^i, gamma = 1.01 / 0.99, and stands for 2 gamma^i /
(1 + gamma), which is within 1% of each.  Adding sketches is adding counts, in any order; the DDSketch libraries' own
bytes would be longer, and would depend on the order in which values came.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Final

#: Bin to how many values are in it.
Bins = dict[int, int]

RELATIVE_ACCURACY: Final = 0.01
GAMMA: Final = (1 + RELATIVE_ACCURACY) / (1 - RELATIVE_ACCURACY)

#: Below a microsecond counts as 0, above the longest horizon (30 days) as that: at most 1,441 bins.
SHORTEST_MS: Final = 1e-3
LONGEST_MS: Final = 30 * 24 * 3600 * 1000.0
#: The bin of 0, below all others.
ZERO: Final = -1000

_LOG_GAMMA: Final = math.log(GAMMA)
_LAST: Final = math.ceil(math.log(LONGEST_MS) / _LOG_GAMMA)


def bin_of(value_ms: float) -> int:
    """The bin that a value belongs to.  value_ms: finite.

    >>> round(value_of(bin_of(250.0)))
    248
    """
    if value_ms < SHORTEST_MS:
        return ZERO
    return math.ceil(math.log(min(value_ms, LONGEST_MS)) / _LOG_GAMMA)


def value_of(number: int) -> float:
    """What a bin stands for, in milliseconds."""
    return 0.0 if number <= ZERO else 2.0 * math.pow(GAMMA, min(number, _LAST)) / (1.0 + GAMMA)


def add(bins: Bins, value_ms: float) -> None:
    """Count one value."""
    number = bin_of(value_ms)
    bins[number] = bins.get(number, 0) + 1


def merged(sketches: Iterable[Mapping[int, int]]) -> Bins:
    """The sum of sketches, in order of bin.  A record's bins are pairs: `dict(kpi.latency_ms)`."""
    total: Bins = {}
    for sketch in sketches:
        for number, count in sketch.items():
            total[number] = total.get(number, 0) + count
    return dict(sorted(total.items()))


def quantile(bins: Mapping[int, int], q: float) -> float | None:
    """Within 1% of the value at rank floor(q (n - 1)), ranks from 0, in order; None without values.

    >>> sketch: Bins = {}
    >>> for latency_ms in (120.0, 80.0, 2500.0):
    ...     add(sketch, latency_ms)
    >>> round(quantile(sketch, 0.5))
    120
    """
    rank = math.floor(q * (sum(bins.values()) - 1))
    for number in sorted(bins):
        rank -= bins[number]
        if rank < 0:
            return value_of(number)
    return None
