"""What a fault is to the driver."""

import random
from collections.abc import Sequence
from typing import ClassVar, Protocol, Self

from .under_test import UnderTest


class NotInjectedError(Exception):
    """The moment a fault waited for did not come: it does not count as injected."""


class Fault(Protocol):
    """Something that breaks, and how it is mended.  Drawn with the schedule's generator and nothing else."""

    kind: ClassVar[str]

    @property
    def target(self) -> str:
        """What it happens to: a process, or "broker".  Two faults of one target wait for each other."""

    @property
    def detail(self) -> str:
        """What of its variants this is."""

    @property
    def seconds(self) -> float:
        """From injecting to healing."""

    @classmethod
    def draw(cls, rng: random.Random, processes: Sequence[str]) -> Self:
        """One of this kind."""

    async def inject(self, under: UnderTest) -> None:
        """Break it."""

    async def heal(self, under: UnderTest) -> None:
        """Mend it; afterwards the deployment must come to rest by itself."""
