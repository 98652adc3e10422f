"""Weights of joint policies over chains of decisions: the product of the weights along the chain.

A decision that follows from others saw what these chose.  Its reward under other policies for all of them is an
expectation over the whole chain, which was logged with the product of the propensities; so importance weights multiply
(Precup, Sutton, Singh 2000, per-decision importance sampling, for the reward at the end of the chain).  The weight of
the last decision alone estimates the new policy for it behind the *old* policies for those before.
"""

import numpy as np
from numpy.typing import NDArray


def chain_products(parent: NDArray[np.int64], factor: NDArray[np.float64]) -> NDArray[np.float64]:
    """Product of the factors along each decision's chain, its own included.

    parent: (n,) row of the decision that this one follows from, always before it; -1: none; -2: one that is not among
    these, so the product is not known (NaN), and neither is that of any that follows.  factor: (n,).
    With propensities it gives `Decision.chain` times the decision's own; with pi(a|x) / p it gives the weights of pi.
    ValueError: a parent that does not come before.
    """
    if not (parent < np.arange(len(parent))).all() or not (parent >= -2).all():
        raise ValueError("a decision's parent must be a row before its own, -1 (none) or -2 (not known)")
    product = np.array(factor, np.float64)
    product[parent == -2] = np.nan
    for row in np.flatnonzero(parent >= 0).tolist():
        product[row] *= product[parent[row]]
    return product
