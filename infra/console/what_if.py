"""What a domain would have earned and cost with other weights or prices: off-policy evaluation in a process of its own.

    python -m infra.console.what_if < question.json

It reads a tenant's outcomes, changes what the question says, and evaluates: what was logged, the domain's policies had
they learned under the change, and always each arm.  Costs are evaluated as the reward is, by the same probabilities.
"""

import asyncio
import sys
from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from infra.evaluate.answer import logged_of
from infra.evaluate.history import EvaluationError, History
from infra.evaluate.replay import Arrays, arrays_of, probabilities
from infra.evaluate.wanted import wanted
from schemas.domains import Component, DomainSpec
from schemas.errors import CroupierError
from schemas.events import Outcome
from schemas.observations import COST
from stream_workers.evaluation import offline

#: More than that, and the first ones are left out: an answer in a minute is worth more than one of everything.
MOST: Final = 50_000
_COSTS: Final = "usd"


class Question(Struct, frozen=True):
    """About one domain."""

    bootstrap: str
    prefix: str
    tenant: str
    domain: str
    weights: dict[str, float]  # of reward components; those not named stay
    prices: dict[str, float]  # of arms, USD; what was observed to cost is scaled with them


class Estimate(Struct, frozen=True):
    """With a 95% interval that holds at every moment at once."""

    value: float
    lower: float
    upper: float


class Row(Struct, frozen=True):
    """About one policy."""

    policy: str
    n: int
    reward: Estimate
    more: Estimate  # reward, more than what was logged
    cost: Estimate | None  # USD an interaction; None: no cost was observed
    overlap: str
    shares: dict[str, float]  # of arms


class Found(Struct, frozen=True):
    """The answer."""

    outcomes: int
    left_out: int
    logged: Estimate  # reward of what was logged, with the change
    unchanged: Estimate  # and without it
    logged_cost: Estimate | None
    rows: list[Row]
    first: str  # decision
    last: str


def change(history: History, weights: Mapping[str, float], prices: Mapping[str, float]) -> History:
    """The same outcomes under other weights and prices."""
    eras = []
    for era in history.eras:
        arms = tuple(msgspec.structs.replace(arm, price=prices.get(arm.name, arm.price)) for arm in era.spec.arms)
        reward = {
            name: msgspec.structs.replace(part, weight=weights.get(name, part.weight))
            for name, part in era.spec.reward.items()
        }
        scales = {
            arm.name: prices[arm.name] / arm.price for arm in era.spec.arms if arm.name in prices and arm.price > 0.0
        }
        outcomes = [_repriced(outcome, scales) for outcome in era.outcomes] if scales else era.outcomes
        eras.append(era._replace(spec=msgspec.structs.replace(era.spec, arms=arms, reward=reward), outcomes=outcomes))
    return History(eras, history.skipped, history.unfollowed)


def found(history: History, weights: Mapping[str, float], prices: Mapping[str, float]) -> Found:
    """EvaluationError: nothing can be evaluated."""
    left_out = max(0, len(history.outcomes) - MOST)
    history = _last(history, MOST)
    changed = change(history, weights, prices)
    arrays = arrays_of(changed)
    if not len(arrays.rows):
        raise EvaluationError("no outcome has the features that the domain declares now; there is nothing to evaluate")
    logged = logged_of(changed, arrays)
    costs = _costs(changed)
    costly = None if costs is None else (logged_of(costs[0], arrays_of(costs[0])), costs[1])
    rng = np.random.default_rng(0)
    texts = [each.name for each in (changed.spec.champion, *changed.spec.challengers)]
    texts += [f"arm:{arm.name}" for arm in changed.spec.arms if arm.enabled]
    rows = []
    for each in wanted(texts, changed.spec, arrays.arms):
        target, judged = probabilities(each, changed, arrays, 0)
        if not judged.any():
            continue
        here = logged.where(judged)
        evaluated = offline.evaluate(here, target[judged], rng)
        more = offline.difference(here, target[judged], here.propensities, "logged", rng)
        rows.append(
            Row(
                each.text, int(judged.sum()), _estimate(evaluated.values[-1]),
                Estimate(float(more.estimate), float(more.lower), float(more.upper)),
                None if costly is None else _cost_of(costly, target, judged, rng),
                evaluated.overlap.grade, _shares(arrays, target[judged]),
            )
        )  # fmt: skip
    outcomes = history.outcomes
    plain = logged_of(history, arrays_of(history)) if weights or prices else logged
    everything = np.ones(len(arrays.rows), np.bool_)
    return Found(
        len(arrays.rows), left_out, _mean(logged, rng), _mean(plain, rng),
        None if costly is None else _cost_of(costly, logged.propensities, everything, rng), rows,
        outcomes[0].decision.id, outcomes[-1].decision.id,
    )  # fmt: skip


