"""The network between one process and the broker is cut, slow, reset, or passes one direction only."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from ..tcp_proxy import DIRECTIONS, Direction
from ..under_test import UnderTest


@dataclass
class NetworkCut:
    """Nothing passes; afterwards connections are reset, or what was held arrives late."""

    kind: ClassVar[str] = "network-cut"
    target: str
    seconds: float
    late: bool

    @property
    def detail(self) -> str:
        return f"for {self.seconds:.1f} s, then {'everything arrives late' if self.late else 'resets'}"

    @classmethod
    def draw(cls, rng: random.Random, processes: Sequence[str]) -> Self:
        return cls(rng.choice(processes), round(rng.uniform(1.0, 14.0), 1), rng.random() < 0.5)

    async def inject(self, under: UnderTest) -> None:
        under.proxies[self.target].hold(*DIRECTIONS)

    async def heal(self, under: UnderTest) -> None:
        proxy = under.proxies[self.target]
        if not self.late:
            proxy.reset()
        proxy.release()


@dataclass
class NetworkOneWay:
    """One direction passes, the other does not; afterwards connections are reset, or what was held arrives late."""

    kind: ClassVar[str] = "network-one-way"
    target: str
    seconds: float
    direction: Direction
    late: bool

    @property
    def detail(self) -> str:
        after = "arrives late" if self.late else "is lost with its connections"
        return f"what goes {self.direction} waits {self.seconds:.1f} s and {after}"

    @classmethod
    def draw(cls, rng: random.Random, processes: Sequence[str]) -> Self:
        seconds = round(rng.uniform(1.0, 14.0), 1)
        return cls(rng.choice(processes), seconds, rng.choice(DIRECTIONS), rng.random() < 0.5)

    async def inject(self, under: UnderTest) -> None:
        under.proxies[self.target].hold(self.direction)

    async def heal(self, under: UnderTest) -> None:
        proxy = under.proxies[self.target]
        if not self.late:
            proxy.reset()
        proxy.release()


@dataclass
class NetworkDelay:
    """Every piece of data takes longer."""

    kind: ClassVar[str] = "network-delay"
    target: str
    seconds: float
    delay: float

    @property
    def detail(self) -> str:
        return f"{self.delay * 1000:.0f} ms each way for {self.seconds:.1f} s"

    @classmethod
    def draw(cls, rng: random.Random, processes: Sequence[str]) -> Self:
        return cls(rng.choice(processes), round(rng.uniform(3.0, 10.0), 1), round(rng.uniform(0.02, 0.5), 2))

    async def inject(self, under: UnderTest) -> None:
        under.proxies[self.target].delay(self.delay)

    async def heal(self, under: UnderTest) -> None:
        under.proxies[self.target].release()


@dataclass
class NetworkReset:
    """Every connection is reset; new ones are refused for a while, or not."""

    kind: ClassVar[str] = "network-reset"
    target: str
    seconds: float

    @property
    def detail(self) -> str:
        return f"and refused for {self.seconds:.1f} s" if self.seconds else "once"

    @classmethod
    def draw(cls, rng: random.Random, processes: Sequence[str]) -> Self:
        return cls(rng.choice(processes), rng.choice((0.0, round(rng.uniform(1.0, 10.0), 1))))

    async def inject(self, under: UnderTest) -> None:
        proxy = under.proxies[self.target]
        if self.seconds:
            proxy.refuse()
        else:
            proxy.reset()

    async def heal(self, under: UnderTest) -> None:
        under.proxies[self.target].release()
