"""What the decision path adds to a decision: its own time, the processor's, and how soon it answers without Kafka.

    python -m benchmarks.deciding [--json] [--rate 200] [--seconds 10]

A worker with every stage runs in a process of its own; the path is in this one, and is asked at Poisson times.  Own
time is that between being asked and answering, less the wait for Kafka.
"""

import asyncio
import json
import logging
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import structlog
import typer
from prometheus_client import CollectorRegistry
from rich.console import Console

from benchmarks.arrivals import poisson
from benchmarks.attended import attended
from benchmarks.deployment import deployment
from benchmarks.load import DOMAIN, Load
from benchmarks.loops.croupier import ALL_STAGES
from infra.kafka import RunningBroker, start_broker
from infra.kafka.ports import free_port
from producers.deciding import Choice, DecisionPath
from schemas import topics
from schemas.errors import CroupierError

_FALLBACK = ("model-0", "model-1")


async def measure(broker: RunningBroker, load: Load, rate: int, seconds: float, warm_up: float = 2.0) -> dict[str, Any]:
    """Milliseconds: own and waited per decision; cpu: of this whole process, asking included, per decision."""
    async with deployment(broker.bootstrap_servers, load.partitions) as field:
        field.fill(field.topic(topics.OUTCOMES.name), load.changes())
        async with attended(field, [ALL_STAGES]):
            with tempfile.TemporaryDirectory() as name:
                path = DecisionPath(
                    field.bootstrap, Path(name) / "spool", prefix=field.prefix, registry=CollectorRegistry()
                )
                async with path:
                    await _asked(path, load, rate, warm_up, "w")
                    cpu = time.process_time()
                    choices = await _asked(path, load, rate, seconds, "d")
                    cpu = time.process_time() - cpu
    with tempfile.TemporaryDirectory() as name:
        async with DecisionPath(f"127.0.0.1:{free_port()}", Path(name) / "spool", registry=CollectorRegistry()) as away:
            without = await _asked(away, load, rate, min(seconds, 3.0), "a")
    how = [choice.how for choice in choices]
    own, waited = ([getattr(choice, name) for choice in choices] for name in ("own_ms", "waited_ms"))
    return {
        "rate": rate,
        "decisions": len(choices),
        "decided": how.count("decided"),
        "late": how.count("late"),
        "unreachable": how.count("unreachable"),
        **_quantiles("own_ms", own),
        **_quantiles("waited_ms", waited),
        "cpu_ms": round(1000.0 * cpu / len(choices), 3),
        **_quantiles("without_kafka_ms", [choice.waited_ms for choice in without]),
    }


async def _asked(path: DecisionPath, load: Load, rate: int, seconds: float, kind: str) -> list[Choice]:
    """Ask at Poisson times, for tenants in turn."""
    rng = np.random.default_rng(load.seed)
    features = rng.normal(size=(256, load.features))
    start = time.perf_counter()

    async def ask(number: int) -> Choice:
        return await path.decide(
            load.names[number % load.tenants], DOMAIN, features[number % 256], fallback=_FALLBACK, id=f"{kind}-{number}"
        )

    asking = []
    for number, at in enumerate(poisson(rate, seconds, load.seed)):
        await asyncio.sleep(max(0.0, start + at - time.perf_counter()))
        asking.append(asyncio.create_task(ask(number)))
    return list(await asyncio.gather(*asking))


def _quantiles(name: str, values: list[float]) -> dict[str, float]:
    p50, p99 = np.percentile(values, [50, 99]).tolist()
    return {f"{name}_p50": round(p50, 3), f"{name}_p99": round(p99, 3)}


def main(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    rate: Annotated[int, typer.Option(min=1, help="Requests a second.")] = 200,
    seconds: Annotated[float, typer.Option(min=0.5, help="That are measured.")] = 10.0,
) -> None:
    """Measure the decision path."""
    errors = Console(stderr=True)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        with start_broker(progress=lambda text: errors.print(text, style="dim")) as broker:
            found = asyncio.run(measure(broker, Load(), rate, seconds))
    except CroupierError as error:
        errors.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    if as_json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:22} {value}")


if __name__ == "__main__":
    typer.run(main)
