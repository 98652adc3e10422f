"""What is moved: contexts of many tenants, the outcomes that train them, and their domains.  A function of the seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from schemas.domains import Arm, Component, DomainSpec, LearnerSpec
from schemas.events import Context, Decision, Outcome
from schemas.partitioning import partition
from schemas.wire import encode

DOMAIN = "model_routing"
_EPOCH_MS = 1_700_000_000_000
_FIRST_ID = 1_180_000_000_000_000_000  # ids as long as Discord's


class Row(NamedTuple):
    """A record and where it goes."""

    partition: int
    key: bytes
    value: bytes


@dataclass(frozen=True)
class Load:
    """Records for a deployment.  Every partition has the same number of tenants, and every tenant one domain."""

    partitions: int = 8
    tenants: int = 32  # a multiple of partitions
    arms: int = 10
    features: int = 32
    trained: int = 500  # outcomes that each domain has learned before its first decision
    seed: int = 7

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The tenants, the same number in each partition."""
        room = dict.fromkeys(range(self.partitions), self.tenants // self.partitions)
        names: list[str] = []
        candidate = 0
        while any(room.values()):
            name = f"guild-{candidate}"
            candidate += 1
            where = partition(name, self.partitions)
            if room[where]:
                room[where] -= 1
                names.append(name)
        return tuple(names)

    @cached_property
    def specs(self) -> tuple[DomainSpec, ...]:
        """A doubly robust champion over all arms, for each tenant."""
        return tuple(
            DomainSpec(
                tenant=name,
                domain=DOMAIN,
                features=self.features,
                arms=tuple(Arm(f"model-{index}", price=0.001 * (index + 1)) for index in range(self.arms)),
                reward={"success": Component(required=True), "cost": Component(weight=0.2, worst=0.02, best=0.0)},
                champion=LearnerSpec("doubly-robust", "doubly_robust"),
                horizon_ms=3_600_000,
            )
            for name in self.names
        )

    def contexts(self, count: int) -> list[Row]:
        """`count` contexts, tenants in random order."""
        shuffled = random.Random(self.seed)
        features = self._features(count, self.seed)
        places = self._places()
        rows = []
        for index in range(count):
            name = shuffled.choice(self.names)
            event = Context(str(_FIRST_ID + index), name, DOMAIN, features[index])
            rows.append(Row(places[name], name.encode(), encode(event)))
        return rows

    def training(self) -> list[Row]:
        """The outcomes that the domains have learned before the first decision."""
        return self.outcomes(self.trained * self.tenants)

    def outcomes(self, count: int) -> list[Row]:
        """`count` outcomes of decisions taken uniformly at random, tenants in turn; to follow the domains' changes."""
        return list(self._outcomes(count))

    def _outcomes(self, count: int) -> Iterator[Row]:
        draw = np.random.default_rng(self.seed + 1)
        packed = self._features(count, self.seed + 2)
        quality = draw.normal(size=(self.arms, self.features)) / np.sqrt(self.features)
        chosen = draw.integers(self.arms, size=count)
        rows = np.frombuffer(b"".join(packed), "<f4").reshape(count, self.features)
        chance = 1.0 / (1.0 + np.exp(-(rows * quality[chosen]).sum(axis=1)))
        success = draw.random(count) < chance
        uniform = np.full(self.arms, 1.0 / self.arms, "<f4").tobytes()
        scores = bytes(4 * self.arms)
        arms = tuple(f"model-{index}" for index in range(self.arms))
        places = self._places()
        ordinals = [0] * self.partitions
        for index in range(count):
            name = self.names[index % self.tenants]
            where = places[name]
            decision = Decision(
                str(_FIRST_ID - count + index), name, DOMAIN, arms, int(chosen[index]), uniform, scores, packed[index],
                "doubly-robust", 0, 0, 3_600_000, ("success",), index,
            )  # fmt: skip
            observed = {"success": float(success[index]), "cost": 0.001 * (1 + int(chosen[index]))}
            outcome = Outcome(
                ordinals[where], "complete", _EPOCH_MS + index, _EPOCH_MS + index + 900, observed, index, decision
            )
            ordinals[where] += 1
            yield Row(where, name.encode(), encode(outcome))

    def _features(self, count: int, seed: int) -> list[bytes]:
        width = 4 * self.features
        data = np.random.default_rng(seed).standard_normal((count, self.features), np.float32).astype("<f4").tobytes()
        return [data[start : start + width] for start in range(0, count * width, width)]

    def _places(self) -> dict[str, int]:
        return {name: partition(name, self.partitions) for name in self.names}
