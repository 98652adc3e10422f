"""What is measured of one outcome, defined once: when it was resolved and answered, what it says about each arm.

Doubly robust terms (Dudik, Langford, Li 2011, eq. 5) of always taking arm a, for every eligible a:

    q_a + 1{a was chosen} (r - q_a) / p_a

q_a is the decision's score of the arm, clipped to [0, 1].  It was written down before the arm was drawn, so the terms
are unbiased whatever the scores are worth; good ones make them vary less.  The mean of the terms is the arm's value,
and the mean of the terms less the rewards is the regret against it: over the same decisions, so that nothing is
compared before against after.
"""

import struct
from collections.abc import Mapping
from typing import Final, NamedTuple

from schemas.domains import DomainSpec
from schemas.events import Decision
from schemas.observations import ERROR, FALLBACK, QUALITY, SUCCESS

#: Where nobody says whether it was a success: from this quality on it was.
RESOLVED_QUALITY: Final = 0.5


class Term(NamedTuple):
    """Of one eligible arm: its doubly robust term, and that less the reward that was earned."""

    arm: str
    value: float
    regret: float


def resolved(observations: Mapping[str, float]) -> float | None:
    """Whether the request was served well, 0 to 1: its success, or else whether its quality is 0.5 or more.

    None: neither was observed.
    """
    if (success := observations.get(SUCCESS)) is not None:
        return min(max(success, 0.0), 1.0)
    if (quality := observations.get(QUALITY)) is not None:
        return 1.0 if quality >= RESOLVED_QUALITY else 0.0
    return None


def answered(observations: Mapping[str, float]) -> float | None:
    """Whether somebody got an answer, 0 to 1: there was no error, or another arm stood in.

    None: nothing was observed, so it is not known.
    """
    if not observations:
        return None
    if observations.get(FALLBACK, 0.0) > 0.0:
        return 1.0
    return 1.0 - min(max(observations.get(ERROR, 0.0), 0.0), 1.0)


def propensities_of(decision: Decision) -> tuple[float, ...] | None:
    """The propensity of each of the decision's arms; None: they are not what a router writes."""
    K = len(decision.arms)
    if len(decision.propensities) != 4 * K:
        return None
    found = struct.unpack(f"<{K}f", decision.propensities)
    usable = all(0.0 <= each <= 1.0 for each in found) and found[decision.choice] > 0.0
    return found if usable else None


def terms(decision: Decision, propensities: tuple[float, ...], reward: float) -> list[Term]:
    """One for each eligible arm that could be drawn, in the decision's order."""
    K = len(decision.arms)
    scores = struct.unpack(f"<{K}f", decision.scores) if len(decision.scores) == 4 * K else (0.0,) * K
    found = []
    for a, (arm, p, score) in enumerate(zip(decision.arms, propensities, scores, strict=True)):
        if p > 0.0:
            value = min(max(score, 0.0), 1.0) if score == score else 0.0  # noqa: PLR0124 - not a number
            if a == decision.choice:
                value += (reward - value) / p
            found.append(Term(arm, value, value - reward))
    return found


def baseline_of(spec: DomainSpec) -> str | None:
    """The arm that savings are measured against: as the domain declares, or else the enabled one of the highest price.

    None where several have that price: nothing says then which of them would be taken without a learner.
    """
    if spec.baseline is not None:
        return spec.baseline
    highest = max((arm.price for arm in spec.arms if arm.enabled), default=0.0)
    found = [arm.name for arm in spec.arms if arm.enabled and arm.price == highest]
    return found[0] if len(found) == 1 else None
