"""How a result comes back: in pieces, late, twice, never; planned for every interaction before it is played."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import log
from typing import Literal

from .draws import uniforms

Kind = Literal["on_time", "late", "duplicate", "orphan"]

#: On-time feedback is sent within this share of the horizon, so that what is late is what the plan declares late.
ON_TIME_SHARE = 0.5
_LATE_MARGIN_S = 0.5


@dataclass(frozen=True, slots=True)
class FeedbackPlan:
    """Rates of a kind of feedback; each is a probability per reward record, `split` and `orphan` per interaction."""

    delay_s: float = 1.0  # mean of the exponential delay between decision and feedback, cut at half the horizon
    split: float = 0.5  # the first component comes alone, the others later
    lost: float = 0.005  # never sent
    late: float = 0.005  # sent after the horizon
    duplicate: float = 0.02  # sent twice
    orphan: float = 0.005  # a reward for a decision that never was, beside the true one

    def __post_init__(self) -> None:
        if not self.delay_s >= 0:
            raise ValueError(f"delay_s is {self.delay_s}; seconds, at least 0, are expected")
        for field in fields(self):
            rate = getattr(self, field.name)
            if field.name != "delay_s" and not 0 <= rate <= 1:
                raise ValueError(f"{field.name} is {rate}; a probability from 0 to 1 is expected")
        if self.lost + self.late > 1:
            raise ValueError(f"lost {self.lost} and late {self.late} exclude each other; expected a sum of at most 1")


@dataclass(frozen=True, slots=True)
class Planned:
    """One reward record to send: how long after the decision was read, which components, and as what."""

    after_s: float
    components: tuple[str, ...]
    kind: Kind
    part: int  # duplicates have the part they repeat


@dataclass(frozen=True, slots=True)
class Feedback:
    """Everything planned for one interaction, in order of time, and how many reward records are lost."""

    planned: tuple[Planned, ...]
    lost: int


def plan_feedback(
    plan: FeedbackPlan, seed: int, tenant: str, index: int, components: Sequence[str], horizon_s: float
) -> Feedback:
    """What happens to the feedback of a tenant's index-th interaction; a function of its arguments alone."""
    apart, orphan, orphan_delay = uniforms(3, seed, tenant, index, "interaction")
    parts = [tuple(components)]
    if len(components) > 1 and apart < plan.split:
        parts = [tuple(components[:1]), tuple(components[1:])]
    planned: list[Planned] = []
    lost = 0
    for number, part in enumerate(parts):
        fate, delay, twice, twice_delay = uniforms(4, seed, tenant, index, number)
        if fate < plan.lost:
            lost += 1
            continue
        late = fate < plan.lost + plan.late
        after = _delay(plan, delay, horizon_s) + (horizon_s + _LATE_MARGIN_S if late else 0.0)
        planned.append(Planned(after, part, "late" if late else "on_time", number))
        if twice < plan.duplicate:
            planned.append(Planned(after + _delay(plan, twice_delay, horizon_s), part, "duplicate", number))
    if orphan < plan.orphan:
        planned.append(Planned(_delay(plan, orphan_delay, horizon_s), tuple(components), "orphan", 0))
    return Feedback(tuple(sorted(planned, key=lambda each: each.after_s)), lost)


def _delay(plan: FeedbackPlan, draw: float, horizon_s: float) -> float:
    """Exponential with the plan's mean, cut at its share of the horizon."""
    return min(-plan.delay_s * log(1.0 - draw), ON_TIME_SHARE * horizon_s)
