"""A tenant's outcomes, drawn from models whose costs and quality are known."""

from collections.abc import Iterator, Mapping

import numpy as np

from schemas.domains import Arm, Component, DomainSpec, LearnerSpec
from schemas.events import Decision, Outcome
from schemas.observations import COST, ERROR, LATENCY_MS, THUMBS, UNFOLLOWED

#: Mean USD of an answer to a question of length 1.
MODELS: Mapping[str, float] = {"small": 0.001, "medium": 0.004, "strong": 0.02}
NOON = 1_760_000_000_000
MINUTE = 60_000


def spec(tenant: str = "guild-1", **changes: object) -> DomainSpec:
    given = {
        "tenant": tenant,
        "domain": "model_routing",
        "features": 1,
        "arms": tuple(Arm(name, price) for name, price in MODELS.items()),
        "reward": {"success": Component()},
        "champion": LearnerSpec("learned", "uniform"),
        **changes,
    }
    return DomainSpec(**given)  # type: ignore[arg-type]


def outcomes(seed: int, n: int, tenant: str = "guild-1", *, begin_ms: int = NOON) -> Iterator[Outcome]:
    """One a minute.  Long questions cost more and go to the strong model more often, with known probabilities."""
    rng = np.random.default_rng(seed)
    arms = tuple(MODELS)
    for i in range(n):
        length = rng.uniform(0.2, 2.0)
        likely = np.array([2.0, 1.0, 0.1 + 0.6 * length])
        p = (0.95 * likely / likely.sum() + 0.05 / 3).astype(np.float32)
        choice = int(rng.choice(3, p=p.astype(np.float64) / p.sum(dtype=np.float64)))
        cost = MODELS[arms[choice]] * length * rng.uniform(0.7, 1.3)
        observed = {COST: cost, LATENCY_MS: 500.0 + 100.0 * choice, ERROR: 0.0}
        if rng.uniform() < 0.2:
            observed[THUMBS] = float(rng.uniform() < 0.8)
        decision = Decision(
            f"r-{i}-0", tenant, "model_routing", arms, choice, p.tobytes(), bytes(12),
            np.float32(length).tobytes(), "learned", 0, 0, 300_000, (), i, f"user-{i % 40}",
        )  # fmt: skip
        at = begin_ms + i * MINUTE
        yield Outcome(i, "horizon", at, at + 300_000, observed, i, decision)


def unfollowed(outcome: Outcome) -> Outcome:
    """The same, but that nobody acted on it."""
    observed = {**outcome.observations, UNFOLLOWED: 1.0}
    return Outcome(
        *(observed if name == "observations" else getattr(outcome, name) for name in outcome.__struct_fields__)
    )
