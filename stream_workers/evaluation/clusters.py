"""Outcomes that belong together, by user for instance: rewards of one user are alike, so they say less than as many.

The clusters are the units then: with S_u the sum of user u's terms and n_u their number, the mean sum S_u / sum n_u
has the linearised error sum (S_u - mean n_u) / sum n_u, a sum over independent units.  Its interval is the asymptotic
confidence sequence of `confidence` over as many units as there are users, so it holds at every moment at once while
users come and their clusters grow.  (A bound without asymptotics needs bounded clusters: see `empirical_bernstein`.)

What each means: intervals by outcome are about the users that were there; those by cluster about users like them.
"""

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from .confidence import ALPHA, LEAST, Interval, half_width
from .groups import GROUPS, highest_variance

Array = NDArray[np.float64]

#: Fewer clusters say nothing about others.
FEWEST = GROUPS


def numbered(names: Sequence[Hashable]) -> NDArray[np.int64]:
    """Clusters numbered from 0 in the order of their first appearance, (n,)."""
    known: dict[Hashable, int] = {}
    return np.fromiter((known.setdefault(name, len(known)) for name in names), np.int64, len(names))


def sums(terms: Array, clusters: NDArray[np.int64]) -> tuple[Array, Array]:
    """The sum of each cluster's terms and their number, (C,) each."""
    return np.bincount(clusters, weights=terms).astype(np.float64), np.bincount(clusters).astype(np.float64)


def unit_variance(terms: Array, clusters: NDArray[np.int64]) -> tuple[int, float]:
    """The number of clusters, and the variance of one such that the mean's is variance / clusters."""
    totals, sizes = sums(terms, clusters)
    C = len(totals)
    if C < 2:
        return C, math.inf
    mean = float(terms.mean())
    errors = (totals - mean * sizes) * (C / len(terms))
    return C, float((errors**2).sum()) / (C - 1)


def cluster_interval(terms: Array, clusters: NDArray[np.int64], alpha: float = ALPHA) -> Interval:
    """The mean of terms with its time-uniform interval by cluster; infinite limits below LEAST clusters."""
    C, variance = unit_variance(terms, clusters)
    estimate = float(terms.mean()) if len(terms) else 0.0
    width = half_width(C, variance, alpha) if C >= LEAST else math.inf
    return Interval(len(terms), estimate, estimate - width, estimate + width)


def design_effect(terms: Array, clusters: NDArray[np.int64]) -> float:
    """How many times the mean's variance may be what it would be, were all outcomes independent: an upper 95% limit.

    1: every outcome is a cluster of its own; NaN: there are fewer than FEWEST clusters, or nothing varies.
    """
    C, variance = unit_variance(terms, clusters)
    if len(terms) == C:
        return 1.0
    alone = float(terms.var(ddof=1)) / len(terms)
    if alone <= 0.0 or C < FEWEST:
        return math.nan
    return max(1.0, highest_variance(C - 1.0) * variance / C / alone)
