"""Records per second of Croupier's router and learner, beside other programs, on one broker.

    python -m benchmarks.throughput [--json] [--runs 3] [--records 1000000] [--only croupier_router]

docs/benchmarks.md says what is measured and how.
"""

import asyncio
import json
import logging
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.comparison import compare
from benchmarks.load import Load
from benchmarks.programs import BY_NAME, PROGRAMS, Program
from benchmarks.rate import Rate
from benchmarks.report import show
from infra.kafka import start_broker
from schemas.errors import CroupierError

MINIMUM_RECORDS = 1_000


def main(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    runs: Annotated[int, typer.Option(min=1, help="Rounds; the median counts.")] = 3,
    records: Annotated[
        int, typer.Option(min=MINIMUM_RECORDS, help="For each program; slow ones get a part.")
    ] = 1_000_000,
    only: Annotated[list[str] | None, typer.Option(help=f"Programs: {', '.join(BY_NAME)}. May be repeated.")] = None,
) -> None:
    """Measure throughput side by side."""
    unknown = [name for name in only or () if name not in BY_NAME]
    if unknown:
        raise typer.BadParameter(f"no program {unknown[0]!r}; there are: {', '.join(BY_NAME)}", param_hint="--only")
    programs = [program for program in PROGRAMS if not only or program.name in only]
    errors = Console(stderr=True)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # topics just made are looked for more than once

    def told(number: int, program: Program, rate: Rate) -> None:
        errors.print(
            f"round {number}/{runs}  {program.name:23}  {rate.per_second:>9,.0f} records/s  "
            f"{rate.cpu_microseconds:6.2f} µs CPU"
        )

    try:
        with start_broker(progress=lambda text: errors.print(text, style="dim")) as broker:
            report = asyncio.run(compare(broker, programs, Load(), records, runs, told))
    except CroupierError as error:
        errors.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    if as_json:
        print(json.dumps(report))
    else:
        show(Console(), report)


if __name__ == "__main__":
    typer.run(main)
