"""Bootstrap intervals for reports: of any estimator, resampling whole clusters.  For one look at the end, not for many.

The multiplicities of C clusters in resample b are drawn from a generator that is given (Efron 1979; clusters: Field,
Welsh 2007), so a report is repeated by its seed.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def multiplicities(clusters: int, resamples: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """How often each cluster is in each resample, (resamples, clusters)."""
    return rng.multinomial(clusters, np.full(clusters, 1.0 / clusters), size=resamples).astype(np.int64)


def interval(
    numerator: Array, denominator: Array, counts: NDArray[np.int64], alpha: float = 0.05
) -> tuple[float, float]:
    """Percentile interval of sum numerator / sum denominator.

    numerator, denominator: (C,) sums of each cluster (of a mean: of its terms, and how many); counts:
    `multiplicities`.  Resamples in which the denominator is 0 are left out; NaN if all are.
    """
    above, below = counts @ numerator, counts @ denominator
    some = below > 0.0
    if not some.any():
        return np.nan, np.nan
    low, high = np.quantile(above[some] / below[some], (alpha / 2.0, 1.0 - alpha / 2.0))
    return float(low), float(high)
