"""How much to clip, switch or shrink: chosen from the data, by one of two methods.

`least_error` minimises an estimate of the squared error, variance plus squared bias bound (Su, Dimakopoulou,
Krishnamurthy, Dudik 2020, "Doubly robust off-policy evaluation with shrinkage", Section 5).  `slope` takes the
candidate of least variance whose estimate is still consistent with all that are less biased (Su, Srinath,
Krishnamurthy 2020, "Adaptive estimator selection for off-policy evaluation", Algorithm 1, with the constant of Tucker,
Lee 2021); it needs no estimate of the bias.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: SLOPE's factor on the width of the less biased (Tucker, Lee 2021).
_CONSISTENT: Final = math.sqrt(6.0) - 1.0
#: Quantiles of the weights at which clips and thresholds are tried.
_QUANTILES: Final = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0)


def candidates(weights: Array) -> list[float]:
    """Clips or thresholds that make a difference for these weights (n,), and none at all: ascending."""
    positive = weights[weights > 0.0]
    found = set(np.quantile(positive, _QUANTILES).tolist()) if len(positive) else set()
    return [*sorted(found), math.inf]


def shrinkages(weights: Array) -> list[float]:
    """Lambdas of `estimators.dros` that make a difference: squares of `candidates`, ascending, none at all the last."""
    return [each * each for each in candidates(weights)]


def least_error(
    values: Sequence[float],
    terms: Callable[[float], Array],
    weight: Array,
    changed: Callable[[float], Array],
    residual: Array,
    *,
    bound: bool = True,
    delta: float = 0.05,
) -> float:
    """The value whose estimated squared error is least; of equals the last.

    terms: a value's terms (n,); changed: its weights (n,) instead of `weight`; residual: r - q, (n,).
    bound: squared bias by a bound that holds with probability 1 - delta, otherwise directly (better in small logs).
    """
    scores = [_error(terms(each), weight, changed(each), residual, delta if bound else None) for each in values]
    return values[max(i for i, score in enumerate(scores) if score == min(scores))]


def _error(terms: Array, weight: Array, changed: Array, residual: Array, delta: float | None) -> float:
    n = len(terms)
    bias = abs(float(((weight - changed) * residual).mean()))
    if delta is not None:
        left = np.abs(weight - changed)
        log = math.log(2.0 / delta)
        bias += math.sqrt(2.0 * float((left**2).mean()) * log / n) + 2.0 * float(left.max()) * log / (3.0 * n)
    return float(terms.var()) / n + bias * bias


def slope(values: Sequence[float], terms: Callable[[float], Array], *, quantile: float = 1.645) -> float:
    """The value that SLOPE selects.  terms: a value's terms (n,); widths are quantile times the standard error."""
    each = [terms(value) for value in values]
    means = [float(x.mean()) for x in each]
    widths = [quantile * float(x.std(ddof=1)) / math.sqrt(len(x)) for x in each]
    order = sorted(range(len(values)), key=lambda i: -widths[i])  # stable: of equal widths the first is first
    for place, i in enumerate(order):
        for j in order[:place]:
            if abs(means[i] - means[j]) > widths[i] + _CONSISTENT * widths[j]:
                return values[order[place - 1]]
    return values[order[-1]]
