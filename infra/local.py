"""A whole deployment on this machine: Kafka, topics, workers, analytics, and where others find them."""

import asyncio
import json
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.connection import HOME_VARIABLE, VARIABLE
from infra.kafka import RunningBroker, start_broker
from infra.kafka.topics import check_topics, create_topics
from infra.liveness import Liveness
from infra.reading.log import Log
from infra.supervising import served
from infra.supervisor import Program, Supervisor
from schemas.errors import CroupierError
from schemas.topics import DEFAULT_PARTITIONS
from stream_workers.topology import STAGES

Say = Callable[[str], None]

#: What the processes read, and what of it they have not done with.
_SOURCES = sorted({topic for make in STAGES.values() for stage in make() for topic in stage.sources})
_OPEN = ("decisions_open", "rewards_held", "in_flight_bytes")


@dataclass(frozen=True, slots=True)
class Deployment:
    """What runs: the broker, and the supervisor of the processes."""

    broker: RunningBroker
    supervisor: Supervisor
    home: Path
    prefix: str
    workers: int

    async def serving(self, seconds: float = 90.0) -> None:
        """Wait until all workers own partitions and have recovered them."""
        await _until(lambda: _serving(statuses(self.home), self.workers), "the workers to be ready", seconds)

    async def settled(self, seconds: float = 120.0) -> None:
        """Wait until nothing lags, no decision waits for feedback, and no reward waits for its decision.

        By the broker's word on how long the topics are: what the processes know of that is of their last fetch, and
        what one has just written may not be among it.
        """
        begun = time.monotonic()
        async with Log.open(self.broker.bootstrap_servers, self.prefix) as log:
            while True:
                left = max(0.0, seconds - (time.monotonic() - begun))
                await _until(lambda: _settled(statuses(self.home), self.workers), "the last outcomes", left)
                ends = {topic: await log.bounds(topic) for topic in _SOURCES}
                found = await asyncio.to_thread(statuses, self.home)
                if _settled(found, self.workers) and _read(found, ends):
                    return


def statuses(home: Path) -> list[dict[str, Any]]:
    """What the processes announced in `home` answer to /status; those that do not answer are left out.

    So is the supervisor, which is no part of what it supervises.
    """
    found = []
    for path in (home / "run").glob("*.json"):
        if path.name.startswith("supervisor-"):
            continue
        try:
            address = json.loads(path.read_text(encoding="utf-8"))["address"]
            with urllib.request.urlopen(f"{address}/status", timeout=5) as answer:  # noqa: S310 - our own process
                found.append(json.loads(answer.read()))
        except (OSError, ValueError, KeyError):
            continue  # one that was killed, or is just starting
    return found


def _serving(found: Sequence[dict[str, Any]], workers: int) -> bool:
    ready = [each for each in _consumers(found) if each["partitions"] and each["recovering"] is None]
    return [each["role"] for each in ready].count("worker") == workers and len(ready) == workers + 1


def _settled(found: Sequence[dict[str, Any]], workers: int) -> bool:
    return (
        _serving(found, workers)
        and not any(each[what] for each in _consumers(found) for what in _OPEN)
        and all(partition["lag"] == 0 for each in _consumers(found) for partition in each["partitions"])
    )


def _read(found: Sequence[dict[str, Any]], ends: Mapping[str, Mapping[int, tuple[int, int]]]) -> bool:
    """Whether they are as far as the topics are long."""
    return all(
        partition["applied"] >= ends[partition["topic"]][partition["partition"]][1]
        for each in _consumers(found)
        for partition in each["partitions"]
    )


def _consumers(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that read topics: a bot beside them is no part of the deployment."""
    return [each for each in found if "partitions" in each]


async def _until(condition: Callable[[], bool], what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not await asyncio.to_thread(condition):
        if time.monotonic() > deadline:
            raise CroupierError(f"waited {seconds:g} s for {what}: see the logs of the processes")
        await asyncio.sleep(0.25)


@contextmanager
def local_broker(
    home: Path, say: Say, *, data_dir: Path | None = None, port: int | None = None
) -> Iterator[RunningBroker]:
    """A broker that commands in this directory find (`broker.json`), as long as it runs."""
    home.mkdir(parents=True, exist_ok=True)
    with start_broker(data_dir=data_dir, port=port, progress=say) as broker:
        record = home / "broker.json"
        record.write_text(json.dumps({"bootstrap_servers": broker.bootstrap_servers}) + "\n", encoding="utf-8")
        try:
            yield broker
        finally:
            record.unlink(missing_ok=True)


@asynccontextmanager
async def deployment(
    broker: RunningBroker,
    home: Path,
    say: Say,
    *,
    prefix: str = "",
    workers: int = 2,
    partitions: int = DEFAULT_PARTITIONS,
    worker_options: Sequence[str] = (),
) -> AsyncIterator[Deployment]:
    """Topics, `workers` workers and analytics, supervised; ended in order when the block is left."""
    servers = broker.bootstrap_servers
    if created := await create_topics(servers, prefix=prefix, partitions=partitions):
        say(f"created {len(created)} topics")
    await check_topics(servers, prefix=prefix)
    supervisor = Supervisor(_programs(servers, home, prefix, workers, worker_options), home / "logs", say)
    stop = asyncio.Event()
    running = asyncio.create_task(supervisor.run(stop))
    try:
        async with served(supervisor.metrics, home, prefix, lambda: supervisor.restarts):
            yield Deployment(broker, supervisor, home, prefix, workers)
    finally:
        stop.set()
        await running


def _programs(servers: str, home: Path, prefix: str, workers: int, worker_options: Sequence[str]) -> list[Program]:
    environment = {VARIABLE: servers, HOME_VARIABLE: str(home.absolute())}

    def program(name: str, role: str, options: Sequence[str] = ()) -> Program:
        command = [
            sys.executable, "-m", "infra.cli", role,
            "--prefix", prefix, "--state-dir", str(home.absolute() / "state" / name), *options,
        ]  # fmt: skip
        return Program(name, command, environment, Liveness(home.absolute() / "run", role))

    return [
        *(program(f"worker-{number}", "worker", worker_options) for number in range(1, workers + 1)),
        program("analytics-1", "analytics"),
    ]
