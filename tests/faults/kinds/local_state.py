"""The directory with a process's local tables is deleted, or files in it are cut."""

import contextlib
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from ..under_test import UnderTest


@dataclass
class StateDeleted:
    """Everything in the directory goes, under a running process or between its end and its next start."""

    kind: ClassVar[str] = "state-deleted"
    target: str
    running: bool
    seconds: float = 0.5

    @property
    def detail(self) -> str:
        return "under the running process" if self.running else "while it is down"

    @classmethod
    def draw(cls, rng: random.Random, processes: Sequence[str]) -> Self:
        return cls(rng.choice(processes), rng.random() < 0.5)

    async def inject(self, under: UnderTest) -> None:
        if not self.running:
            await under.kill(self.target)
        for each in under.state_dir(self.target).iterdir():
            shutil.rmtree(each, ignore_errors=True)

    async def heal(self, under: UnderTest) -> None:
        pass


@dataclass
class StateTruncated:
    """Files of the tables lose their ends, as after a crash of the machine; the process is killed with it."""

    kind: ClassVar[str] = "state-truncated"
    target: str
    seed: int
    seconds: float = 0.5

    @property
    def detail(self) -> str:
        return f"draws of seed {self.seed}"

    @classmethod
    def draw(cls, rng: random.Random, processes: Sequence[str]) -> Self:
        return cls(rng.choice(processes), rng.randrange(1_000_000))

    async def inject(self, under: UnderTest) -> None:
        await under.kill(self.target)
        rng = random.Random(self.seed)
        for path in sorted(under.state_dir(self.target).rglob("*")):
            if path.is_file() and rng.random() < 0.5:
                with contextlib.suppress(OSError), path.open("r+b") as file:
                    file.truncate(int(path.stat().st_size * rng.random()))

    async def heal(self, under: UnderTest) -> None:
        pass
