"""The answer of `croupier roi`: benefit a month, returns, whether they are known yet, and where each number is from."""

import math
from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from infra.evaluate.history import EvaluationError, History
from stream_workers.evaluation.confidence import ALPHA

from .finance import Figure, Returns, returns
from .plan import Plan
from .worth import Measured, against_control, against_policy

Name = tuple[str, str]  # tenant, domain


class RoiAnswer(Struct, frozen=True):
    """What an investment brings.  Intervals hold at every moment at once, with 95 % for all of them together."""

    verdict: Literal["gain", "loss", "not yet known", "assumed"]
    more_interactions: int | None  # until it is known, if what was seen goes on; None: known, or not by that estimate
    monthly_benefit: Figure  # USD, less the running cost
    returns: Returns
    scopes: tuple[Measured, ...]
    notes: tuple[str, ...]
    plan: Plan

    def as_json(self) -> dict[str, object]:
        """Flat, under stable names: each figure with `_low` and `_high`."""
        figures = {"monthly_benefit": self.monthly_benefit, **msgspec.structs.asdict(self.returns)}
        flat: dict[str, object] = {"verdict": self.verdict, "more_interactions": self.more_interactions}
        for name, figure in figures.items():
            flat |= {name: figure.estimate, f"{name}_low": figure.low, f"{name}_high": figure.high}
        return {
            **flat,
            "scopes": [msgspec.to_builtins(each) for each in self.scopes],
            "notes": list(self.notes),
            "plan": msgspec.to_builtins(self.plan),
        }


def answer(plan: Plan, histories: Mapping[Name, History]) -> RoiAnswer:
    """histories: of every scope's domain and control.  EvaluationError: something cannot be compared."""
    if plan.assumed_monthly_benefit is not None:
        benefit = plan.assumed_monthly_benefit - plan.running_cost
        assumed = Figure(benefit, None, None)
        note = "The benefit is assumed in the plan, not measured: there is no interval, and nothing here proves it."
        return RoiAnswer(
            "assumed", None, assumed, returns(plan.investment, assumed, plan.discount_rate), (), (note,), plan
        )
    alpha = ALPHA / len(plan.scope)
    measured, low, middle, high, notes = [], -plan.running_cost, -plan.running_cost, -plan.running_cost, []
    for scope in plan.scope:
        history = histories[scope.tenant, scope.domain]
        if scope.baseline is not None:
            found = against_policy(history, scope.baseline, plan, alpha)
        else:
            assert scope.control is not None, "the plan was checked"
            tenant, _, domain = scope.control.partition("/")
            found = against_control(history, histories[tenant, domain], plan, alpha)
        monthly = scope.interactions_per_month or found.interactions_per_month
        found = msgspec.structs.replace(found, interactions_per_month=monthly)
        measured.append(found)
        middle += monthly * _real(found.benefit.estimate)
        low += monthly * _real(found.benefit.low)
        high += monthly * _real(found.benefit.high)
        notes += _notes(found, measured_rate=scope.interactions_per_month is None)
    benefit_a_month = Figure(middle, low, high)
    verdict: Literal["gain", "loss", "not yet known"] = (
        "gain" if low > 0.0 else "loss" if high < 0.0 else "not yet known"
    )
    return RoiAnswer(
        verdict,
        None if verdict != "not yet known" else _more(benefit_a_month, sum(each.n for each in measured)),
        benefit_a_month,
        returns(plan.investment, benefit_a_month, plan.discount_rate),
        tuple(measured),
        tuple(notes),
        plan,
    )


def _more(benefit: Figure, n: int) -> int | None:
    """Interactions until the interval leaves zero, if the estimate stays and its width falls with the root of n."""
    middle = _real(benefit.estimate)
    width = middle - _real(benefit.low) if middle > 0.0 else _real(benefit.high) - middle
    if middle == 0.0 or not math.isfinite(width):
        return None
    return max(1, math.ceil(n * ((width / middle) ** 2 - 1.0)))


def _real(value: float | None) -> float:
    if value is None:
        raise EvaluationError("a benefit without an interval cannot be added up")
    return value


def _notes(found: Measured, *, measured_rate: bool) -> list[str]:
    name = f"{found.tenant}/{found.domain}"
    notes = []
    days = (int(found.trace["end_ms"]) - int(found.trace["begin_ms"])) / 86_400_000.0
    if measured_rate and days < 7.0:
        notes.append(
            f"{name}: the interactions of a month are extrapolated from {days:.2g} days; say interactions_per_month in "
            "the plan if you know better."
        )
    if found.capped:
        notes.append(
            f"{name}: {found.capped} interactions cost more than largest_cost and count as that much; raise it in the "
            "plan."
        )
    if found.control:
        notes.append(
            f"{name}: compared with {found.control} interactions of other people. That both groups are alike is yours "
            "to know; who was in which must have been drawn by lot."
        )
    return notes
