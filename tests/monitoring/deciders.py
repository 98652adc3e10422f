"""Programs that write decisions and rewards themselves, each wrong in one way: what the learners' checks look for."""

import asyncio
import itertools
from dataclasses import dataclass

import numpy as np

from producers.connection import open_producer
from schemas import wire
from schemas.domains import Arm, Budget, Component, DomainSpec, LearnerSpec
from schemas.events import Decision, Reward

HORIZON_MS = 300
ARMS = ("small", "large")


@dataclass
class Behaviour:
    """Of one program after `turns` decisions; before that it does all right.

    real, logged: probabilities of the arms; quality: of a success, by arm; feedback: share of decisions that get any.
    """

    real: tuple[float, float] = (0.7, 0.3)
    logged: tuple[float, float] = (0.7, 0.3)
    quality: tuple[float, float] = (0.6, 0.6)
    feedback: float = 0.95
    scale: float = 1.0
    cost: float = 0.01
    error: float = 0.0
    steps: bool = False  # quality is a step of the first feature, which no line follows


WELL = Behaviour()

#: Tenants, and how each goes wrong.
WRONG: dict[str, Behaviour] = {
    "propensity": Behaviour(real=(0.4, 0.6)),
    "floor": Behaviour(real=(0.995, 0.005), logged=(0.995, 0.005)),
    "starving": Behaviour(real=(1.0, 0.0)),
    "feedback": Behaviour(feedback=0.1),
    "reward": Behaviour(quality=(0.05, 0.05)),
    "prediction": Behaviour(quality=(0.6, 0.02)),
    "feature": Behaviour(scale=20.0),
    "share": Behaviour(real=(0.2, 0.8), logged=(0.2, 0.8)),
    "calibration": Behaviour(steps=True),
    "thin": Behaviour(),
}


def spec(tenant: str) -> DomainSpec:
    names = (*ARMS, "never") if tenant == "thin" else ARMS
    return DomainSpec(
        tenant=tenant, domain="checked", features=2, arms=tuple(Arm(name, price=0.01) for name in names),
        reward={"quality": Component(weight=1.0, required=True), "cost": Component(weight=0.0, worst=1.0, best=0.0)},
        champion=LearnerSpec("learned", "doubly_robust"), horizon_ms=HORIZON_MS, exploration_minimum=0.2,
        budget=Budget(cost_per_request=0.02),
    )  # fmt: skip


class Decider:
    """One tenant's program."""

    def __init__(self, tenant: str, version: int, seed: int) -> None:
        self.tenant, self.version = tenant, version
        self.rng = np.random.default_rng(seed)
        self.numbers = itertools.count()

    def events(self, count: int, how: Behaviour):
        key = self.tenant.encode()
        for number in itertools.islice(self.numbers, count):
            features = self.rng.normal(size=2).astype("<f4") * np.float32(how.scale)
            id_, choice = f"{self.tenant}-{number}", int(self.rng.random() < how.real[1])
            logged = np.array(how.logged, "<f4").tobytes()
            decision = Decision(
                id_, self.tenant, "checked", ARMS, choice, logged, logged, features.tobytes(), "mine",
                self.version, 0, HORIZON_MS, ("quality",), 0,
            )  # fmt: skip
            yield "decisions", key, wire.encode(decision)
            if self.rng.random() < how.feedback:
                quality = (
                    float(abs(features[0]) > 0.67) if how.steps else float(self.rng.random() < how.quality[choice])
                )
                observed = {"quality": quality, "cost": how.cost, "error": float(self.rng.random() < how.error)}
                yield "rewards", key, wire.encode(Reward(f"r-{number}", self.tenant, id_, observed))


class Deciders:
    """Several at once on one producer."""

    def __init__(self, bootstrap: str, prefix: str, deciders: list[Decider]) -> None:
        self._bootstrap, self._prefix, self._deciders = bootstrap, prefix, deciders

    async def run(self, turns: int, count: int, behaviours: dict[str, Behaviour], gap: float = 0.35) -> None:
        """So many decisions of each, in turns with a gap between: checks judge what lies between two looks."""
        producer = await open_producer(self._bootstrap)
        try:
            for _ in range(turns):
                waiting = []
                for each in self._deciders:
                    for topic, key, value in each.events(count, behaviours.get(each.tenant, WELL)):
                        waiting.append(await producer.send(self._prefix + topic, value, key=key))
                await asyncio.gather(*waiting)
                await asyncio.sleep(gap)
        finally:
            await producer.stop()
