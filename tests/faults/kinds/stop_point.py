"""A process is killed, or left standing, exactly at a named point of a checkpoint or a recovery."""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

from stream_workers.runtime.stop_points import CHECKPOINT_POINTS, RECOVERY_POINTS

from ..fault import NotInjectedError
from ..under_test import SESSION_SECONDS, UnderTest

_REACHED_WITHIN = 45.0


@dataclass
class KillInCheckpoint:
    """SIGKILL at a point of a checkpoint."""

    kind: ClassVar[str] = "kill-in-checkpoint"
    target: str
    detail: str
    seconds: float = 0.5
    _pid: int = field(default=0, repr=False)

    @classmethod
    def draw(cls, rng: random.Random, processes: Sequence[str]) -> Self:
        return cls(rng.choice(processes), rng.choice(CHECKPOINT_POINTS))

    async def inject(self, under: UnderTest) -> None:
        self._pid = await stopped_at(under, self.target, self.detail)

    async def heal(self, under: UnderTest) -> None:
        _send(self._pid, signal.SIGKILL)


@dataclass
class KillInRecovery:
    """SIGKILL, and SIGKILL again at a point of the recovery that follows."""

    kind: ClassVar[str] = "kill-in-recovery"
    target: str
    detail: str
    seconds: float = 0.5
    _pid: int = field(default=0, repr=False)

    @classmethod
    def draw(cls, rng: random.Random, processes: Sequence[str]) -> Self:
        return cls(rng.choice(processes), rng.choice(RECOVERY_POINTS))

    async def inject(self, under: UnderTest) -> None:
        under.stop_file(self.target).write_text(self.detail)
        await under.kill(self.target)
        self._pid = await stopped_at(under, self.target, self.detail)

    async def heal(self, under: UnderTest) -> None:
        _send(self._pid, signal.SIGKILL)


@dataclass
class PauseAtPoint:
    """A process stands still at a point of a checkpoint until others have taken over, and goes on there."""

    kind: ClassVar[str] = "pause-in-checkpoint"
    target: str
    detail: str
    seconds: float
    _pid: int = field(default=0, repr=False)

    @classmethod
    def draw(cls, rng: random.Random, processes: Sequence[str]) -> Self:
        longer = round(SESSION_SECONDS + rng.uniform(0.5, 5.0), 1)
        return cls(rng.choice(processes), rng.choice(CHECKPOINT_POINTS), longer)

    async def inject(self, under: UnderTest) -> None:
        self._pid = await stopped_at(under, self.target, self.detail)

    async def heal(self, under: UnderTest) -> None:
        _send(self._pid, signal.SIGCONT)


async def stopped_at(under: UnderTest, name: str, point: str) -> int:
    """Wait until the process has stopped itself at the point; its id."""
    file = under.stop_file(name)
    file.write_text(point)
    deadline = time.monotonic() + _REACHED_WITHIN
    try:
        while time.monotonic() < deadline:
            pid = under.supervisor.pid(name)
            if pid is not None and not file.exists() and _is_stopped(pid):
                return pid
            await asyncio.sleep(0.02)
    finally:
        file.unlink(missing_ok=True)
    raise NotInjectedError(f"{name} did not come to {point} within {_REACHED_WITHIN:g} s")


def _is_stopped(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] == "T"


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
