"""Named arrays one after another in one buffer, so that an owner far away in memory is a single run of cache lines.

With many thousands of owners each is cold when its turn comes: arrays of their own would be a miss each, and an
object each.  Views are made when they are asked for.
"""

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

_LINE: Final = 64


class Part(NamedTuple):
    """Where an array is."""

    at: int  # bytes from the buffer's begin
    dtype: type[np.float64] | type[np.int64]
    shape: tuple[int, ...]


class Arrangement:
    """Parts in the order given; a function of their names, types and shapes alone, and shared by all owners of such."""

    __slots__ = ("nbytes", "parts")

    def __init__(self, parts: Mapping[str, tuple[type[np.float64] | type[np.int64], tuple[int, ...]]]) -> None:
        self.parts: dict[str, Part] = {}
        at = 0
        for name, (dtype, shape) in parts.items():
            self.parts[name] = Part(at, dtype, shape)
            at += 8 * math.prod(shape)
        self.nbytes = at

    def at(self, *names: str) -> NDArray[np.int64]:
        """Where these begin, in bytes from the buffer's begin."""
        return np.array([self.parts[name].at for name in names], np.int64)


class Arrays:
    """A buffer under an arrangement, all 0, on a cache line of its own.  `base`: its address."""

    __slots__ = ("arrangement", "base", "data")

    def __init__(self, arrangement: Arrangement) -> None:
        self.arrangement = arrangement
        room = np.zeros(arrangement.nbytes + _LINE, np.uint8)
        address = int(room.__array_interface__["data"][0])
        self.base = -(-address // _LINE) * _LINE
        self.data: NDArray[np.uint8] = room[self.base - address : self.base - address + arrangement.nbytes]

    def __getitem__(self, name: str) -> NDArray[Any]:
        at, dtype, shape = self.arrangement.parts[name]
        return np.ndarray(shape, dtype, self.data, at)
