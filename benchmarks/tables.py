"""Every measurement, one after another, and its figures as the tables in markdown that docs/performance.md holds.

    python -m benchmarks.tables [--quick] [--only latency] [--keep DIRECTORY] [--print-only]

With --keep each report is stored as DIRECTORY/name.json when it is there; with --print-only nothing is measured and
what is stored there is printed.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from benchmarks import aims
from benchmarks.parts import ORDER

#: name -> what --quick adds: figures for a look, not for a document.
REPORTS: Final[dict[str, tuple[str, ...]]] = {
    "throughput": ("--records", "100000", "--runs", "1"),
    "latency": ("--rounds", "1", "--seconds", "5", "--warm-up", "1"),
    "scale": ("--records", "60000", "--runs", "1", "--seconds", "5", "--tenants", "10,1000"),
    "profile": ("--records", "100000"),
    "stages": ("--records", "10000"),
}


def main(
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes, one run: a look, no document.")] = False,
    only: Annotated[list[str] | None, typer.Option(help=f"Of: {', '.join(REPORTS)}. May be repeated.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Where reports are stored, as JSON.")] = None,
    print_only: Annotated[bool, typer.Option("--print-only", help="Print what is stored; measure nothing.")] = False,
) -> None:
    """Measure everything and print tables."""
    if unknown := [name for name in only or () if name not in REPORTS]:
        raise typer.BadParameter(f"no {unknown[0]!r}; there are: {', '.join(REPORTS)}", param_hint="--only")
    if print_only and keep is None:
        raise typer.BadParameter("says what to print: give the directory with --keep", param_hint="--print-only")
    reports: dict[str, dict[str, Any]] = {}
    for name in (name for name in REPORTS if not only or name in only):
        file = None if keep is None else keep / f"{name}.json"
        if print_only:
            assert file is not None
            if file.exists():
                reports[name] = json.loads(file.read_text())
            continue
        reports[name] = _measured(name, REPORTS[name] if quick else ())
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(reports[name], indent=1) + "\n")
    print(markdown(reports))


def _measured(name: str, arguments: Sequence[str]) -> dict[str, Any]:
    command = [sys.executable, "-m", f"benchmarks.{name}", "--json", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # what it tells meanwhile is seen
    if done.returncode:
        raise typer.Exit(done.returncode)
    report: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return report


def markdown(reports: Mapping[str, dict[str, Any]]) -> str:
    """The reports as tables: aims first, then each with its command and machine."""
    parts = []
    if aimed := aims.rows(reports):
        parts += ["## Aims", _table(("figure", "what", "aim", "found", ""), aimed)]
    for name, report in reports.items():
        parts += [f"## {name.capitalize()}", _origin(name, report)]
        parts += _TABLES[name](report)
    return "\n\n".join(parts)


def _throughput(report: dict[str, Any]) -> list[str]:
    rows = []
    for name, found in report["measurements"].items():
        rates = found["records_per_second"]
        rows.append(
            (f"`{name}`", report[name], f"{min(rates):,} to {max(rates):,}", found["cpu_microseconds_per_record"],
             found["resident_megabytes"], found["records"])
        )  # fmt: skip
    head = ("program", "records/s", "lowest to highest", "CPU µs a record", "resident MB", "records")
    return [f"Median of {report['runs']}.", _table(head, rows)]


def _latency(report: dict[str, Any]) -> list[str]:
    keys = ("p50", "p95", "p99", "max", "p50_over_raw", "p99_over_raw", "sent_late_p99", "samples")
    rows = [
        (f"{int(rate):,}", f"`{name}`", *(found.get(key, "") for key in keys))
        for rate, by_path in report["rates"].items()
        for name, found in by_path.items()
    ]
    told = ", ".join(f"{key} {value}" for key, value in report["settings"].items())
    head = ("contexts/s", "path", "p50 ms", "p95 ms", "p99 ms", "max ms", "p50/raw", "p99/raw", "sent late p99", "n")
    return [f"Settings: {told}.", _table(head, rows)]


def _scale(report: dict[str, Any]) -> list[str]:
    parts = []
    for name in ("workers", "tenants", "state", "checkpoints"):
        if name in report:
            head = [column.replace("_", " ") for column in report[name][0]]
            parts += [f"{name.capitalize()}:", _table(head, [tuple(row.values()) for row in report[name]])]
    single = [(f"`{name}`", value) for name, value in report.items() if isinstance(value, int | float)]
    return [*parts, _table(("figure", ""), single)] if single else parts


def _profile(report: dict[str, Any]) -> list[str]:
    programs = report["programs"]
    rows = [
        (part, *(f"{found['parts'][part]:.2f}" for found in programs.values()))
        for part in ORDER
        if any(found["parts"].get(part, 0.0) >= 0.005 for found in programs.values())
    ]
    rows.append(("all", *(f"{found['microseconds']:.2f}" for found in programs.values())))
    return [_table(("µs a record", *(f"`{name}`" for name in programs)), rows)]


def _stages(report: dict[str, Any]) -> list[str]:
    rows = [*report["microseconds"].items(), ("all", report["all"])]
    told = f"{report['records']:,} contexts of one partition in batches of {report['batch']:,}."
    return [told, _table(("step", "µs a record"), rows)]


_TABLES = {"throughput": _throughput, "latency": _latency, "scale": _scale, "profile": _profile, "stages": _stages}


def _origin(name: str, report: Mapping[str, Any]) -> str:
    machine = f"; {_machine(report['machine'])}" if "machine" in report else ""
    return f"`python -m benchmarks.{name} --json`{machine}."


def _machine(machine: Mapping[str, Any]) -> str:
    return (
        f"{machine['started'][:10]}, {machine['cpus']} CPUs shared with the broker, load average at the end "
        f"{machine['load_average'][0]}, Python {machine['python']}, Kafka {machine['kafka']}, "
        f"aiokafka {machine['aiokafka']}, confluent-kafka {machine['confluent-kafka']}"
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    body = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    number = [all(_is_number(row[column]) for row in body) for column in range(len(head))]
    rule = ["---:" if each else "---" for each in number]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *body))


def _is_number(cell: str) -> bool:
    return not cell or cell.replace(",", "").replace(".", "").replace("-", "").isdigit()


if __name__ == "__main__":
    typer.run(main)
