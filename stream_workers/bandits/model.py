"""Where a doubly robust learner's arrays are in its buffer, and its constants: shared by all learners of one shape."""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from . import feature_map
from .address import address_of
from .arrays import Arrangement, Arrays
from .packing import Packing

#: In the bytes of a state, in this order -> in the buffer.
_PACKED: Final = {
    name: name for name in ("mean", "m2", "scale", "seen", "P", "theta", "shared", "correction", "age", "counters")
}


class Model:
    """Of K arms, d features folded into at most `width`."""

    def __init__(self, arms: int, features: int, width: int) -> None:
        self.m: Final = feature_map.size(features, width)
        self.slots, self.signs = feature_map.fold(features, width)
        self.factor: Final = feature_map.factor_of(features, width)
        K, d, m = arms, features, self.m
        real, whole = np.float64, np.int64
        # In the order of use: what deciding reads, then what only learning does.
        self.arrangement: Final = Arrangement(
            {
                "counters": (real, (2,)),
                "mean": (real, (d,)),
                "scale": (real, (d,)),
                "theta": (real, (K, m)),
                "correction": (real, (K, m)),
                "age": (whole, (K,)),
                "P": (real, (K, m, m)),
                "m2": (real, (d,)),
                "seen": (whole, (1,)),
                "shared": (real, (1, m, m)),
            }
        )
        self.packing: Final = Packing(self.arrangement, _PACKED, frozenset({"P", "shared"}))
        # As `bandits.layout` and `learning.layout` have them: mean, scale, slots, signs, P, ..., counters; m2, seen,
        # shared.  All but slots and signs are in the buffer.
        parts = self.arrangement.at(
            "mean", "scale", "P", "theta", "correction", "age", "counters", "m2", "seen", "shared"
        )
        self._offsets: Final = np.insert(parts, 2, [address_of(self.slots), address_of(self.signs)])
        self._relative: Final = np.insert(np.ones(len(parts), np.int64), 2, [0, 0])

    def addresses(self, arrays: Arrays) -> NDArray[np.int64]:
        """Of mean, scale, slots, signs, P, theta, correction, age, counters; m2, seen, shared: (12,)."""
        return self._offsets + arrays.base * self._relative


@lru_cache(maxsize=1024)
def model_of(arms: int, features: int, width: int) -> Model:
    """The one for a shape."""
    return Model(arms, features, width)