def _repriced(outcome: Outcome, scales: Mapping[str, float]) -> Outcome:
    scale, cost = scales.get(outcome.decision.arm), outcome.observations.get(COST)
    if scale is None or cost is None:
        return outcome
    return msgspec.structs.replace(outcome, observations={**outcome.observations, COST: cost * scale})


def _last(history: History, most: int) -> History:
    """With its last outcomes only."""
    left, eras = most, []
    for era in reversed(history.eras):
        kept = era.outcomes[max(0, len(era.outcomes) - left) :] if left else []
        left -= len(kept)
        eras.append(era._replace(outcomes=kept))
    return History(eras[::-1], history.skipped, history.unfollowed)


def _costs(history: History) -> tuple[History, float] | None:
    """The same history, whose reward is the share of the highest cost that was spent; and that cost, USD.

    What was not observed to cost is taken to cost the arm's price.
    """
    told = [outcome.observations[COST] for outcome in history.outcomes if COST in outcome.observations]
    most = max([*told, *(arm.price for arm in history.spec.arms)], default=0.0)
    if not told or most <= 0.0:
        return None
    eras = []
    for era in history.eras:
        prices = {arm.name: arm.price for arm in era.spec.arms}
        outcomes = [
            msgspec.structs.replace(
                each,
                observations={_COSTS: each.observations.get(COST, prices.get(each.decision.arm, 0.0)) / most},
            )
            for each in era.outcomes
        ]
        spec: DomainSpec = msgspec.structs.replace(
            era.spec, reward={_COSTS: Component(required=True)}, default_reward=0.0, budget=None, quality=None
        )
        eras.append(era._replace(spec=spec, outcomes=outcomes))
    return History(eras, history.skipped), most


def _cost_of(
    costly: tuple[offline.Logged, float],
    target: NDArray[np.float64],
    judged: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Estimate:  # fmt: skip
    logged, most = costly
    value = _estimate(offline.evaluate(logged.where(judged), target[judged], rng).values[-1])
    return Estimate(most * value.value, most * value.lower, most * value.upper)


def _mean(logged: offline.Logged, rng: np.random.Generator) -> Estimate:
    value = _estimate(offline.evaluate(logged, logged.propensities, rng).values[-1])
    return Estimate(float(logged.reward.mean()), value.lower, value.upper)


def _estimate(value: offline.Valued) -> Estimate:
    return Estimate(float(value.estimate), float(value.lower), float(value.upper))


def _shares(arrays: Arrays, target: NDArray[np.float64]) -> dict[str, float]:
    return {name: float(share) for name, share in zip(arrays.arms, target.mean(axis=0), strict=True)}


async def _answer(question: Question) -> Found:
    from infra.roi.gather import logged

    name = (question.tenant, question.domain)
    histories = await logged(question.bootstrap, question.prefix, [name], lambda _: None)
    return found(histories[name], question.weights, question.prices)


def main() -> None:
    """Read a question, write {"found": ...} or {"error": ...}."""
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=Question)
    try:
        answer: dict[str, object] = {"found": asyncio.run(_answer(question))}
    except CroupierError as error:
        answer = {"error": str(error)}
    sys.stdout.buffer.write(msgspec.json.encode(answer))


if __name__ == "__main__":
    main()
