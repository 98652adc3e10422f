"""Processor microseconds of a decision that follows from another, beside a plain one; no broker.

    python -m benchmarks.chains [--json] [--contexts 4000]

One partition's router, joiner and learner; 16 features, 4 arms, SquareCB; best of five.
"""

import time
from collections.abc import Callable
from typing import Annotated, Any, Final

import numpy as np
import typer
from rich.console import Console

from benchmarks.stages import Partition
from benchmarks.stages import _parsed as parsed
from infra.commands.printing import print_json
from schemas import topics, wire
from schemas.domains import Arm, Component, DomainSpec, Input, LearnerSpec
from schemas.events import Context, SpecChange
from stream_workers.columnar.rows import FetchedRecord, FetchedRecords

_REPEATS: Final = 5
_FEATURES: Final = 16
_ARMS: Final = tuple(f"arm-{number}" for number in range(4))
_TENANT: Final = "guild-1"
_INPUTS: Final = (
    Input("analysis", "choice", _ARMS),
    Input("analysis", "observation", name="toxicity"),
    Input("routing", "recent_reward"),
)


def _spec(domain: str, *inputs: Input) -> DomainSpec:
    reward = {"quality": Component(required=True)}
    return DomainSpec(
        _TENANT, domain, _FEATURES, tuple(map(Arm, _ARMS)), reward, LearnerSpec("main", "squarecb"), inputs=inputs
    )


class _Router:
    """A partition in which these domains are declared, and so many decisions of the first wait for feedback."""

    def __init__(self, specs: tuple[DomainSpec, ...], parents: int) -> None:
        self._partition = Partition()
        changes = [SpecChange(0, each.tenant, each.domain, each) for each in specs]
        self._partition.learner.apply(topics.OUTCOMES.name, _records(map(wire.encode, changes)))
        if parents:
            asked = contexts(specs[0].domain, "p", parents)
            self._partition.router.apply(topics.CONTEXTS.name, asked)
            decided = bytes(self._partition._batch._build())
            self._partition.joiner.apply(topics.DECISIONS.name, parsed(decided, 0))

    def time(self, asked: FetchedRecords) -> float:
        """Microseconds of a decision."""
        least = float("inf")
        for _ in range(_REPEATS):
            begin = time.process_time()
            self._partition.router.apply(topics.CONTEXTS.name, asked)
            least = min(least, time.process_time() - begin)
        return round(least / len(asked) * 1e6, 2)


def contexts(
    domain: str, name: str, count: int, unit: str | None = None, after: Callable[[int], str] | None = None
) -> FetchedRecords:
    """As they are fetched."""
    rows = np.random.default_rng(1).normal(size=(count, _FEATURES)).astype("<f4")
    return _records(
        wire.encode(
            Context(f"{name}{i}", _TENANT, domain, row.tobytes(), None, unit, None if after is None else after(i))
        )
        for i, row in enumerate(rows)
    )


def _records(values: Any) -> FetchedRecords:
    return FetchedRecords.of([FetchedRecord(offset, 5, _TENANT.encode(), value) for offset, value in enumerate(values)])


def measure(count: int) -> dict[str, float]:
    """Microseconds of each sort of decision.  count: contexts at a time."""
    plain, parents = _spec("plain"), min(count, 2000)
    alone = _Router((plain,), 0)
    chains = _Router((_spec("analysis"), plain, _spec("routing", *_INPUTS)), parents)

    def parent(number: int) -> str:
        return f"p{number % parents}"

    return {
        "plain": alone.time(contexts("plain", "a", count)),
        "with a unit": alone.time(contexts("plain", "b", count, "u-5a1f")),
        "plain, where others follow": chains.time(contexts("plain", "c", count)),
        "follows from another": chains.time(contexts("plain", "d", count, "u-5a1f", parent)),
        "with three inputs": chains.time(contexts("routing", "e", count, "u-5a1f", parent)),
    }


def main(
    as_json: Annotated[bool, typer.Option("--json")] = False,
    count: Annotated[int, typer.Option("--contexts", min=1)] = 4000,
) -> None:
    """Measure and print."""
    found = measure(count)
    if as_json:
        print_json(found)
        return
    console = Console()
    for name, microseconds in found.items():
        console.print(f"{name:28} {microseconds:7.2f} us", highlight=False)


if __name__ == "__main__":
    typer.run(main)
