"""An outcomes log of several days for `benchmarks.kpi`: tenants, arms, late and doubled outcomes, a budget, thumbs."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from schemas.domains import Arm, Budget, Component, DomainSpec, LearnerSpec
from schemas.events import Decision, Outcome, SpecChange

ARMS: Final = ("small", "large", "vision")
COSTS: Final = (0.001, 0.02, 0.004)
SUCCESS: Final = (0.7, 0.9, 0.6)
HORIZON_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000


def specification(tenant: str) -> DomainSpec:
    return DomainSpec(
        tenant=tenant,
        domain="model_routing",
        features=4,
        arms=tuple(Arm(name, price) for name, price in zip(ARMS, COSTS, strict=True)),
        reward={
            "success": Component(weight=1.0, required=True),
            "latency_ms": Component(weight=0.2, worst=5000.0, best=100.0),
        },
        champion=LearnerSpec("learned", "doubly_robust"),
        horizon_ms=HORIZON_MS,
        budget=Budget(0.005),
    )


def events(
    outcomes: int, tenants: list[str], days: float, end_ms: int, seed: int = 0
) -> Iterator[SpecChange | Outcome]:
    """Every specification, then outcomes of decisions spread evenly over the days before `end_ms`.

    2% come up to an hour late, 2% were not followed, 2% have no feedback at all, and 1% come twice.
    """
    rng = np.random.default_rng(seed)
    for number, tenant in enumerate(tenants):
        yield SpecChange(number, tenant, "model_routing", specification(tenant))
    begin = end_ms - int(days * DAY_MS)
    ordinals = dict.fromkeys(tenants, 0)
    for n in range(outcomes):
        tenant = tenants[int(rng.integers(len(tenants)))]
        p = rng.dirichlet((2.0, 1.0, 1.0)).astype("<f4")
        p = np.maximum(p, np.float32(0.01))
        p /= p.sum()
        choice = int(rng.choice(3, p=p.astype(float) / p.astype(float).sum()))
        fate = rng.random()
        decided = begin + int(days * DAY_MS * n / outcomes) - (int(rng.integers(HORIZON_MS)) if fate < 0.02 else 0)
        seen = {
            "success": float(rng.random() < SUCCESS[choice]),
            "latency_ms": float(rng.lognormal(6.5 + choice / 3, 0.8)),
            "cost": COSTS[choice] * float(rng.lognormal(0.0, 0.5)),
            "error": float(rng.random() < 0.01),
        }
        if rng.random() < 0.1:
            seen["thumbs"] = float(rng.random() < 0.85)
        if 0.02 <= fate < 0.04:
            seen |= {"unfollowed": 1.0, "answered_by": float((choice + 1) % 3)}
        if 0.04 <= fate < 0.06:
            seen = {}
        decision = Decision(
            id=f"r-{n}", tenant=tenant, domain="model_routing", arms=ARMS, choice=choice, propensities=p.tobytes(),
            scores=rng.random(3).astype("<f4").tobytes(), features=rng.random(4).astype("<f4").tobytes(),
            policy="learned", spec=tenants.index(tenant), learned=n, horizon_ms=HORIZON_MS,
            awaited=("success", "latency_ms"), context_offset=n,
        )  # fmt: skip
        ended = decided + (HORIZON_MS if not seen else int(seen["latency_ms"]) + int(rng.exponential(20_000)))
        outcome = Outcome(ordinals[tenant], "complete" if seen else "horizon", decided, ended, seen, n, decision)
        ordinals[tenant] += 1
        yield outcome
        if rng.random() < 0.01:
            yield outcome
