"""Bootstrap intervals for reports, resampling whole clusters.  They are for one look at the end, not for many.

The generator is given (Efron 1979; clusters: Field, Welsh 2007), so a report is repeated by its seed.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

RESAMPLES: Final = 2000
#: Clusters drawn in all at most: of a large log fewer resamples, whose quantiles are smooth by then.
_DRAWN: Final = 100_000_000
_LEAST: Final = 400


def intervals(
    ratios: Sequence[tuple[Array, Array]], rng: np.random.Generator, alpha: float = 0.05
) -> list[tuple[float, float]]:
    """Percentile intervals of ratios sum numerator / sum denominator, all over the same resamples.

    ratios: of each the numerator and denominator by cluster, (C,) (of a mean: its terms' sum, and their number).
    Resamples in which a denominator is 0 are left out; NaN if all are.
    """
    parts = np.stack([part for pair in ratios for part in pair])
    C = parts.shape[1]
    resamples = max(min(RESAMPLES, _DRAWN // max(C, 1)), _LEAST)
    totals = np.empty((resamples, len(parts)))
    for row in totals:
        row[:] = parts @ np.bincount(rng.integers(C, size=C), minlength=C)
    found = []
    for i in range(len(ratios)):
        above, below = totals[:, 2 * i], totals[:, 2 * i + 1]
        some = below > 0.0
        if not some.any():
            found.append((np.nan, np.nan))
            continue
        low, high = np.quantile(above[some] / below[some], (alpha / 2.0, 1.0 - alpha / 2.0)).tolist()
        found.append((low, high))
    return found
