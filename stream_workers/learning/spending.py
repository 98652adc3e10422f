"""What the decisions of a period have cost: the part of a hard cap that is a function of the outcomes log.

An outcome is charged what was observed, whoever answered; one that ended without a cost, or with one that is no number,
is charged the most that it may have cost: a cap that is never passed must not trust what was lost.  That is the most of
its arm or of the one that answered instead, and where nobody followed the decision and it is not known who answered, of
the dearest.  What is decided and has no outcome yet is the router's (`routing.purse`).
"""

import math
from datetime import UTC, datetime
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.domains import DomainSpec
from schemas.errors import SpecificationError
from schemas.events import Outcome
from schemas.observations import COST, answered_by, was_followed

#: The state: number of the period, USD.
SIZE: Final = 2

_HOUR_MS: Final = 3_600_000


class Cap(NamedTuple):
    """A domain's hard cap."""

    amount: float  # USD for one period
    period: str
    most: dict[str, float]  # USD by arm
    largest: float  # of an arm that is not there any more

    def number(self, ms: float) -> int:
        """Of the period that a moment is in (ms since 1970, UTC); later ones have higher numbers."""
        if self.period == "month":
            moment = datetime.fromtimestamp(max(ms, 0.0) / 1000.0, UTC)
            return 12 * moment.year + moment.month
        return int(ms // (_HOUR_MS if self.period == "hour" else 24 * _HOUR_MS))

    def most_of(self, arm: str) -> float:
        """USD that a request can cost with an arm."""
        return self.most.get(arm, self.largest)


def cap_of(spec: DomainSpec) -> Cap | None:
    """SpecificationError if an arm does not say what it may cost at most."""
    if spec.budget is None or spec.budget.hard_cap is None:
        return None
    for arm in spec.arms:
        if arm.most is None and arm.enabled:
            raise SpecificationError(
                f"{spec.tenant}/{spec.domain}, arm {arm.name}: under a hard cap every arm needs `most`, the USD that "
                "one request can cost at most (0 for a free one)"
            )
    most = {arm.name: arm.most if arm.most is not None else arm.price for arm in spec.arms}
    return Cap(spec.budget.hard_cap, spec.budget.period, most, max(most.values()))


def charge(state: NDArray[np.float64], cap: Cap, outcome: Outcome) -> None:
    """Count an outcome.  state: (SIZE,); an outcome of a period that is past counts no more."""
    number = cap.number(outcome.decided_at_ms)
    if number > state[0]:
        state[:] = (number, 0.0)
    if number < state[0]:
        return
    cost = outcome.observations.get(COST, math.nan)
    state[1] += max(cost, 0.0) if math.isfinite(cost) else _most(cap, outcome)


def _most(cap: Cap, outcome: Outcome) -> float:
    """USD that an outcome whose cost was lost may have cost."""
    decision, observations = outcome.decision, outcome.observations
    most = cap.most_of(decision.arms[decision.choice] if decision.choice < len(decision.arms) else "")
    answered = answered_by(decision, observations)
    if answered is not None:
        return max(most, cap.most_of(answered))
    return most if was_followed(observations) else max(most, cap.largest)


def spent(state: NDArray[np.float64], number: int) -> float:
    """USD charged in a period."""
    return float(state[1]) if state[0] == number else 0.0
