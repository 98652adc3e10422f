"""Megabytes per second at which a worker process brings its state back.

    python -m benchmarks.recovery [--json] [--megabytes 1000] [--partitions 8] [--kind domains] [--kind decisions]

For each kind of state (learners' domains of some 57 kB, a joiner's open decisions of some 500 bytes) the real
checkpoint writes a changelog of that size to a real Kafka.  A worker is started with an empty directory; measured is
what it logs: from the assignment to "partitions ready", indexing included.  Then one per cent more is written and a
worker starts on the tables of the first.  docs/performance.md has figures.
"""

import asyncio
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from rich.console import Console

from benchmarks.changelog import KINDS, write_changelog
from infra.kafka import RunningBroker, start_broker
from infra.kafka.topics import create_topics
from schemas.errors import CroupierError

_ROOT = Path(__file__).resolve().parents[1]
_PATIENCE_SECONDS = 300.0
_LOOK_SECONDS = 0.05
_READY = "partitions ready"


async def measure(
    broker: RunningBroker, kind: str, megabytes: float, partitions: int, directory: Path
) -> dict[str, Any]:
    """From nothing, and from the process's own disk with one per cent more in the changelog."""
    prefix = f"recovery-{kind}-{os.getpid()}-"
    servers = broker.bootstrap_servers
    await create_topics(servers, prefix=prefix, partitions=partitions)
    written = await write_changelog(servers, prefix, kind, partitions, megabytes, directory / "writer", 1)
    whole = await asyncio.to_thread(_recover, servers, prefix, directory / "worker")
    # Another group's generation would begin again: the writer goes on where the worker claimed, in generation 1000.
    more = await write_changelog(servers, prefix, kind, partitions, megabytes / 100, directory / "writer-again", 1000)
    rest = await asyncio.to_thread(_recover, servers, prefix, directory / "worker")
    return {
        "megabytes": round(written),
        "records": whole["changelog_records"],
        "seconds": whole["seconds"],
        "recovery_mb_s": round(whole["changelog_bytes"] / 1e6 / whole["seconds"], 1),
        "read_mb_s": round(whole["changelog_bytes"] / 1e6 / whole["read_seconds"], 1),
        "megabytes_per_cpu_second": round(whole["changelog_bytes"] / 1e6 / whole["cpu_seconds"], 1),
        "difference_megabytes": round(more, 3),
        "difference_read_megabytes": round(rest["changelog_bytes"] / 1e6, 3),
        "difference_seconds": rest["seconds"],
        "resident_megabytes": whole["resident_megabytes"],
    }


def _recover(servers: str, prefix: str, state: Path) -> dict[str, Any]:
    """What a worker logs when it is ready, with its CPU seconds since it served and its memory; it is ended then."""
    command = [
        sys.executable, "-m", "infra.cli", "worker", "--bootstrap", servers, "--prefix", prefix,
        "--state-dir", str(state),
    ]  # fmt: skip
    with tempfile.TemporaryFile("w+b") as said:
        process = subprocess.Popen(command, cwd=_ROOT, stdout=said, stderr=said)
        try:
            watched, served = psutil.Process(process.pid), None
            deadline = time.monotonic() + _PATIENCE_SECONDS
            while True:
                time.sleep(_LOOK_SECONDS)
                said.seek(0)
                lines = said.read().decode(errors="replace").splitlines()
                if served is None and any('"serving"' in line for line in lines):
                    served = _cpu(watched)
                for line in lines:
                    if f'"{_READY}"' in line:
                        found: dict[str, Any] = json.loads(line)
                        found["cpu_seconds"] = _cpu(watched) - (served or 0.0)
                        found["resident_megabytes"] = round(watched.memory_info().rss / 1e6)
                        return found
                if process.poll() is not None or time.monotonic() > deadline:
                    raise CroupierError("the worker was never ready; it said:\n" + "\n".join(lines)[-3000:])
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    megabytes: Annotated[float, typer.Option(min=1, help="Of keys and values, for each kind.")] = 1000.0,
    partitions: Annotated[int, typer.Option(help="A power of two.")] = 8,
    kind: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(KINDS)}; may be repeated.")] = None,
) -> None:
    """Measure recovery."""
    errors = Console(stderr=True)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    report: dict[str, Any] = {}
    try:
        for each in kind or list(KINDS):
            directory = Path(tempfile.mkdtemp(prefix="croupier-recovery-"))
            try:
                with start_broker(progress=lambda text: errors.print(text, style="dim")) as broker:
                    report[each] = asyncio.run(measure(broker, each, megabytes, partitions, directory))
            finally:
                shutil.rmtree(directory)
            errors.print(f"{each}: {report[each]}")
    except CroupierError as error:
        errors.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    report["recovery_mb_s"] = min(each["recovery_mb_s"] for each in report.values())
    print(json.dumps(report) if as_json else "\n".join(f"{name}: {found}" for name, found in report.items()))


if __name__ == "__main__":
    typer.run(main)
