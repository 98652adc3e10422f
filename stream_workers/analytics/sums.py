"""What adds up of a bucket: one list of names and types, for the state, the record and those who add up."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct


class Sums(Struct):
    """What adds up of a bucket, as `Kpi` has it; docs/kpis.md and `schemas.events.Kpi` say what each is."""

    interactions: int = 0
    observed: int = 0
    with_feedback: int = 0
    unfollowed: int = 0
    reward_sum: float = 0.0
    cost_sum: float = 0.0
    cost_count: int = 0
    success_sum: float = 0.0
    success_count: int = 0
    error_sum: float = 0.0
    error_count: int = 0
    fallback_sum: float = 0.0
    answered_sum: float = 0.0
    resolved_sum: float = 0.0
    resolved_count: int = 0
    paid_resolved_sum: float = 0.0
    thumbs_sum: float = 0.0
    thumbs_count: int = 0
    explored_sum: float = 0.0
    budget_sum: float = 0.0
    budgeted_cost_sum: float = 0.0
    eligible: int = 0
    value_sum: float = 0.0
    value_squares: float = 0.0
    regret_sum: float = 0.0
    regret_squares: float = 0.0
    weight_sum: float = 0.0
    weight_squares: float = 0.0
    weighted_cost_sum: float = 0.0

    @classmethod
    def of(cls, values: Sequence[float]) -> "Sums":
        """From values in the order of `SUMS`."""
        typed: list[Any] = [int(v) if name in COUNTS else float(v) for name, v in zip(SUMS, values, strict=True)]
        return cls(*typed)


#: Their names, in the order of a `Kpi`.
SUMS: Final = Sums.__struct_fields__
#: Those of them that are whole numbers.
COUNTS: Final = frozenset(
    {"interactions", "observed", "with_feedback", "unfollowed", "eligible", *(n for n in SUMS if n.endswith("_count"))}
)
