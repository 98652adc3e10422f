"""How throughput, memory, state and recovery grow with workers and tenants.

    python -m benchmarks.scale [--json] [--only workers] [--only tenants] ...

docs/benchmarks.md says what is measured and how.
"""

import asyncio
import dataclasses
import json
import logging
import statistics
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.comparison import one
from benchmarks.load import Load
from benchmarks.machine import described, now
from benchmarks.programs import BY_NAME
from benchmarks.scaling.idle import idle
from benchmarks.scaling.tenants import SMALL, with_tenants
from benchmarks.scaling.workers import with_workers
from benchmarks.steady import steady
from infra.kafka import RunningBroker, start_broker
from schemas.errors import CroupierError

WORKERS = (1, 2, 4)
CHECKPOINTS = (0.25, 1.0, 5.0)
RATES = (250, 500, 1_000, 2_000)  # contexts a second, for the bytes of state they cause


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured, and what is told meanwhile."""

    records: int  # of a throughput
    runs: int  # of it
    seconds: float  # of a steady rate, and of being idle
    tenants: list[int]
    told: Callable[[str], None]


async def _workers(broker: RunningBroker, sizes: Sizes) -> dict[str, Any]:
    rows = []
    for count in WORKERS:
        found = [await with_workers(broker, Load(), count, sizes.records) for _ in range(sizes.runs)]
        rows.append(_middle(found))
        sizes.told(f"workers: {rows[-1]}")
    return {"workers": rows}


async def _tenants(broker: RunningBroker, sizes: Sizes) -> dict[str, Any]:
    rows = []
    for count in sizes.tenants:
        found = [await with_tenants(broker, count, sizes.records) for _ in range(sizes.runs)]
        rows.append(_middle(found))
        sizes.told(f"tenants: {rows[-1]}")
    few, many = rows[0], rows[-1]
    more = many["tenants"] - few["tenants"]
    span = f"{_short(many['tenants'])}_over_{_short(few['tenants'])}"
    return {
        "tenants": rows,
        "domain": {"arms": SMALL.arms, "features": SMALL.features, "domains_per_tenant": 1},
        f"tenants_{span}": round(many["router_microseconds"] / few["router_microseconds"], 2),
        f"learner_tenants_{span}": round(many["learner_microseconds"] / few["learner_microseconds"], 2),
        "bytes_per_tenant": round((many["resident_megabytes"] - few["resident_megabytes"]) * 1e6 / more),
    }


async def _state(broker: RunningBroker, sizes: Sizes) -> dict[str, Any]:
    rows = []
    for rate in RATES:
        rows.append(await steady(broker, Load(), rate, sizes.seconds, 1.0))
        sizes.told(f"state: {rows[-1]}")
    return {"state": rows}


async def _checkpoints(broker: RunningBroker, sizes: Sizes) -> dict[str, Any]:
    rows = []
    pipeline = BY_NAME["croupier_pipeline"]
    for interval in CHECKPOINTS:
        found = await steady(broker, Load(), 1_000, sizes.seconds, interval)
        arguments = (*pipeline.arguments, "--checkpoint-seconds", str(interval))
        program = dataclasses.replace(pipeline, arguments=arguments)
        rates = [await one(broker, program, Load(), sizes.records) for _ in range(sizes.runs)]
        found["pipeline_records_per_second"] = round(statistics.median(each.per_second for each in rates))
        rows.append(found)
        sizes.told(f"checkpoints: {found}")
    return {"checkpoints": rows}


async def _idle(broker: RunningBroker, sizes: Sizes) -> dict[str, Any]:
    found = await idle(broker, Load(), sizes.seconds)
    sizes.told(f"idle: {found}")
    return {**{key: value for key, value in found.items() if key.startswith("idle_")}, "idle_seconds": found["seconds"]}


async def _recovery(_broker: RunningBroker, sizes: Sizes) -> dict[str, Any]:
    """By a process of its own, which has a broker of its own: it fills a gigabyte of state first."""
    command = [sys.executable, "-m", "benchmarks.recovery", "--json"]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CroupierError(f"{' '.join(command[1:])} ended with status {done.returncode}:\n{done.stderr[-3000:]}")
    found = json.loads(done.stdout.strip().splitlines()[-1])
    sizes.told(f"recovery: {found}")
    return {"recovery_mb_s": found["recovery_mb_s"], "recovery": found}


PARTS: dict[str, Callable[[RunningBroker, Sizes], Awaitable[dict[str, Any]]]] = {
    "workers": _workers,
    "tenants": _tenants,
    "state": _state,
    "checkpoints": _checkpoints,
    "idle": _idle,
    "recovery": _recovery,
}


async def measure(broker: RunningBroker, parts: Sequence[str], sizes: Sizes) -> dict[str, Any]:
    """These parts, one after another; the report that `--json` prints."""
    begun = now()
    report: dict[str, Any] = {}
    for name in parts:
        report |= await PARTS[name](broker, sizes)
    return {**report, "machine": described(broker, begun)}


def main(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    only: Annotated[list[str] | None, typer.Option(help=f"Parts: {', '.join(PARTS)}. May be repeated.")] = None,
    records: Annotated[int, typer.Option(min=1_000, help="Of each throughput.")] = 1_000_000,
    runs: Annotated[int, typer.Option(min=1, help="Of each throughput; the median counts.")] = 3,
    seconds: Annotated[float, typer.Option(min=1.0, help="Of a steady rate, and of being idle.")] = 60.0,
    tenants: Annotated[str, typer.Option(help="Numbers of tenants, separated by commas.")] = "10,1000,100000",
) -> None:
    """Measure how things grow."""
    if unknown := [name for name in only or () if name not in PARTS]:
        raise typer.BadParameter(f"no part {unknown[0]!r}; there are: {', '.join(PARTS)}", param_hint="--only")
    try:
        counts = sorted({int(each) for each in tenants.split(",")})
    except ValueError:
        counts = []
    if len(counts) < 2 or counts[0] < 1:
        raise typer.BadParameter(
            f"{tenants!r} is no list of two or more whole numbers such as 10,1000", param_hint="--tenants"
        )
    errors = Console(stderr=True)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # topics just made are looked for more than once
    sizes = Sizes(records, runs, seconds, counts, lambda text: errors.print(text, highlight=False, markup=False))
    try:
        with start_broker(progress=lambda text: errors.print(text, style="dim")) as broker:
            report = asyncio.run(measure(broker, [name for name in PARTS if not only or name in only], sizes))
    except CroupierError as error:
        errors.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    if as_json:
        print(json.dumps(report))
    else:
        show(Console(), report)


def show(console: Console, report: dict[str, Any]) -> None:
    """A table for each part, and the single figures."""
    for name in ("workers", "tenants", "state", "checkpoints"):
        if name in report:
            table = Table(title=name)
            for column in report[name][0]:
                table.add_column(column.replace("_", " "), justify="right")
            for row in report[name]:
                table.add_row(*(f"{value:,}" for value in row.values()))
            console.print(table)
    for name, value in report.items():
        if isinstance(value, int | float):
            console.print(f"{name} = [bold]{value}[/bold]")


def _middle(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The median of each figure over runs."""
    return {key: _round(statistics.median(each[key] for each in found)) for key in found[0]}


def _short(number: int) -> str:
    return f"{number // 1_000}k" if number >= 1_000 and number % 1_000 == 0 else str(number)


def _round(value: float) -> float:
    return int(value) if value == int(value) else round(value, 2)


if __name__ == "__main__":
    typer.run(main)
