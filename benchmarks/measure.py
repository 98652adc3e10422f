"""One program, in a process of its own, from its start until all is done, watched from outside."""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec
import psutil

from benchmarks.deployment import Deployment
from benchmarks.load import Load, Row
from benchmarks.loops import croupier
from benchmarks.loops.job import Job
from benchmarks.programs import Program
from benchmarks.progress import Appended, Committed, Progress
from benchmarks.rate import Sample
from schemas import topics
from schemas.errors import CroupierError

#: A program that shows nothing new for so long is given up.
PATIENCE_SECONDS = 120.0
_LOOK_SECONDS = 0.02
_ROOT = Path(__file__).resolve().parents[1]


async def prepare(program: Program, field: Deployment, load: Load, rows: list[Row]) -> int:
    """Give the program what it reads; how many records it will have done when it is through."""
    if program.trained:
        await field.declare(load)
        if program.reads != "outcomes":
            field.fill(field.topic(topics.OUTCOMES.name), load.training())
    field.fill(field.topic(program.reads), rows)
    declared = len(load.specs) if program.reads == "outcomes" else 0
    return len(rows) + declared


async def measure(program: Program, field: Deployment, total: int) -> list[Sample]:
    """Run the program until `total` records are done.  CroupierError: it ended, or stood still, before."""
    with tempfile.TemporaryDirectory(prefix="croupier-bench-") as directory:
        sink = field.topic(topics.DECISIONS.name) if program.writes == "decisions" else field.copies
        job = Job(field.bootstrap, field.prefix, field.topic(program.reads), sink, field.partitions, directory)
        async with _progress(program, field, sink) as progress:
            with tempfile.TemporaryFile() as said, _running(program, job, said) as process:
                return await _watch(program, process, progress, total, said)


def _progress(program: Program, field: Deployment, sink: str) -> Appended | Committed:
    if program.writes == "state":
        group = f"{field.prefix}croupier-{croupier.GROUP}"
        return Committed(field.bootstrap, group, field.topic(program.reads), field.partitions)
    return Appended(field.bootstrap, sink, field.partitions)


@contextmanager
def _running(program: Program, job: Job, said: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", program.module, msgspec.json.encode(job).decode(), *program.arguments]
    process = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=said, stderr=said)
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()  # it ends with its input (loops.job)
        try:
            process.wait(5.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def _watch(
    program: Program, process: subprocess.Popen[bytes], progress: Progress, total: int, said: IO[bytes]
) -> list[Sample]:
    watched = psutil.Process(process.pid)
    samples = [Sample(time.monotonic(), 0, 0.0, 0)]
    moved = time.monotonic()
    while samples[-1].done < total:
        await asyncio.sleep(_LOOK_SECONDS)
        if process.poll() is not None:
            raise CroupierError(_explain(program, f"ended with status {process.returncode}", samples, total, said))
        done = await progress.done()
        now = time.monotonic()
        if done > samples[-1].done:
            moved = now
        elif now - moved > PATIENCE_SECONDS:
            raise CroupierError(_explain(program, f"stood still for {now - moved:.0f} s", samples, total, said))
        with watched.oneshot():
            cpu, memory = watched.cpu_times(), watched.memory_info()
        samples.append(Sample(now, done, cpu.user + cpu.system, memory.rss))
    return samples


def _explain(program: Program, what: str, samples: list[Sample], total: int, said: IO[bytes]) -> str:
    said.seek(0)
    tail = said.read().decode(errors="replace")[-3000:]
    return f"{program.name} {what} with {samples[-1].done} of {total} records done; it said:\n{tail or '(nothing)'}"
