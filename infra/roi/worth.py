"""What an interaction earns more than under a baseline, in USD, with an interval that holds at every moment at once.

An interaction is worth

    value_of_resolved * resolved + value_of_minute * minutes_saved - cost

where `resolved` is its observed success (or, where only quality was observed, whether that is at least one half); what
was not observed is worth nothing, and a cost that was not observed is the price that the arm declares.  The difference
to the baseline is doubly robust (`stream_workers.evaluation.offline`), never before against after.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from infra.evaluate.answer import logged_of
from infra.evaluate.history import EvaluationError, History
from infra.evaluate.replay import arrays_of, probabilities
from infra.evaluate.wanted import wanted
from schemas import observations as names
from schemas.domains import Component, DomainSpec
from schemas.events import Outcome
from stream_workers.analytics import measures
from stream_workers.evaluation import offline
from stream_workers.evaluation.confidence import ALPHA

from .finance import DAYS, Figure
from .plan import Plan

MINUTES_SAVED: Final = "minutes_saved"
_WORTH: Final = "worth"
_DAY_MS: Final = 86_400_000.0

Array = NDArray[np.float64]


class Measured(Struct, frozen=True):
    """Per interaction, of one scope.  `trace` says where it can be looked up."""

    tenant: str
    domain: str
    against: str
    n: int  # interactions that were measured
    control: int  # of the control group; 0: the baseline is a policy
    benefit: Figure  # USD an interaction, more than the baseline's
    cost: Figure  # USD an interaction, as it is
    baseline_cost: Figure
    cost_cut: Figure  # share
    resolved: Figure
    baseline_resolved: Figure
    interactions_per_month: float
    capped: int  # interactions that cost more than the plan's largest_cost
    trace: dict[str, str | int]


class _Scale(Struct, frozen=True):
    """USD from low to high as 0 to 1."""

    low: float
    high: float

    def down(self, usd: float) -> float:
        return (min(max(usd, self.low), self.high) - self.low) / (self.high - self.low)

    def up(self, share: float) -> float:
        return self.low + share * (self.high - self.low)

    @property
    def width(self) -> float:
        return self.high - self.low


def against_policy(history: History, text: str, plan: Plan, alpha: float = ALPHA) -> Measured:
    """Compared with a policy, by its text (`infra.evaluate.wanted`).  EvaluationError: it can not be."""
    parts = {name: _difference(history, text, plan, name, alpha) for name in ("worth", "cost", "resolved")}
    benefit, cost, resolved = (parts[name] for name in ("worth", "cost", "resolved"))
    return _measured(history, plan, text, benefit[0], cost[1:3], resolved[1:3], benefit_n=benefit[3])


def against_control(history: History, control: History, plan: Plan, alpha: float = ALPHA) -> Measured:
    """Compared with a measured group of other people: two means, each with its interval."""
    found = {
        name: (_mean(history, plan, name, alpha / 2.0), _mean(control, plan, name, alpha / 2.0))
        for name in ("worth", "cost", "resolved")
    }
    ours, theirs = found["worth"]
    benefit = Figure(_less(ours.estimate, theirs.estimate), _less(ours.low, theirs.high), _less(ours.high, theirs.low))
    name = f"{control.spec.tenant}/{control.spec.domain}"
    measured = _measured(
        history, plan, name, benefit, found["cost"], found["resolved"], benefit_n=len(history.outcomes)
    )
    return msgspec.structs.replace(measured, control=len(control.outcomes))


def resolved(observed: Mapping[str, float]) -> float:
    """Whether an interaction was served well, 0 to 1; what nobody observed was not."""
    return measures.resolved(observed) or 0.0


def largest_cost(plan: Plan, spec: DomainSpec) -> float:
    """USD that one interaction is taken to cost at most: as planned, or as the domain declares.

    By its arms' `most`; else where its reward for cost ends; else twenty times the highest price.  It is fixed before
    the outcomes are looked at, as the interval needs.
    """
    if plan.largest_cost is not None:
        return plan.largest_cost
    if all(arm.most for arm in spec.arms):
        return max(arm.most or 0.0 for arm in spec.arms)
    part = spec.reward.get(names.COST)
    if part is not None and max(part.worst, part.best) > 0.0:
        return max(part.worst, part.best)
    return 20.0 * max(arm.price for arm in spec.arms) or 1.0


def _of(plan: Plan, spec: DomainSpec, what: str) -> _Scale:
    if what == "resolved":
        return _Scale(0.0, 1.0)
    most = largest_cost(plan, spec)
    if what == "cost":
        return _Scale(0.0, most)
    return _Scale(-most, plan.value_of_resolved + plan.value_of_minute * plan.most_minutes)


def _usd(outcome: Outcome, plan: Plan, what: str, prices: Mapping[str, float]) -> float:
    observed = outcome.observations
    cost = observed.get(names.COST)
    if cost is None:
        cost = prices.get(outcome.decision.arm, 0.0)
    if what == "cost":
        return cost
    if what == "resolved":
        return resolved(observed)
    minutes = min(max(observed.get(MINUTES_SAVED, 0.0), 0.0), plan.most_minutes)
    return plan.value_of_resolved * resolved(observed) + plan.value_of_minute * minutes - cost


def _rescaled(history: History, plan: Plan, what: str) -> History:
    """The same history, whose reward is what is wanted, from 0 to 1."""
    scale = _of(plan, history.spec, what)
    reward = {_WORTH: Component(required=True)}
    eras = []
    for era in history.eras:
        prices = {arm.name: arm.price for arm in era.spec.arms}
        spec = msgspec.structs.replace(era.spec, reward=reward, default_reward=0.0, budget=None, quality=None)
        outcomes = [
            msgspec.structs.replace(each, observations={_WORTH: scale.down(_usd(each, plan, what, prices))})
            for each in era.outcomes
        ]
        eras.append(era._replace(spec=spec, outcomes=outcomes))
    return History(eras, history.skipped)


def _difference(history: History, text: str, plan: Plan, what: str, alpha: float) -> tuple[Figure, Figure, Figure, int]:
    """Of what acts less the baseline; what acts; the baseline; over how many outcomes."""
    scale, there = _of(plan, history.spec, what), _rescaled(history, plan, what)
    arrays = arrays_of(there)
    if not len(arrays.rows):
        raise EvaluationError("no outcome has the features that the domain declares now; there is nothing to measure")
    (one,) = wanted([text], there.spec, arrays.arms)
    target, judged = probabilities(one, there, arrays, 0)
    if not judged.any():
        raise EvaluationError(f"{text} was eligible in no outcome, so nothing can be compared with it")
    logged = logged_of(there, arrays).where(judged)
    rng = np.random.default_rng(0)
    found = offline.difference(logged, logged.propensities, target[judged], text, rng, alpha)
    base = offline.evaluate(logged, target[judged], rng).values[-1]
    acting = offline.evaluate(logged, logged.propensities, rng).values[-1]
    return (
        Figure(*(scale.width * each for each in (found.estimate, found.lower, found.upper))),
        Figure(scale.up(float(logged.reward.mean())), scale.up(acting.lower), scale.up(acting.upper)),
        Figure(*(scale.up(each) for each in (base.estimate, base.lower, base.upper))),
        found.n,
    )


def _mean(history: History, plan: Plan, what: str, alpha: float) -> Figure:
    """Of what acts, with its interval."""
    scale, there = _of(plan, history.spec, what), _rescaled(history, plan, what)
    arrays = arrays_of(there)
    if not len(arrays.rows):
        raise EvaluationError("no outcome has the features that the domain declares now; there is nothing to measure")
    logged = logged_of(there, arrays)
    lower, upper = offline.interval(logged, logged.propensities, alpha)
    return Figure(*(scale.up(each) for each in (float(logged.reward.mean()), lower, upper)))


def _measured(
    history: History, plan: Plan, against: str, benefit: Figure, cost: tuple[Figure, Figure],
    served: tuple[Figure, Figure], *, benefit_n: int,
) -> Measured:  # fmt: skip
    outcomes = history.outcomes
    begin, end = outcomes[0].decided_at_ms, outcomes[-1].decided_at_ms
    most = largest_cost(plan, history.spec)
    days = max((end - begin) / _DAY_MS, 1.0 / 24.0)
    return Measured(
        history.spec.tenant,
        history.spec.domain,
        against,
        benefit_n,
        0,
        benefit,
        *cost,
        _cut(*cost),
        *served,
        len(outcomes) / days * DAYS,
        sum(each.observations.get(names.COST, 0.0) > most for each in outcomes),
        {
            "first_decision": outcomes[0].decision.id,
            "last_decision": outcomes[-1].decision.id,
            "first_decision_offset": outcomes[0].decision_offset,
            "last_decision_offset": outcomes[-1].decision_offset,
            "begin_ms": begin,
            "end_ms": end,
            "specification": history.eras[-1].version,
            "skipped": history.skipped,
        },
    )


def _cut(after: Figure, before: Figure) -> Figure:
    """From intervals of both: as wide as both allow."""

    def share(later: float | None, earlier: float | None) -> float | None:
        return None if later is None or not earlier or earlier <= 0.0 else 1.0 - later / earlier

    return Figure(share(after.estimate, before.estimate), share(after.high, before.low), share(after.low, before.high))


def _less(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other
