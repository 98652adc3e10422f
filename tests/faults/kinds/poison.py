"""Records that nothing can be done with, at every stage."""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import msgspec

from infra.domains.file import read_domains
from producers.connection import open_producer
from schemas import wire
from schemas.events import Context, Decision, Reward, SpecChange
from schemas.partitioning import partition

from ..under_test import DOMAINS, PARTITIONS, UnderTest


@dataclass
class Poison:
    """To each of contexts, decisions, rewards, outcomes: bytes that are no event, an event under another tenant's key,
    and one that is whole and that the stage must refuse."""

    kind: ClassVar[str] = "poison"
    seed: int
    target: str = "broker"  # it must be there
    seconds: float = 0.5

    @property
    def detail(self) -> str:
        return f"12 records, draws of seed {self.seed}"

    @classmethod
    def draw(cls, rng: random.Random, processes: Sequence[str]) -> Self:  # noqa: ARG003
        return cls(rng.randrange(1_000_000))

    async def inject(self, under: UnderTest) -> None:
        producer = await open_producer(under.broker.bootstrap_servers)
        try:
            for topic, tenant, value in self._records():
                place = partition(tenant, PARTITIONS)
                await producer.send_and_wait(under.prefix + topic, value, key=tenant.encode(), partition=place)
        finally:
            await producer.stop()

    async def heal(self, under: UnderTest) -> None:
        pass

    def _records(self) -> Iterator[tuple[str, str, bytes]]:
        rng = random.Random(self.seed)
        specs = read_domains(DOMAINS)
        spec, other = rng.sample(specs, 2)
        name, tenant, domain = f"poison-{self.seed}", spec.tenant, spec.domain
        features = bytes(4 * spec.features)
        arms = tuple(arm.name for arm in spec.arms)
        context = Context(name, tenant, domain, features)
        # Its choice is no arm: whoever reads it as a decision has not looked.
        decision = Decision(
            name, tenant, domain, arms, len(arms), bytes(4 * len(arms)), bytes(4 * len(arms)), features, "poison", 0, 0,
            1_000, (), 0,
        )  # fmt: skip
        reward = Reward(name, tenant, name, {"success": 1.0})
        change = SpecChange(0, other.tenant, other.domain, other)
        whole = {
            "contexts": (context, msgspec.structs.replace(context, features=features[:-4])),
            "decisions": (decision, decision),
            "rewards": (reward, msgspec.structs.replace(reward, observations={"success": math.nan})),
            "outcomes": (change, SpecChange(1_000_000_000, tenant, domain, other)),
        }
        for topic, (event, refused) in whole.items():
            yield topic, tenant, rng.randbytes(rng.randint(1, 200))
            yield topic, (other.tenant if topic != "outcomes" else tenant), wire.encode(event)
            yield topic, tenant, wire.encode(refused)
