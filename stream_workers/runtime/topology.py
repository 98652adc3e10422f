"""What a stage needs from the runtime, as data: its sources, its changelog, and how its processor is made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .stage import Dead, Emit, Processor, State


@dataclass(frozen=True, slots=True)
class Workspace:
    """What a processor is made of, in one partition."""

    partition: int
    state: State
    emit: Emit
    dead: Dead
    peers: Mapping[str, Processor]  # the stages before it in the list, in the same partition and process


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the pipeline."""

    name: str
    sources: tuple[str, ...]  # topics, by their names in schemas.topics
    make: Callable[[Workspace], Processor]
    changelog: str | None = None  # topic of its state; None: it keeps none
    waits_for: tuple[str, ...] = ()  # stages that must first reach what was in their sources at assignment
