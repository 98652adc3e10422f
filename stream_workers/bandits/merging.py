"""Two learners into one: what would have been learned from the outcomes of both.

A ridge regression is its sums A = ridge I + sum of x x' and b = sum of x r, and sums over two logs that share no
outcome add: A = A_1 + A_2 - A_0, b = b_1 + b_2 - b_0, where A_0 and b_0 are what both began with.  That is the learner
of one log after the other, to rounding, as long as both saw the same phi: features standardised by the same means and
deviations.  `beginning` makes such a start of a learner whose standardiser is settled.

Not so for the others: the target of a doubly robust correction depends on what the model said at that time, the winners
that an Offset Tree's node learns from on what it knew, a corral's values on its bases, and with forgetting it matters
how long ago an outcome was.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.errors import SpecificationError

from .constant import Uniform
from .feature_map import FREEZE_AFTER
from .linear import Linear
from .panels import from_square, to_square
from .policy import Policy

Array = NDArray[np.float64]

_STANDARDISER: Final = ("mean", "m2", "scale", "seen")


def beginning(policy: Policy) -> Policy:
    """A policy under the same setting that has learned nothing, but standardises features as this one does, for good.

    SpecificationError: no `mergeable` policy.
    """
    _check(policy)
    fresh = type(policy)(policy.setting)
    if isinstance(policy, Linear) and isinstance(fresh, Linear):
        for name in _STANDARDISER:
            fresh.placed().arrays[name][:] = policy.placed().arrays[name]
        fresh.placed().arrays["seen"][:] = FREEZE_AFTER
    return fresh


def mergeable(policy: Policy) -> bool:
    """Whether what the policy learns is sums over outcomes."""
    if isinstance(policy, Linear):
        return not policy.corrected and policy.setting.forgetting == 1.0
    return isinstance(policy, Uniform)


def merge(first: Policy, second: Policy, ancestor: Policy | None = None) -> Policy:
    """What would have been learned from both logs, which must share no outcome but those that `ancestor` had learned.

    ancestor: what both went on from; None: they began with nothing (or with a `beginning`).
    SpecificationError says why they can not be merged.
    """
    rest = [second] if ancestor is None else [second, ancestor]
    for each in (first, *rest):
        _check(each)
    for each in rest:
        if type(each) is not type(first) or each.setting != first.setting:
            raise SpecificationError(
                f"{first.kind} and {each.kind} to be merged are not under the same setting: kind, arms and their "
                "order, features and parameters must be equal; rearrange them before"
            )
    merged = type(first).from_bytes(first.to_bytes(), first.setting)
    if isinstance(merged, Linear):
        given = [each for each in (first, second, ancestor) if isinstance(each, Linear)]
        _merge(merged, given if ancestor is not None else [*given, type(merged)(merged.setting)], ancestor is not None)
    return merged


def _check(policy: Policy) -> None:
    if not mergeable(policy):
        forgets = isinstance(policy, Linear) and policy.setting.forgetting < 1.0
        raise SpecificationError(
            f"{policy.kind} {'with forgetting ' if forgets else ''}cannot be merged: what it learns is no sum over "
            "outcomes; learn both logs one after the other instead"
        )


def _merge(merged: Linear, given: list[Linear], whole: bool) -> None:
    """Write the sums of the first two less the third's.  whole: whether the third's standardiser must be theirs."""
    own = [each.placed().arrays for each in given]
    for name in _STANDARDISER:
        if any((each[name] != own[0][name]).any() for each in (own if whole else own[:2])):
            raise SpecificationError(
                f"the {merged.kind} to be merged standardise their features differently, so that their weights do not "
                "mean the same: let both begin with `beginning` of one whose features are settled"
            )
    result = merged.placed().arrays
    result["counters"][:] = own[0]["counters"] + own[1]["counters"] - own[2]["counters"]
    result["waiting"][:] = 0.0
    fourier = len(result["waiting"]) > 0
    for a in range(len(merged.setting.arms)):
        thetas = [each["theta"][a] for each in own]
        inverse, theta = _added([each["covariance"][a] for each in own], [] if fourier else thetas)
        result["covariance"][a] = inverse
        if fourier:
            m = len(thetas[0])
            squares = [
                to_square(each["panels"][a], m) - np.outer(each["waiting"][a], each["waiting"][a]) for each in own
            ]
            real = int(np.count_nonzero(np.diag(squares[2])))  # the rest is padding
            inverse, theta = _added([each[:real, :real] for each in squares], [each[:real] for each in thetas])
            padded = np.zeros((m, m))
            padded[:real, :real] = inverse
            result["panels"][a] = from_square(padded)
        result["theta"][a, : len(theta)] = theta


def _added(inverses: list[Array], thetas: list[Array]) -> tuple[Array, Array]:
    """The inverse of A_1 + A_2 - A_0, and the theta of b_1 + b_2 - b_0 (of no length without thetas)."""
    signs = (1.0, 1.0, -1.0)
    A = [sign * np.linalg.inv(each) for sign, each in zip(signs, inverses, strict=True)]
    inverse = np.linalg.inv(A[0] + A[1] + A[2])
    inverse = 0.5 * (inverse + inverse.T)
    if not thetas:
        return inverse, np.empty(0)
    b = np.add.reduce([each @ theta for each, theta in zip(A, thetas, strict=True)])
    return inverse, inverse @ b
