"""What is moved: contexts of many tenants, the outcomes that train them, and their domains.  A function of the seed."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from schemas.domains import Arm, Component, DomainSpec, LearnerSpec
from schemas.events import Context, Decision, Outcome, Reward, SpecChange
from schemas.partitioning import partition
from schemas.wire import encode

DOMAIN = "model_routing"
_EPOCH_MS = 1_700_000_000_000
FIRST_ID = 1_180_000_000_000_000_000  # ids as long as Discord's
_BLOCK = 20_000  # records whose features are made at once: a million records never stand in memory together


class Row(NamedTuple):
    """A record and where it goes."""

    partition: int
    key: bytes
    value: bytes


@dataclass(frozen=True)
class Load:
    """Records for a deployment.  Every partition has the same number of tenants (or one more), and every tenant one
    domain.  Records come as iterators, made in blocks."""

    partitions: int = 8
    tenants: int = 32
    arms: int = 10
    features: int = 32
    trained: int = 500  # outcomes that each domain has learned before its first decision
    seed: int = 7

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The tenants."""
        share, more = divmod(self.tenants, self.partitions)
        room = {number: share + (number < more) for number in range(self.partitions)}
        names: list[str] = []
        candidate = 0
        while len(names) < self.tenants:
            name = f"guild-{candidate}"
            candidate += 1
            where = partition(name, self.partitions)
            if room[where]:
                room[where] -= 1
                names.append(name)
        return tuple(names)

    @property
    def specs(self) -> Iterator[DomainSpec]:
        """A doubly robust champion over all arms, for each tenant."""
        arms = tuple(Arm(f"model-{index}", price=0.001 * (index + 1)) for index in range(self.arms))
        for name in self.names:
            yield DomainSpec(
                tenant=name,
                domain=DOMAIN,
                features=self.features,
                arms=arms,
                reward={"success": Component(required=True), "cost": Component(weight=0.2, worst=0.02, best=0.0)},
                champion=LearnerSpec("doubly-robust", "doubly_robust"),
                horizon_ms=3_600_000,
            )

    def changes(self) -> Iterator[Row]:
        """The specifications as records of outcomes, as `croupier domains apply` appends them."""
        for version, spec in enumerate(self.specs):
            change = SpecChange(version, spec.tenant, spec.domain, spec)
            yield Row(self._places[spec.tenant], spec.tenant.encode(), encode(change))

    def contexts(self, count: int, first: int = 0) -> Iterator[Row]:
        """Contexts number `first` to `first + count - 1`, tenants in random order."""
        rows = self._features(count, self.seed + 4 * first)
        for index, name in enumerate(self._tenants_of(count, first), first):
            event = Context(str(FIRST_ID + index), name, DOMAIN, next(rows))
            yield Row(self._places[name], name.encode(), encode(event))

    def rewards(self, count: int, first: int = 0) -> Iterator[Row]:
        """One for each of these contexts, in their order, with everything that its outcome awaits.

        What was chosen is not known here: success is a coin's.
        """
        coins = np.random.default_rng(self.seed + 4 * first + 3)
        for index, name in enumerate(self._tenants_of(count, first), first):
            id_ = str(FIRST_ID + index)
            event = Reward(f"r{id_}", name, id_, {"success": float(coins.random() < 0.5), "cost": 0.002})
            yield Row(self._places[name], name.encode(), encode(event))

    def training(self) -> Iterator[Row]:
        """The outcomes that the domains have learned before the first decision."""
        return self.outcomes(self.trained * self.tenants)

    def outcomes(self, count: int) -> Iterator[Row]:
        """`count` outcomes of decisions taken uniformly at random, tenants in turn; to follow the domains' changes."""
        draw = np.random.default_rng(self.seed + 1)
        quality = draw.normal(size=(self.arms, self.features)) / np.sqrt(self.features)
        features = self._features(count, self.seed + 2)
        uniform = np.full(self.arms, 1.0 / self.arms, "<f4").tobytes()
        scores = bytes(4 * self.arms)
        arms = tuple(f"model-{index}" for index in range(self.arms))
        ordinals = [0] * self.partitions
        for index in range(count):
            if index % _BLOCK == 0:
                chosen = draw.integers(self.arms, size=_BLOCK).tolist()
                chances = draw.random(_BLOCK).tolist()
            name = self.names[index % self.tenants]
            where, choice, packed = self._places[name], chosen[index % _BLOCK], next(features)
            score = float(np.frombuffer(packed, "<f4") @ quality[choice])
            success = chances[index % _BLOCK] < 1.0 / (1.0 + math.exp(-score))
            decision = Decision(
                str(FIRST_ID - count + index), name, DOMAIN, arms, choice, uniform, scores, packed,
                "doubly-robust", 0, 0, 3_600_000, ("success",), index,
            )  # fmt: skip
            observed = {"success": float(success), "cost": 0.001 * (1 + choice)}
            outcome = Outcome(
                ordinals[where], "complete", _EPOCH_MS + index, _EPOCH_MS + index + 900, observed, index, decision
            )
            ordinals[where] += 1
            yield Row(where, name.encode(), encode(outcome))

    def _features(self, count: int, seed: int) -> Iterator[bytes]:
        width = 4 * self.features
        draw = np.random.default_rng(seed)
        for begin in range(0, count, _BLOCK):
            size = min(_BLOCK, count - begin)
            data = draw.standard_normal((size, self.features), np.float32).astype("<f4").tobytes()
            yield from (data[start : start + width] for start in range(0, size * width, width))

    def _tenants_of(self, count: int, first: int) -> Iterator[str]:
        draw = np.random.default_rng(self.seed + 4 * first + 1)
        for begin in range(0, count, _BLOCK):
            for index in draw.integers(self.tenants, size=min(_BLOCK, count - begin)).tolist():
                yield self.names[index]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: partition(name, self.partitions) for name in self.names}
