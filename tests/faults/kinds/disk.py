"""The disk of a process's local tables is full, or takes no writes.

On a small disk of its own where the machine lets us mount; elsewhere the system refuses the process every write to a
file (RLIMIT_FSIZE of 0), which to the process is the same.
"""

import asyncio
import contextlib
import random
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

from ..fault import NotInjectedError
from ..under_test import UnderTest

_TRIES_SECONDS = 3.0


@dataclass
class ReadOnly:
    """The disk becomes read-only while the process is down, as after an error that the system met on it."""

    kind: ClassVar[str] = "disk-read-only"
    target: str
    seconds: float
    _refusing: "asyncio.Task[None] | None" = field(default=None, repr=False)

    @property
    def detail(self) -> str:
        return f"for {self.seconds:.1f} s"

    @classmethod
    def draw(cls, rng: random.Random, processes: Sequence[str]) -> Self:
        return cls(rng.choice(processes), round(rng.uniform(4.0, 12.0), 1))

    async def inject(self, under: UnderTest) -> None:
        volume = under.volumes[self.target]
        if not volume.mounted:
            await under.kill(self.target)
            self._refusing = asyncio.create_task(_refuse_writes(under, self.target))
            await under.pid(self.target)
            return
        deadline = time.monotonic() + _TRIES_SECONDS
        await under.kill(self.target)
        while not volume.read_only():
            if time.monotonic() > deadline:
                raise NotInjectedError("somebody always has a file open for writing")
            await asyncio.sleep(0.01)
        await under.pid(self.target)

    async def heal(self, under: UnderTest) -> None:
        await _allow_writes(under, self.target, self._refusing)
        if under.volumes[self.target].mounted:
            under.volumes[self.target].writable()


@dataclass
class DiskFull:
    """No byte is free, under a running process or one that is starting again."""

    kind: ClassVar[str] = "disk-full"
    target: str
    seconds: float
    restarting: bool
    _refusing: "asyncio.Task[None] | None" = field(default=None, repr=False)

    @property
    def detail(self) -> str:
        return f"for {self.seconds:.1f} s, {'while it starts again' if self.restarting else 'while it runs'}"

    @classmethod
    def draw(cls, rng: random.Random, processes: Sequence[str]) -> Self:
        return cls(rng.choice(processes), round(rng.uniform(4.0, 12.0), 1), rng.random() < 0.5)

    async def inject(self, under: UnderTest) -> None:
        if under.volumes[self.target].mounted:
            await asyncio.to_thread(under.volumes[self.target].fill)
        else:
            self._refusing = asyncio.create_task(_refuse_writes(under, self.target))
        if self.restarting:
            await under.kill(self.target)
            await under.pid(self.target)

    async def heal(self, under: UnderTest) -> None:
        await _allow_writes(under, self.target, self._refusing)
        under.volumes[self.target].empty()


async def _refuse_writes(under: UnderTest, name: str) -> None:
    """Whatever process has this name may not write to a file."""
    while True:
        if (pid := under.supervisor.pid(name)) is not None:
            with contextlib.suppress(ProcessLookupError):
                _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
        await asyncio.sleep(0.02)


async def _allow_writes(under: UnderTest, name: str, refusing: "asyncio.Task[None] | None") -> None:
    if refusing is None:
        return
    refusing.cancel()
    await asyncio.gather(refusing, return_exceptions=True)
    if (pid := under.supervisor.pid(name)) is not None:
        with contextlib.suppress(ProcessLookupError):
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
