"""ParetoBandit's `val` set under budgets: a domain as the pipeline runs it, with its cost model and its pacer.

1,785 prompts in an order drawn by the seed, three models, of each answer the judged reward (0 to 1) and the cost.  One
pass: decide, see what the chosen model earned and cost, learn.  Prices are declared as the mean costs; the budget is
one of BUDGETS, in USD a request.  All figures are over the whole pass, from the first request on.

    above_static   smallest gain, over the budgets, of the mean reward over the best static mix: two models in fixed
                   shares that cost the budget, chosen in hindsight
    utilisation    largest mean cost of a request over its budget

Then a jump, which nobody declares: from the middle of the pass on the model of the middle price costs five times as
much, and what it earns falls by DROP (at least to 0).  The new optimum is the best static mix at the new costs and
rewards; all is in the mean over PASSES orders, and the worst over the budgets.

    recovery_requests   requests after the jump until the next WINDOW earn at least 95% of that optimum and cost at
                        most 105% of the budget
    after_500           what is earned from the 500th request after the jump on, over that optimum, and what it costs
                        over the budget
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.learning.online import Played, play
from benchmarks.learning.seeds import over_seeds
from benchmarks.learning.texts import Texts, recorded
from schemas.domains import Arm, Budget, Component, DomainSpec, LearnerSpec

BUDGETS: Final = (79e-6, 163e-6, 260e-6)
KIND: Final = "squarecb"
PARAMS: Final[dict[str, float | str]] = {"map": "small", "ridge": 3.0, "bonus": 0.5, "gamma": 100.0}
#: One model costs 190 times the smallest budget: tried with the usual 2% it alone would cost more than that.
EXPLORATION: Final = 0.0005
FORGETTING: Final = 0.999
SEEDS: Final = 5
PASSES: Final = 20
DROP: Final = 0.25
WINDOW: Final = 100

Array = NDArray[np.float64]


def run(quick: bool) -> dict[str, Any]:
    """The figures of this part."""
    found = recorded("paretobandit_val", "quality", wording=False)
    costs = np.array(found.raw["observed"]["cost"], np.float64).T.copy()
    gains, used, by_budget = [], [], {}
    for budget in BUDGETS:
        mix = static(found.rewards.mean(axis=0), costs.mean(axis=0), budget)
        runs = [_pass(found, found.rewards, costs, costs, budget, s) for s in range(1 if quick else SEEDS)]
        gains.append([float(each.rewards.mean()) - mix for each in runs])
        used.append([float(each.costs.mean()) / budget for each in runs])
        by_budget[f"{budget:g}"] = {"gain": float(np.mean(gains[-1])), "utilisation": float(np.mean(used[-1]))}
    worst, most = np.argmin(np.mean(gains, axis=1)), np.argmax(np.mean(used, axis=1))
    recovery = [_recovered(found, costs, budget, 4 if quick else PASSES) for budget in BUDGETS]
    return {
        **over_seeds(gains[worst]).figures("pareto_above_static"),
        **over_seeds(used[most]).figures("pareto_utilisation"),
        "pareto_recovery_requests": max(each.requests for each in recovery),
        "pareto_after_500_reward": min(each.reward for each in recovery),
        "pareto_after_500_cost": max(each.cost for each in recovery),
        "pareto": by_budget,
        "configuration": {
            "pareto": {"kind": KIND, "exploration_minimum": EXPLORATION, "forgetting": FORGETTING, **PARAMS}
        },
    }


def static(rewards: Array, costs: Array, budget: float) -> float:
    """The most that two models in fixed shares earn at a mean cost of at most the budget.  rewards, costs: (K,)"""
    best = max((r for r, c in zip(rewards, costs, strict=True) if c <= budget), default=0.0)
    for i in np.flatnonzero(costs <= budget):
        for j in np.flatnonzero(costs > budget):
            share = (budget - costs[i]) / (costs[j] - costs[i])
            best = max(best, (1.0 - share) * rewards[i] + share * rewards[j])
    return float(best)


class _Recovery(NamedTuple):
    """Of one budget.  requests: until it is over; as many as there are if it never is."""

    requests: int
    reward: float
    cost: float


def _recovered(found: Texts, costs: Array, budget: float, passes: int) -> _Recovery:
    n = len(costs)
    middle = int(np.argsort(costs.mean(axis=0))[1])
    dearer, weaker = costs.copy(), found.rewards.copy()
    dearer[:, middle] *= 5.0
    weaker[:, middle] = np.maximum(weaker[:, middle] - DROP, 0.0)
    optimum = static(weaker.mean(axis=0), dearer.mean(axis=0), budget)
    earned, paid = np.zeros(n), np.zeros(n)
    for seed in range(passes):
        played = _pass(found, found.rewards, costs, costs, budget, 100 + seed, weaker, dearer)
        earned += played.rewards / passes
        paid += played.costs / passes
    requests = n - n // 2
    for begin in range(n // 2, n - WINDOW):
        window = slice(begin, begin + WINDOW)
        if earned[window].mean() >= 0.95 * optimum and paid[window].mean() <= 1.05 * budget:
            requests = begin - n // 2
            break
    late = slice(n // 2 + 500, n)
    return _Recovery(requests, float(earned[late].mean()) / optimum, float(paid[late].mean()) / budget)


def _pass(
    found: Texts,
    rewards: Array,
    costs: Array,
    declared: Array,
    budget: float,
    seed: int,
    rewards_then: Array | None = None,
    costs_then: Array | None = None,
) -> Played:
    """One pass; with rewards_then and costs_then these hold from its middle on."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(costs))
    earned, paid, half = rewards[order], costs[order], len(order) // 2
    if rewards_then is not None and costs_then is not None:
        earned[half:], paid[half:] = rewards_then[order[half:]], costs_then[order[half:]]
    spec = DomainSpec(
        "pareto", "routing", found.features.shape[1],
        tuple(Arm(arm, float(price)) for arm, price in zip(found.arms, declared.mean(axis=0), strict=True)),
        {"quality": Component(required=True), "cost": Component(weight=0.0)},
        LearnerSpec("learned", KIND, PARAMS),
        exploration_minimum=EXPLORATION, forgetting=FORGETTING, budget=Budget(budget),
    )  # fmt: skip
    return play(spec, np.ascontiguousarray(found.features[order]), earned, paid, rng.random(len(order)))
