"""Whether a decision's logged probabilities can be learned from and evaluated with."""

import math
import struct

from schemas.domains import DomainSpec
from schemas.events import Decision

#: How far the sum may be from 1: float32, up to 64 arms.
SUM_TOLERANCE = 1e-5
#: A floor computed in float64 and logged as float32 may be this share below.
_FLOOR_TOLERANCE = 1e-6


def propensities_problem(decision: Decision, spec: DomainSpec | None) -> str | None:
    """What is wrong, or None.  spec: of the version that decided; None when it is not known (no floor is checked)."""
    K = len(decision.arms)
    if len(decision.propensities) != 4 * K:
        return f"{len(decision.propensities)} bytes of propensities for {K} arms; {4 * K} are expected"
    if decision.choice >= K:
        return f"the choice is arm {decision.choice} of {K}"
    values = struct.unpack(f"<{K}f", decision.propensities)
    total = math.fsum(values) if all(map(math.isfinite, values)) else math.nan
    if not abs(total - 1.0) <= SUM_TOLERANCE:
        return f"propensities sum to {total!r}; 1 is expected"
    if values[decision.choice] <= 0.0 or min(values) < 0.0:
        return f"propensities {values}; none may be negative, and the chosen arm's must be above 0"
    if spec is not None:
        floor = spec.exploration_minimum / K
        lowest = min(values)
        if lowest < floor * (1.0 - _FLOOR_TOLERANCE):
            arm = decision.arms[values.index(lowest)]
            return f"arm {arm!r} has propensity {lowest!r}; version {decision.spec} keeps each at {floor!r} or above"
    return None
