"""What routing saves, on recorded traffic with bandit feedback only.

    python -m benchmarks.cost [--json] [--seeds 10]

Progress goes to standard error; the table, or with --json one line of JSON, to standard output.  docs/cost.md says what
the figures mean.
"""

import json
import sys
import time
from typing import Annotated, Any

import typer

from benchmarks.cost import always_best, strong_calls
from benchmarks.cost.settings import SETTINGS
from benchmarks.cost.tables import markdown

SEEDS = 10


def main(
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON instead of a table.")] = False,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Orders of the queries, draws of who is asked.")] = SEEDS,
) -> None:
    """Measure and print."""
    begun = time.monotonic()
    report: dict[str, Any] = {"seeds": seeds, "configuration": {}}
    print("routellm ...", file=sys.stderr, flush=True)
    found = strong_calls.measure(seeds)
    report["configuration"] |= found.pop("configuration")
    report |= found
    for name, setting in SETTINGS.items():
        print(f"{name} ...", file=sys.stderr, flush=True)
        report |= always_best.measure(name, setting, seeds)
        report["configuration"][name] = setting.described
    report["seconds"] = round(time.monotonic() - begun, 1)
    print(json.dumps(report) if as_json else markdown(report))


if __name__ == "__main__":
    typer.run(main)
