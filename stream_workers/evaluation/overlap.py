"""How much a log says about another policy: effective sample size and overlap, in numbers and in plain words."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Shares of the log that the effective sample is, and what that is called.
_GRADES: Final = ((0.3, "good"), (0.1, "fair"), (0.01, "thin"))
#: The fewest effective decisions about which more than "hardly anything" is said.
_FEW: Final = 30
#: A mean weight below this (it is 1 where the log covers the policy) means that the policy does what was never tried.
_COVERED: Final = 0.9


class Overlap(NamedTuple):
    """Of the weights w = pi(a|x) / p of n decisions."""

    n: int
    effective: float  # (sum w)^2 / sum w^2 (Kish): of its own decisions, as many would say as much
    mean_weight: float
    largest_weight: float
    grade: str  # good, fair, thin, poor, none
    words: str


def overlap_of(weights: NDArray[np.float64]) -> Overlap:
    """Of weights (n,)."""
    n = len(weights)
    return overlap(n, float(weights.sum()), float((weights**2).sum()), float(weights.max()) if n else 0.0)


def overlap(n: int, total: float, squares: float, largest: float) -> Overlap:
    """From the weights' sum, their sum of squares and the largest."""
    effective = total * total / squares if squares > 0.0 else 0.0
    mean = total / n if n else 0.0
    grade = _grade(n, effective)
    return Overlap(n, effective, mean, largest, grade, _words(n, effective, mean, largest, total, grade))


def _grade(n: int, effective: float) -> str:
    if effective == 0.0:
        return "none"
    if effective < _FEW:
        return "poor"
    return next((name for least, name in _GRADES if effective >= least * n), "poor")


def _words(n: int, effective: float, mean: float, largest: float, total: float, grade: str) -> str:
    if n == 0:
        return "no outcomes yet"
    if grade == "none":
        return "the log never did what this policy would do: only the reward model speaks"
    said = f"{n:,} outcomes say as much as {effective:,.0f} decisions of its own would"
    if grade == "poor":
        said += "; that is too little to rely on"
    elif grade == "thin":
        said += "; it differs much from what was logged"
    # What is not covered shows in the mean, unless chance does: its standard error is about 1 / sqrt(effective).
    if mean < _COVERED and mean < 1.0 - 3.0 / effective**0.5:
        said += f"; about {1.0 - mean:.0%} of what it would do was never tried"
    elif largest > 0.2 * total:
        said += f"; a single outcome carries {largest / total:.0%} of it"
    return said
