"""The comparison as a table for people."""

from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.programs import BY_NAME, RATIOS


def show(console: Console, report: dict[str, Any]) -> None:
    """Programs, ratios with their aims, and what they ran on."""
    table = Table(title=f"Records per second by one process, median of {report['runs']}")
    table.add_column("program")
    for column in ("records/s", "lowest", "highest", "CPU µs", "MB", "records", "bytes"):
        table.add_column(column, justify="right")
    for name, detail in report["measurements"].items():
        rates = detail["records_per_second"]
        table.add_row(
            name, f"{report[name]:,}", f"{min(rates):,}", f"{max(rates):,}", f"{detail['cpu_microseconds_per_record']}",
            f"{detail['resident_megabytes']}", f"{detail['records']:,}", f"{detail['record_bytes']}",
        )  # fmt: skip
    console.print(table)
    for name in report["measurements"]:
        console.print(f"  {name:24} {BY_NAME[name].what}")
    for name, (over, under, aim) in RATIOS.items():
        if name in report:
            wanted = "" if aim is None else f"  (aim: at least {aim})"
            console.print(f"{name} = {over} / {under} = [bold]{report[name]}[/bold]{wanted}")
    machine = report["machine"]
    console.print(
        f"{machine['started']}, {machine['cpus']} CPUs shared with the broker, load average "
        f"{machine['load_average'][0]}, {machine['system']}, Python {machine['python']}, Kafka: {machine['kafka']}"
    )
