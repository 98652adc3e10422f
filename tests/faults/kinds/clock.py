"""A process's wall clock jumps."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from ..shifted_clock import shift
from ..under_test import UnderTest

_HOUR = 3600.0


@dataclass
class ClockJump:
    """Hours forward or back while the process runs, sometimes past a restart, and then right again."""

    kind: ClassVar[str] = "clock-jump"
    target: str
    hours: float
    restart: bool
    seconds: float

    @property
    def detail(self) -> str:
        return f"{self.hours:+.1f} h for {self.seconds:.1f} s{', with a restart' if self.restart else ''}"

    @classmethod
    def draw(cls, rng: random.Random, processes: Sequence[str]) -> Self:
        hours = round(rng.choice((-1, 1)) * rng.choice((rng.uniform(0.5, 3.0), rng.uniform(12.5, 30.0))), 1)
        return cls(rng.choice(processes), hours, rng.random() < 0.5, round(rng.uniform(2.0, 6.0), 1))

    async def inject(self, under: UnderTest) -> None:
        shift(under.shift_file(self.target), self.hours * _HOUR)
        if self.restart:
            await under.kill(self.target)
            await under.pid(self.target)

    async def heal(self, under: UnderTest) -> None:
        shift(under.shift_file(self.target), 0.0)
