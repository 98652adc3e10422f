"""The broker dies and comes back on its data."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from ..under_test import UnderTest


@dataclass
class BrokerKill:
    """SIGKILL of the broker; it is away for a while and starts again on its data."""

    kind: ClassVar[str] = "broker-kill"
    seconds: float
    target: str = "broker"

    @property
    def detail(self) -> str:
        return f"away for {self.seconds:.1f} s and its start"

    @classmethod
    def draw(cls, rng: random.Random, processes: Sequence[str]) -> Self:  # noqa: ARG003
        return cls(round(rng.choice((0.0, rng.uniform(1.0, 10.0))), 1))

    async def inject(self, under: UnderTest) -> None:
        await asyncio.to_thread(under.broker.kill)

    async def heal(self, under: UnderTest) -> None:
        await asyncio.to_thread(under.broker.restart)
