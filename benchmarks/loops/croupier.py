"""The real worker, with the stages that its second argument names and the settings of production."""

import asyncio
import sys

from benchmarks.loops.job import Job, begin
from infra.logs import configure_logs
from stream_workers.runtime.settings import RuntimeSettings
from stream_workers.topology import worker_stages
from stream_workers.worker import Worker, WorkerSettings

GROUP = "worker"


async def work(job: Job, stages: list[str]) -> None:
    settings = WorkerSettings(RuntimeSettings(job.bootstrap, GROUP, job.state_dir, prefix=job.prefix))
    await Worker([stage for stage in worker_stages() if stage.name in stages], settings).run()


if __name__ == "__main__":
    configure_logs("worker")
    asyncio.run(work(begin(), sys.argv[2].split(",")))
