"""The real worker, with the stages that its second argument names and the settings of production unless told other."""

import argparse
import dataclasses
import sys
from pathlib import Path

from benchmarks.loops.job import Job, begin
from infra.logs import configure_logs
from schemas.joining import EARLY_MS
from stream_workers.runtime.loop import run
from stream_workers.runtime.settings import RuntimeSettings
from stream_workers.topology import worker_stages
from stream_workers.worker import Worker, WorkerSettings

GROUP = "worker"
ALL_STAGES = "joiner,learner,router"


def announced(job_directory: Path) -> Path:
    """Where the worker says under which address it can be asked."""
    return job_directory / "announced"


async def work(job: Job, told: argparse.Namespace) -> None:
    runtime = RuntimeSettings(job.bootstrap, GROUP, job.state_dir, prefix=job.prefix)
    if told.checkpoint_seconds is not None:
        runtime = dataclasses.replace(runtime, checkpoint_seconds=told.checkpoint_seconds)
    names = told.stages.split(",")
    stages = [
        dataclasses.replace(stage, waits_for=tuple(each for each in stage.waits_for if each in names))
        for stage in worker_stages(early_ms=told.early_ms)
        if stage.name in names
    ]
    await Worker(stages, WorkerSettings(runtime, announce_dir=announced(job.state_dir))).run()


def arguments(line: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("stages")
    parser.add_argument("--checkpoint-seconds", type=float)
    parser.add_argument("--early-ms", type=int, default=EARLY_MS)
    return parser.parse_args(line)


if __name__ == "__main__":
    configure_logs("worker")
    run(work(begin(), arguments(sys.argv[2:])))
