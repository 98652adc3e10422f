"""Milliseconds from a context's intended sending to its decision's reading, beside the same path without the router.

    python -m benchmarks.latency [--json] [--rates 100,1000,5000] [--rounds 3] [--seconds 10]

docs/benchmarks.md says what is measured and how.
"""

import asyncio
import json
import logging
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.paths import PATHS, Timing, compare
from infra.kafka import start_broker
from schemas.errors import CroupierError


def main(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    rates: Annotated[str, typer.Option(help="Contexts a second, separated by commas.")] = "100,1000,5000",
    rounds: Annotated[int, typer.Option(min=1, help="The median over rounds counts.")] = 3,
    seconds: Annotated[float, typer.Option(min=0.5, help="Of each path at each rate in each round.")] = 10.0,
    warm_up: Annotated[float, typer.Option(min=0.0, help="Seconds before that which do not count.")] = 2.0,
    checkpoint: Annotated[float | None, typer.Option(help="The worker's seconds between checkpoints.")] = None,
    only: Annotated[list[str] | None, typer.Option(help=f"Paths: {', '.join(PATHS)}. May be repeated.")] = None,
) -> None:
    """Measure latency side by side."""
    if unknown := [name for name in only or () if name not in PATHS]:
        raise typer.BadParameter(f"no path {unknown[0]!r}; there are: {', '.join(PATHS)}", param_hint="--only")
    try:
        wanted = [int(each) for each in rates.split(",")]
    except ValueError:
        raise typer.BadParameter(
            f"{rates!r} is no list of whole numbers such as 100,1000", param_hint="--rates"
        ) from None
    errors = Console(stderr=True)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    timing = Timing(wanted, rounds, seconds, warm_up, checkpoint)
    try:
        with start_broker(progress=lambda text: errors.print(text, style="dim")) as broker:
            names = [name for name in PATHS if not only or name in only]
            report = asyncio.run(compare(broker, names, timing, lambda text: errors.print(text, highlight=False)))
    except CroupierError as error:
        errors.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    if as_json:
        print(json.dumps(report))
    else:
        show(Console(), report)


def show(console: Console, report: dict[str, Any]) -> None:
    """A row for each rate and path, and the ratios."""
    table = Table(title="Milliseconds from intended sending to reading, medians over rounds")
    for column in ("rate", "path", "p50", "p95", "p99", "max", "p50/raw", "p99/raw"):
        table.add_column(column, justify="left" if column == "path" else "right")
    for rate, by_path in report["rates"].items():
        for name, found in by_path.items():
            ratios = [str(found.get(key, "")) for key in ("p50_over_raw", "p99_over_raw")]
            table.add_row(rate, name, *(f"{found[key]:.2f}" for key in ("p50", "p95", "p99", "max")), *ratios)
    console.print(table)
    for name in next(iter(report["rates"].values())):
        console.print(f"  {name:13} {PATHS[name].what}")
    console.print(f"settings: {report['settings']}")


if __name__ == "__main__":
    typer.run(main)
