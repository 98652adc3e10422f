"""One program, in a process of its own, from its start until all is done, watched from outside."""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import msgspec
import psutil

from benchmarks.deployment import Deployment
from benchmarks.feeder import Feeder
from benchmarks.load import Load
from benchmarks.loops import croupier
from benchmarks.loops.job import Job
from benchmarks.programs import Program
from benchmarks.progress import Appended, Committed, Learned, Progress
from benchmarks.rate import Sample
from schemas import topics
from schemas.errors import CroupierError

#: A program that shows nothing new for so long is given up.
PATIENCE_SECONDS = 120.0
_LOOK_SECONDS = 0.02
_ROOT = Path(__file__).resolve().parents[1]


class Prepared(NamedTuple):
    """What a program finds when it starts."""

    total: int  # records it will have done when it is through
    before: int  # outcomes records that are none of them
    feeder: Feeder | None  # of rewards that follow their decisions


async def prepare(program: Program, field: Deployment, load: Load, records: int) -> Prepared:
    """Give the program `records` records to read, and what they need."""
    outcomes, rewards = field.topic(topics.OUTCOMES.name), field.topic(topics.REWARDS.name)
    before = 0
    if program.declared:
        before += field.fill(outcomes, load.changes())
    if program.trained:
        before += field.fill(outcomes, load.training())
    feeder = None
    if program.rewards == "before":
        field.fill(rewards, load.rewards(records))
    elif program.rewards == "follow":
        feeder = Feeder(field.bootstrap, rewards, field.partitions, load.rewards(records))
    make = load.contexts if program.reads == "contexts" else load.outcomes
    return Prepared(field.fill(field.topic(program.reads), make(records)), before, feeder)


async def measure(
    program: Program,
    field: Deployment,
    prepared: Prepared,
    directory: Path | None = None,
    noted: Callable[[Sample], None] = lambda sample: None,
) -> list[Sample]:
    """Run the program until all records are done.  CroupierError: it ended, or stood still, before.

    directory: for what it writes; a temporary one if not given.  noted: told each sample when it is taken.
    """
    with tempfile.TemporaryDirectory(prefix="croupier-bench-") as temporary:
        sink = field.topic(topics.DECISIONS.name) if program.writes == "decisions" else field.copies
        place = str(directory or temporary)
        job = Job(field.bootstrap, field.prefix, field.topic(program.reads), sink, field.partitions, place)
        async with progress_of(program, field, sink, prepared.before) as progress:
            with tempfile.TemporaryFile() as said, running(program.module, job, program.arguments, said) as process:
                samples = await _watch(program, process, progress, prepared, said, noted)
    if prepared.feeder is not None:
        prepared.feeder.close()
    return samples


def progress_of(program: Program, field: Deployment, sink: str, before: int) -> Appended | Committed | Learned:
    """Who can say how far the program is."""
    if program.writes != "state":
        return Appended(field.bootstrap, sink, field.partitions)
    group = f"{field.prefix}croupier-{croupier.GROUP}"
    learned = Committed(field.bootstrap, group, field.topic(topics.OUTCOMES.name), field.partitions, before)
    if program.reads == "outcomes":
        return learned
    return Learned(Appended(field.bootstrap, field.topic(topics.DECISIONS.name), field.partitions), learned)


@contextmanager
def running(module: str, job: Job, arguments: tuple[str, ...], said: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """The program as a process, which ends with this context.  said: takes what it prints."""
    command = [sys.executable, "-m", module, msgspec.json.encode(job).decode(), *arguments]
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
    program: Program,
    process: subprocess.Popen[bytes],
    progress: Progress,
    prepared: Prepared,
    said: IO[bytes],
    noted: Callable[[Sample], None],
) -> list[Sample]:
    look = looker([process])
    samples = [look(0, None)]
    moved = samples[0].seconds
    seen = (0, 0)
    while samples[-1].done < prepared.total:
        await asyncio.sleep(_LOOK_SECONDS)
        if process.poll() is not None:
            what = f"ended with status {process.returncode}"
            raise CroupierError(_explain(program, what, samples, prepared.total, said))
        begun = await progress.begun()
        if begun is not None and prepared.feeder is not None:
            prepared.feeder.feed(begun)
        sample = look(await progress.done(), None if begun is None else sum(begun))
        samples.append(sample)
        noted(sample)
        if (now := (sample.done, sample.begun or 0)) != seen:
            seen, moved = now, sample.seconds
        elif sample.seconds - moved > PATIENCE_SECONDS:
            what = f"stood still for {sample.seconds - moved:.0f} s"
            raise CroupierError(_explain(program, what, samples, prepared.total, said))
    return samples


def looker(processes: list[subprocess.Popen[bytes]]) -> Callable[[int, int | None], Sample]:
    """A function that takes a sample of these processes together."""
    watched = [psutil.Process(process.pid) for process in processes]

    def look(done: int, begun: int | None) -> Sample:
        now, cpu, resident = time.monotonic(), 0.0, 0
        for each in watched:
            with each.oneshot():
                times, memory = each.cpu_times(), each.memory_info()
            cpu += times.user + times.system
            resident += memory.rss
        return Sample(now, done, cpu, resident, begun)

    return look


def _explain(program: Program, what: str, samples: list[Sample], total: int, said: IO[bytes]) -> str:
    return f"{program.name} {what} with {samples[-1].done} of {total} records done; it said:\n{tail(said)}"


def tail(said: IO[bytes]) -> str:
    """The end of what a program printed."""
    said.seek(0)
    return said.read().decode(errors="replace")[-3000:] or "(nothing)"
