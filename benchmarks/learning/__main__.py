"""What the learners lose, earn and take.

    python -m benchmarks.learning [--json] [--quick] [--only pmlb]

Progress goes to standard error; the table, or with --json one line of JSON, to standard output.
"""

import json
import os
import platform
import sys
import time
from importlib.metadata import version
from typing import Annotated, Any

import typer

from benchmarks.learning.parts import PARTS, measure
from benchmarks.learning.tables import markdown
from benchmarks.machine import now


def main(
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON instead of tables.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="One seed: a look, without intervals.")] = False,
    only: Annotated[list[str] | None, typer.Option(help=f"Of: {', '.join(PARTS)}. May be repeated.")] = None,
) -> None:
    """Measure and print."""
    if unknown := [name for name in only or () if name not in PARTS]:
        raise typer.BadParameter(f"no {unknown[0]!r}; there are: {', '.join(PARTS)}", param_hint="--only")
    report: dict[str, Any] = {"machine": _machine(), "quick": quick, "seconds": {}, "configuration": {}}
    for name in (name for name in PARTS if not only or name in only):
        print(f"{name} ...", file=sys.stderr, flush=True)
        begun = time.monotonic()
        found = measure(name, quick=quick)
        report["configuration"] |= found.pop("configuration", {})
        report |= found
        report["seconds"][name] = round(time.monotonic() - begun, 1)
    print(json.dumps(report) if as_json else markdown(report))


def _machine() -> dict[str, Any]:
    return {
        "started": now().isoformat(timespec="seconds"),
        "cpus": os.cpu_count(),
        "load_average": [round(each, 1) for each in os.getloadavg()],
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "numba", "vowpalwabbit", "mabwiser", "river", "paretobandit")},
    }


if __name__ == "__main__":
    typer.run(main)
