"""Which faults happen when: a function of the seed, the length and the processes, and of nothing else."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from .fault import Fault
from .kinds import KINDS

_FIRST_AT = 2.0
_GAP_SECONDS = (0.5, 4.0)
#: Of a fault's time, the least that passes before the next may begin: what remains is the share of overlap.
_OVERLAP_FROM = 0.4


@dataclass(frozen=True, slots=True)
class Injection:
    """A fault and its moment, in seconds from the begin of the traffic."""

    at: float
    fault: Fault


def plan(seed: int, seconds: float, processes: Sequence[str]) -> list[Injection]:
    """Faults that are all healed within `seconds`, every kind before any comes again."""
    rng = random.Random(seed)
    injections: list[Injection] = []
    at = _FIRST_AT
    while True:
        for kind in rng.sample(KINDS, len(KINDS)):
            fault = kind.draw(rng, processes)
            if at + fault.seconds > seconds:
                return injections
            injections.append(Injection(round(at, 2), fault))
            at += fault.seconds * rng.uniform(_OVERLAP_FROM, 1.0) + rng.uniform(*_GAP_SECONDS)
