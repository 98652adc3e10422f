"""Whether a decision's logged probabilities can be learned from and evaluated with."""

import math
import struct
from typing import NamedTuple

from schemas.domains import DomainSpec
from schemas.events import Decision

#: How far the sum may be from 1: float32, up to 64 arms.
SUM_TOLERANCE = 1e-5
#: A floor computed in float64 and logged as float32 may be this share below.
_FLOOR_TOLERANCE = 1e-6


class Lowest(NamedTuple):
    """The least probable arm of a decision, as a share of the uniform probability."""

    share: float
    arm: str
    propensity: float
    arms: int
    offset: int


def propensities_problem(decision: Decision) -> str | None:
    """What is wrong whatever the specification, or None."""
    K = len(decision.arms)
    if len(decision.propensities) != 4 * K:
        return f"{len(decision.propensities)} bytes of propensities for {K} arms; {4 * K} are expected"
    if decision.choice >= K:
        return f"the choice is arm {decision.choice} of {K}"
    values = _unpacked(decision)
    total = math.fsum(values) if all(map(math.isfinite, values)) else math.nan
    if not abs(total - 1.0) <= SUM_TOLERANCE:
        return f"propensities sum to {total!r}; 1 is expected"
    if values[decision.choice] <= 0.0 or min(values) < 0.0:
        return f"propensities {values}; none may be negative, and the chosen arm's must be above 0"
    return None


def chain_with(decision: Decision) -> float | None:
    """Product of the probabilities of what was chosen in the decision's chain, itself included; None: not known."""
    if propensities_problem(decision) is not None or (decision.after is not None and decision.chain is None):
        return None
    own = _unpacked(decision)[decision.choice]
    return own if decision.chain is None else decision.chain * own


def chain_problem(decision: Decision, known: bool, expected: float | None) -> str | None:
    """What is wrong with the chain of a decision that follows from another, or None.

    known: whether that one is; expected: `chain_with` it.  A router that did not know it says nothing, which is right.
    """
    if decision.chain is None:
        return None
    if decision.after is None:
        return f"the chain is {decision.chain!r}, but it follows from no decision"
    if not known:
        return f"the chain is {decision.chain!r}, but there is no decision {decision.after!r} before it"
    if decision.chain != expected:
        return f"the chain is {decision.chain!r}; with that of {decision.after!r} it is {expected!r}"
    return None


def lowest(decision: Decision, offset: int) -> Lowest:
    """Of a decision without a `propensities_problem`, what a floor is compared with."""
    values = _unpacked(decision)
    least = min(values)
    return Lowest(least * len(values), decision.arms[values.index(least)], least, len(values), offset)


def floor_problem(found: Lowest, version: int, spec: DomainSpec) -> str | None:
    """Whether a probability is below the floor of the version that decided."""
    floor = spec.exploration_minimum / found.arms
    if found.propensity < floor * (1.0 - _FLOOR_TOLERANCE):
        return (
            f"arm {found.arm!r} has propensity {found.propensity!r}; version {version} keeps each at {floor!r} or above"
        )
    return None


def _unpacked(decision: Decision) -> tuple[float, ...]:
    return struct.unpack(f"<{len(decision.arms)}f", decision.propensities)
