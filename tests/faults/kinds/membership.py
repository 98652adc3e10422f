"""Workers join and leave in quick succession."""

import asyncio
import os
import random
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from infra.supervisor import Supervisor

from ..under_test import UnderTest

#: Not among the processes of the deployment.
GUEST = "worker-9"


@dataclass
class JoinAndLeave:
    """A further worker comes and goes, some times in order (SIGTERM) and some not (SIGKILL)."""

    kind: ClassVar[str] = "join-and-leave"
    stays: tuple[float, ...]  # seconds of each stay
    orderly: tuple[bool, ...]
    target: str = GUEST
    seconds: float = 0.0

    @property
    def detail(self) -> str:
        told = (f"{s:.1f} s, {'SIGTERM' if ok else 'SIGKILL'}" for s, ok in zip(self.stays, self.orderly, strict=True))
        return "; ".join(told)

    @classmethod
    def draw(cls, rng: random.Random, processes: Sequence[str]) -> Self:  # noqa: ARG003
        count = rng.randint(2, 3)
        stays = tuple(round(rng.uniform(1.5, 5.0), 1) for _ in range(count))
        return cls(stays, tuple(rng.random() < 0.5 for _ in stays), seconds=sum(stays))

    async def inject(self, under: UnderTest) -> None:
        for stay, orderly in zip(self.stays, self.orderly, strict=True):
            supervisor = Supervisor([under.program(GUEST)], under.home / "logs", lambda _: None)
            stop = asyncio.Event()
            supervising = asyncio.create_task(supervisor.run(stop))
            try:
                await asyncio.sleep(stay)
            finally:
                stop.set()
                if not orderly and (pid := supervisor.pid(GUEST)) is not None:
                    os.kill(pid, signal.SIGKILL)
                await supervising

    async def heal(self, under: UnderTest) -> None:
        pass
