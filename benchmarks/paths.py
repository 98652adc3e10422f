"""The ways from a context's sender to a reader, measured in turn by one process with one clock."""

import asyncio
import gc
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from benchmarks.arrivals import due, new_producer, poisson, send
from benchmarks.arrived import Arrived
from benchmarks.attended import attended
from benchmarks.deployment import Deployment, deployment
from benchmarks.load import FIRST_ID, Load
from benchmarks.loops.croupier import ALL_STAGES
from benchmarks.loops.job import Job
from benchmarks.machine import described, now
from benchmarks.measure import running
from infra.kafka import RunningBroker
from schemas import topics
from stream_workers.runtime.settings import RuntimeSettings

#: Rate at which `p50_over_raw` and `p99_over_raw` of the whole report are taken.
NAMED_RATE: Final = 1_000
_PERCENTILES: Final = {"p50": 50, "p95": 95, "p99": 99, "max": 100}
_HEAD_START_SECONDS: Final = 0.1
#: A thread that waits for the interpreter gets it this soon: reader and sender share a process.
_SWITCH_SECONDS: Final = 0.0002


@dataclass(frozen=True, slots=True)
class Path:
    """From the contexts topic to where the records are read."""

    what: str
    reads: str  # topic whose records arrive: contexts or decisions
    stages: str = ""  # of a worker in between
    copies: bool = False  # a copying program in between


PATHS: Final = {
    "raw": Path("producer, broker, consumer of contexts", "contexts"),
    "router": Path("the whole worker in between: joiner, learner and router", "decisions", ALL_STAGES),
    "router_alone": Path("a worker with learner and router only", "decisions", "learner,router"),
    "copy": Path("in the worker's place an aiokafka loop written by hand that copies", "contexts", copies=True),
}


@dataclass(frozen=True, slots=True)
class Timing:
    """How long is measured."""

    rates: Sequence[int]  # contexts a second
    rounds: int
    seconds: float  # of a path at a rate in a round
    warm_up: float  # seconds before
    checkpoint: float | None  # seconds; None: the worker's own


async def compare(
    broker: RunningBroker, names: Sequence[str], timing: Timing, told: Callable[[str], None]
) -> dict[str, Any]:
    """All paths at all rates, in turn, round by round; the report that `--json` prints.  Times are milliseconds."""
    begun = now()
    load = Load()
    found: dict[tuple[int, str], list[dict[str, float]]] = defaultdict(list)
    async with AsyncExitStack() as opened:
        lanes = {name: await opened.enter_async_context(_lane(broker, name, load, timing)) for name in names}
        for number in range(timing.rounds):
            for rate in timing.rates:
                for name in names:
                    result = await asyncio.to_thread(lanes[name].measure, rate, timing, number)
                    found[rate, name].append(result)
                    told(
                        f"round {number + 1}/{timing.rounds}  {rate:>6,}/s  {name:13}"
                        + "".join(f"  {key} {result[key]:7.2f} ms" for key in _PERCENTILES)
                    )
    rates: dict[str, dict[str, Any]] = {}
    for rate in timing.rates:
        at = rates[str(rate)] = {name: _medians(found[rate, name]) for name in names}
        if "raw" in at:
            for name in names:
                for key in ("p50", "p99"):
                    at[name][f"{key}_over_raw"] = round(at[name][key] / at["raw"][key], 2)
    named = rates.get(str(NAMED_RATE), {}).get("router", {})
    settings = RuntimeSettings("", "", tempfile.gettempdir())
    return {
        **{key: value for key, value in named.items() if key.endswith("_over_raw")},
        "rates": rates,
        "settings": {
            "checkpoint_seconds": timing.checkpoint or settings.checkpoint_seconds,
            "worker_linger_ms": 0,
            "sender_linger_ms": 0,
            "acks": "all",
            "arrivals": "poisson",
            "rounds": timing.rounds,
            "seconds": timing.seconds,
            "warm_up_seconds": timing.warm_up,
        },
        "machine": described(broker, begun),
    }


class _Lane:
    """A path with everything running, ready to be measured again and again."""

    def __init__(self, field: Deployment, path: Path, load: Load, arrived: Arrived) -> None:
        self._field = field
        self._arrived = arrived
        self._load = load
        self._next = 0
        self._producer = new_producer(field.bootstrap)

    def measure(self, rate: int, timing: Timing, number: int) -> dict[str, float]:
        """Percentiles of one round, in milliseconds."""
        times = poisson(rate, timing.warm_up + timing.seconds, seed=1_000 * rate + number)
        first, self._next = self._next, self._next + len(times)
        schedule = due(times, self._field.topic(topics.CONTEXTS.name), self._load.contexts(len(times), first))
        with _undisturbed():
            start = time.perf_counter() + _HEAD_START_SECONDS
            late = send(self._producer, schedule, start)
            arrivals = self._arrived.wait(len(times))
        spent = [
            arrivals[str(FIRST_ID + index)] - start - seconds
            for index, seconds in enumerate(times, first)
            if seconds >= timing.warm_up
        ]
        percentiles = np.percentile(spent, list(_PERCENTILES.values())) * 1000.0
        return {
            **dict(zip(_PERCENTILES, percentiles.tolist(), strict=True)),
            "sent_late_p99": late * 1000.0,
            "samples": len(spent),
        }


@asynccontextmanager
async def _lane(broker: RunningBroker, name: str, load: Load, timing: Timing) -> AsyncIterator[_Lane]:
    path = PATHS[name]
    async with AsyncExitStack() as opened:
        field = await opened.enter_async_context(deployment(broker.bootstrap_servers, load.partitions))
        source, sink = field.topic(topics.CONTEXTS.name), field.copies
        if path.stages:
            sink = field.topic(topics.DECISIONS.name)
            field.fill(field.topic(topics.OUTCOMES.name), load.changes())
            if path.stages != ALL_STAGES:  # outcomes of the joiner's own would have the numbers of these
                field.fill(field.topic(topics.OUTCOMES.name), load.training())
            arguments = [path.stages]
            if timing.checkpoint is not None:
                arguments += ["--checkpoint-seconds", str(timing.checkpoint)]
            await opened.enter_async_context(attended(field, arguments))
        elif path.copies:
            opened.enter_context(_copying(field, source, sink))
        else:
            sink = source
        arrived = opened.enter_context(Arrived(field.bootstrap, sink, field.partitions, path.reads))
        lane = _Lane(field, path, load, arrived)
        await asyncio.to_thread(lane.measure, 100, Timing([], 1, 0.5, 0.5, None), 0)  # everything has been in use once
        yield lane


@contextmanager
def _copying(field: Deployment, source: str, sink: str) -> Iterator[None]:
    with ExitStack() as opened:
        directory = opened.enter_context(tempfile.TemporaryDirectory(prefix="croupier-bench-"))
        said = opened.enter_context(tempfile.TemporaryFile())
        job = Job(field.bootstrap, field.prefix, source, sink, field.partitions, directory)
        opened.enter_context(running("benchmarks.loops.aiokafka_loop", job, (), said))
        yield


@contextmanager
def _undisturbed() -> Iterator[None]:
    """No garbage collection in between, and quick turns between threads."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
        sys.setswitchinterval(interval)


def _medians(rounds: Sequence[dict[str, float]]) -> dict[str, Any]:
    middle = {key: round(statistics.median(each[key] for each in rounds), 3) for key in rounds[0]}
    middle["samples"] = sum(round(each["samples"]) for each in rounds)
    return {**middle, "rounds": [{key: round(each[key], 3) for key in _PERCENTILES} for each in rounds]}
