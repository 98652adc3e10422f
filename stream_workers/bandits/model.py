"""Where a linear learner's arrays are in its buffer, and its constants: shared by all learners of one shape."""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from . import feature_map, panels
from .address import address_of
from .arrays import Arrangement, Arrays
from .packing import Packing

#: In the order of `layout`, from COUNTERS on.
NAMES: Final = (
    "counters", "mean", "scale", "theta", "correction", "age", "covariance", "m2", "seen", "panels", "waiting",
    "shared", "shared_waiting", "turns",
)  # fmt: skip


class Model:
    """Of K arms, d features folded into at most `width`, and D random Fourier features; with a correction or without.

    covariance: of each arm on the raw part of phi (1 + w), square.  Without Fourier features that is all of phi, and
    what learning needs; with them learning has a triangle of its own on all of phi (`panels`), and the square serves
    the bonus alone: a small one says as well where an arm is little known, at a fraction of the time.
    """

    def __init__(self, arms: int, features: int, width: int, fourier: int, *, corrected: bool) -> None:
        fourier = fourier if features else 0
        K, d = arms, features
        self.arms: Final = arms
        self.features: Final = features
        self.fourier: Final = fourier
        self.corrected: Final = corrected
        self.raw: Final = feature_map.raw_size(d, width)
        self.m: Final = feature_map.size(d, width, fourier)
        self.slots, self.signs = feature_map.fold(d, width)
        self.waves: Final = feature_map.waves(d, fourier)
        self.factor: Final = feature_map.factor_of(d, width)
        b, m, real, whole = self.raw, self.m, np.float64, np.int64
        C, cells = int(corrected), panels.size(m) if fourier else 0
        # In the order of use: what deciding reads, then what only learning does.
        self.arrangement: Final = Arrangement(
            {
                "counters": (real, (2,)),
                "mean": (real, (d,)),
                "scale": (real, (d,)),
                "theta": (real, (K, m)),
                "correction": (real, (C * K, m)),
                "age": (whole, (K,)),
                "covariance": (real, (K, b, b)),
                "m2": (real, (d,)),
                "seen": (whole, (d,)),
                "waiting": (real, (K if fourier else 0, m)),
                "panels": (real, (K, cells)),
                "shared": (real, (C, cells) if fourier else (C, m, m)),
                "shared_waiting": (real, (C if fourier else 0, m)),
                "turns": (whole, (K + C if fourier else 0,)),
            }
        )
        squares = {"covariance"} if fourier or not corrected else {"covariance", "shared"}
        self.packing: Final = Packing(self.arrangement, {name: name for name in NAMES}, frozenset(squares), "linear.1")
        self._offsets: Final = self.arrangement.at(*NAMES)
        self._constants: Final = np.array(
            [
                address_of(each)
                for each in (self.slots, self.signs, self.waves.picks, self.waves.weights, self.waves.phases)
            ],
            np.int64,
        )
        self._head: Final = np.array([int(corrected), d, K, b, fourier, m], np.int64)

    def row(self, arrays: Arrays, kind: int, rule: int) -> NDArray[np.int64]:
        """A learner's integers, as `layout` has them.  They hold as long as the arrays are kept."""
        return np.concatenate([[kind, rule], self._head, self._offsets + arrays.base, self._constants])

    @property
    def real_size(self) -> int:
        """Coordinates of phi that are no padding."""
        return self.raw + self.fourier


@lru_cache(maxsize=1024)
def model_of(arms: int, features: int, width: int, fourier: int, *, corrected: bool) -> Model:
    """The one for a shape."""
    return Model(arms, features, width, fourier, corrected=corrected)
