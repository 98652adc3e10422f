"""Real worker processes that are asked how they are, for measurements that start when all are ready."""

import asyncio
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import IO, Any

import msgspec
import psutil
from aiohttp import ClientError, ClientSession, ClientTimeout

from benchmarks.deployment import Deployment
from benchmarks.loops.croupier import announced
from benchmarks.loops.job import Job
from benchmarks.measure import PATIENCE_SECONDS, looker, running, tail
from benchmarks.progress import Progress
from benchmarks.rate import Sample
from schemas import topics
from schemas.errors import CroupierError

_MODULE = "benchmarks.loops.croupier"
_READY_SECONDS = 120.0
_LOOK_SECONDS = 0.2
_SAMPLE_SECONDS = 0.02


class Attended:
    """One worker process."""

    def __init__(self, process: subprocess.Popen[bytes], directory: Path, said: IO[bytes]) -> None:
        self.process = process
        self.directory = directory
        self._said = said
        self._seen = psutil.Process(process.pid)

    async def status(self) -> dict[str, Any] | None:
        """What /status says; None before it can be asked."""
        answer = await self._get("/status")
        return None if answer is None else msgspec.json.decode(answer)

    async def state_bytes(self) -> float:
        """Bytes written to changelogs until now."""
        answer = (await self._get("/metrics") or b"").decode()
        lines = [line for line in answer.splitlines() if line.startswith("croupier_state_written_bytes_total ")]
        if not lines:
            raise CroupierError(f"the worker's /metrics has no croupier_state_written_bytes_total: {answer[:300]!r}")
        return float(lines[0].split()[1])

    def file_bytes(self) -> int:
        """Bytes given to write() until now: RocksDB's log, tables and compactions (to sockets one sends)."""
        return int(self._seen.io_counters().write_chars)

    def cpu_seconds(self) -> float:
        """Processor time until now."""
        times = self._seen.cpu_times()
        return float(times.user + times.system)

    def resident_bytes(self) -> int:
        """Memory now."""
        return int(self._seen.memory_info().rss)

    def check(self) -> None:
        """CroupierError: the process has ended."""
        if self.process.poll() is not None:
            raise CroupierError(f"a worker ended with status {self.process.returncode}; it said:\n{tail(self._said)}")

    async def _get(self, path: str) -> bytes | None:
        for file in announced(self.directory).glob("*.json"):
            try:
                address = msgspec.json.decode(file.read_bytes())["address"]
                async with ClientSession(timeout=ClientTimeout(10)) as session, session.get(address + path) as answer:
                    return await answer.read()
            except (ClientError, msgspec.DecodeError, OSError, TimeoutError):
                return None
        return None


@asynccontextmanager
async def attended(
    field: Deployment, arguments: Sequence[str], count: int = 1, *, ask: bool = True, module: str = _MODULE
) -> AsyncIterator[list[Attended]]:
    """`count` workers, started together.

    ask: give them out when they own all partitions and have no lag.  module: what is run.
    """
    with ExitStack() as opened:
        workers = []
        for _ in range(count):
            directory = opened.enter_context(tempfile.TemporaryDirectory(prefix="croupier-bench-"))
            said = opened.enter_context(tempfile.TemporaryFile())
            contexts, decisions = field.topic(topics.CONTEXTS.name), field.topic(topics.DECISIONS.name)
            job = Job(field.bootstrap, field.prefix, contexts, decisions, field.partitions, directory)
            process = opened.enter_context(running(module, job, tuple(arguments), said))
            workers.append(Attended(process, Path(directory), said))
        if ask:
            await ready(workers, field.partitions)
        yield workers


async def watched(workers: Sequence[Attended], progress: Progress, total: int) -> list[Sample]:
    """Samples of all of them together until `total` records are done.  CroupierError: one ended, or all stood still."""
    look = looker([worker.process for worker in workers])
    samples = [look(await progress.done(), None)]
    moved = samples[0].seconds
    while samples[-1].done < total:
        await asyncio.sleep(_SAMPLE_SECONDS)
        for worker in workers:
            worker.check()
        samples.append(look(await progress.done(), None))
        if samples[-1].done > samples[-2].done:
            moved = samples[-1].seconds
        elif samples[-1].seconds - moved > PATIENCE_SECONDS:
            raise CroupierError(f"{len(workers)} workers stood still at {samples[-1].done} of {total} records")
    return samples


async def ready(workers: Sequence[Attended], partitions: int) -> None:
    """Wait until each has its share of the partitions and nothing to catch up with."""
    deadline = time.monotonic() + _READY_SECONDS
    told: list[dict[str, Any] | None] = []
    while time.monotonic() < deadline:
        for worker in workers:
            worker.check()
        told = [await worker.status() for worker in workers]
        if _all_ready([each for each in told if each is not None], len(workers), partitions):
            return
        await asyncio.sleep(_LOOK_SECONDS)
    raise CroupierError(f"{len(workers)} workers were not ready after {_READY_SECONDS:.0f} s; they say: {told}")


def _all_ready(told: Sequence[dict[str, Any]], workers: int, partitions: int) -> bool:
    owned = [{each["partition"] for each in status["partitions"]} for status in told]
    return (
        len(told) == workers
        and len({status["generation"] for status in told}) == 1
        and sum(map(len, owned)) == partitions == len(set().union(*owned))
        and min(map(len, owned)) >= partitions // workers
        and all(each["lag"] == 0 for status in told for each in status["partitions"])
    )
