"""A process is killed, or stands still for so long that it has a successor."""

import contextlib
import os
import random
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

from ..under_test import SESSION_SECONDS, UnderTest


@dataclass
class Kill:
    """SIGKILL at whatever the process is doing; the supervisor starts it again."""

    kind: ClassVar[str] = "kill"
    target: str
    seconds: float = 0.5
    detail: str = ""

    @classmethod
    def draw(cls, rng: random.Random, processes: Sequence[str]) -> Self:
        return cls(rng.choice(processes))

    async def inject(self, under: UnderTest) -> None:
        await under.kill(self.target)

    async def heal(self, under: UnderTest) -> None:
        pass


@dataclass
class Pause:
    """SIGSTOP until others have taken over, then SIGCONT: the paused one must not overwrite its successor."""

    kind: ClassVar[str] = "pause"
    target: str
    seconds: float
    _pid: int = field(default=0, repr=False)

    @property
    def detail(self) -> str:
        return f"for {self.seconds:.1f} s, session timeout {SESSION_SECONDS:g} s"

    @classmethod
    def draw(cls, rng: random.Random, processes: Sequence[str]) -> Self:
        return cls(rng.choice(processes), round(SESSION_SECONDS + rng.uniform(0.5, 5.0), 1))

    async def inject(self, under: UnderTest) -> None:
        self._pid = await under.pid(self.target)
        os.kill(self._pid, signal.SIGSTOP)

    async def heal(self, under: UnderTest) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGCONT)
