"""Where the microseconds of a running worker go, by part of the work, per record.

    python -m benchmarks.profile [--json] [--records 200000] [--only croupier_router] [--rate 1000]

The worker runs as in `benchmarks.throughput`, or with --rate under contexts that come at a steady rate, with a thread
that looks at the others every two milliseconds (`benchmarks.loops.sampled`); `benchmarks.parts` says what is counted
where.
"""

import asyncio
import dataclasses
import json
import logging
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.arrivals import due, new_producer, poisson, send
from benchmarks.attended import attended
from benchmarks.deployment import deployment
from benchmarks.load import Load
from benchmarks.loops.croupier import ALL_STAGES
from benchmarks.loops.sampled import SUMS
from benchmarks.machine import described, now
from benchmarks.measure import measure, prepare
from benchmarks.parts import ORDER
from benchmarks.programs import BY_NAME, Program
from benchmarks.rate import WARM_UP, Sample
from infra.kafka import RunningBroker, start_broker
from schemas import topics
from schemas.errors import CroupierError

PROFILED = ("croupier_router", "croupier_learner", "croupier_pipeline")
#: Of the worker that is given contexts at a steady rate.
STAGES = {"croupier_router": "learner,router", "croupier_pipeline": ALL_STAGES}
_SETTLED_SECONDS = 2.0


async def profiled(broker: RunningBroker, program: Program, load: Load, records: int) -> dict[str, Any]:
    """Microseconds of processor time by part, per record, between the warm-up and the end."""
    sampled = dataclasses.replace(program, module="benchmarks.loops.sampled")
    seen: list[tuple[Sample, dict[str, float]]] = []

    def note(sample: Sample, directory: Path) -> None:
        try:
            seen.append((sample, msgspec.json.decode((directory / SUMS).read_bytes())))
        except FileNotFoundError:  # it has not looked yet
            return

    with tempfile.TemporaryDirectory(prefix="croupier-bench-") as directory:
        async with deployment(broker.bootstrap_servers, load.partitions) as field:
            prepared = await prepare(sampled, field, load, records)
            await measure(
                sampled, field, prepared, directory=Path(directory), noted=lambda each: note(each, Path(directory))
            )
    first = next((each for each in seen if _begun(each[0]) >= WARM_UP * records), None)
    if first is None or seen[-1][0].done <= _begun(first[0]):
        raise CroupierError(f"{records} records were over before they could be looked at: take more records")
    count = seen[-1][0].done - _begun(first[0])
    used = {part: (seen[-1][1].get(part, 0.0) - first[1].get(part, 0.0)) / count * 1e6 for part in ORDER}
    return {
        "records": count,
        "microseconds": round(sum(used.values()), 2),
        "parts": {part: round(spent, 3) for part, spent in used.items()},
    }


def _begun(sample: Sample) -> int:
    return sample.done if sample.begun is None else sample.begun


async def paced(broker: RunningBroker, program: Program, load: Load, records: int, rate: int) -> dict[str, Any]:
    """The same while so many contexts a second are sent, from a while after the first to the last."""
    async with deployment(broker.bootstrap_servers, load.partitions) as field:
        outcomes = field.topic(topics.OUTCOMES.name)
        field.fill(outcomes, load.changes())
        if STAGES[program.name] != ALL_STAGES:
            field.fill(outcomes, load.training())
        async with attended(field, [STAGES[program.name]], module="benchmarks.loops.sampled") as (worker,):
            times = poisson(rate, _SETTLED_SECONDS + records / rate, seed=rate)
            schedule = due(times, field.topic(topics.CONTEXTS.name), load.contexts(len(times)))
            start = time.perf_counter()
            sending = asyncio.create_task(asyncio.to_thread(send, new_producer(field.bootstrap), schedule, start))
            await asyncio.sleep(_SETTLED_SECONDS)
            first = _looked(worker.directory)
            await sending
            last, seconds = _looked(worker.directory), time.perf_counter() - start - _SETTLED_SECONDS
    count = sum(1 for each in times if each >= _SETTLED_SECONDS)
    used = {part: (last.get(part, 0.0) - first.get(part, 0.0)) / count * 1e6 for part in ORDER}
    spent = sum(used.values())
    return {
        "records": count,
        "microseconds": round(spent, 2),
        "cpu_percent": round(spent * count / seconds / 1e4, 1),
        "parts": {part: round(each, 3) for part, each in used.items()},
    }


def _looked(directory: Path) -> dict[str, float]:
    found: dict[str, float] = msgspec.json.decode((directory / SUMS).read_bytes())
    return found


async def profile(broker: RunningBroker, names: list[str], records: int, rate: int | None) -> dict[str, Any]:
    """All of these programs; the report that `--json` prints."""
    begun = now()
    if rate is None:
        found = {name: await profiled(broker, BY_NAME[name], Load(), records) for name in names}
    else:
        found = {name: await paced(broker, BY_NAME[name], Load(), records, rate) for name in names}
    return {"programs": found, "rate": rate, "machine": described(broker, begun)}


def main(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    records: Annotated[int, typer.Option(min=1_000, help="For each program.")] = 200_000,
    only: Annotated[list[str] | None, typer.Option(help=f"Programs: {', '.join(PROFILED)}. May be repeated.")] = None,
    rate: Annotated[int | None, typer.Option(min=1, help="Contexts a second, instead of as many as can be.")] = None,
) -> None:
    """Profile running workers."""
    if unknown := [name for name in only or () if name not in PROFILED]:
        raise typer.BadParameter(f"no {unknown[0]!r}; there are: {', '.join(PROFILED)}", param_hint="--only")
    errors = Console(stderr=True)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # topics just made are looked for more than once
    try:
        with start_broker(progress=lambda text: errors.print(text, style="dim")) as broker:
            names = [name for name in (PROFILED if rate is None else STAGES) if not only or name in only]
            report = asyncio.run(profile(broker, names, records, rate))
    except CroupierError as error:
        errors.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    if as_json:
        print(json.dumps(report))
    else:
        show(Console(), report)


def show(console: Console, report: dict[str, Any]) -> None:
    """A row for each part, a column for each program."""
    table = Table(title="Microseconds of processor time per record")
    table.add_column("part")
    programs = report["programs"]
    for name in programs:
        table.add_column(name, justify="right")
    for part in ORDER:
        if any(found["parts"][part] >= 0.005 for found in programs.values()):
            table.add_row(part, *(f"{found['parts'][part]:.2f}" for found in programs.values()))
    table.add_row("all", *(f"{found['microseconds']:.2f}" for found in programs.values()), style="bold")
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
