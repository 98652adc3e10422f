"""One worker process, from settings to exit: stages, clock, metrics, and the address others find it by."""

import asyncio
import gc
import os
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import structlog

from schemas import topics, wire
from schemas.events import Clock
from schemas.version import VERSION

from .honesty.layout import KINDS
from .http import StatusServer
from .joining.processor import JoinerProcessor
from .learning.processor import LearnerProcessor
from .metrics import WorkerMetrics
from .routing.processor import RouterProcessor
from .runtime.app import StatefulApp
from .runtime.settings import RuntimeSettings
from .runtime.stage import Stage
from .topology import Role

log = structlog.get_logger(__name__)

_CLOCK_SECONDS = 0.2
_TOLD_DOMAINS = 1_000
#: Whoever asks waits for 3 s (`infra.status.processes`).
_TELLING_SECONDS = 1.5
_TOLD_ALARMS = 500
_CLOCK = wire.encode(Clock())


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """A process's settings beside the runtime's."""

    runtime: RuntimeSettings
    role: Role = "worker"
    http_host: str = "127.0.0.1"
    http_port: int = 0
    announce_dir: Path | None = None  # where `croupier status` finds the address


class Worker:
    """Runs until told to stop."""

    def __init__(self, stages: Sequence[Stage], settings: WorkerSettings) -> None:
        self.settings = settings
        self.metrics = WorkerMetrics([stage.name for stage in stages], settings.runtime.state_dir)
        self.app = StatefulApp(
            stages,
            settings.runtime,
            on_applied=lambda stage, records: self.metrics.applied.labels(stage).inc(records),
            on_dead=lambda stage, reason: self.metrics.dead_letters.labels(stage, reason).inc(),
            on_checkpoint=self.metrics.on_checkpoint,
        )
        self._seen: dict[tuple[str, int], tuple[int, float]] = {}

    async def run(self) -> None:
        """Serve, work, and leave the group in order on SIGTERM or SIGINT."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, stop.set)
        server = StatusServer(self.status, self.app.verdict, self.metrics.registry)
        self.metrics.watch(self.vitals)
        await server.start(self.settings.http_host, self.settings.http_port)
        announced = self._announce(server.address)
        log.info("serving", address=server.address, role=self.settings.role)
        clock = asyncio.create_task(self._keep_clock())
        _spare_the_collector()
        try:
            await self.app.run(stop)
        finally:
            clock.cancel()
            await server.stop()
            if announced is not None:
                announced.unlink(missing_ok=True)

    def _announce(self, address: str) -> Path | None:
        directory = self.settings.announce_dir
        if directory is None:
            return None
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{self.settings.role}-{os.getpid()}.json"
        told = {
            "role": self.settings.role,
            "pid": os.getpid(),
            "address": address,
            "group": self.settings.runtime.group_id,
            "name": self.settings.runtime.state_dir.name,  # the same when it starts again
        }
        path.write_bytes(msgspec.json.encode(told))
        return path

    async def _keep_clock(self) -> None:
        """Where horizons are due and nothing flows, write a record that says what time it is."""
        while True:
            await asyncio.sleep(_CLOCK_SECONDS)
            emitted = False
            idle = self._idle_ms()
            for number, partition in list(self.app.ledger.owned.items()):
                stage = partition.stages.get("joiner")
                if stage is None or number not in idle:
                    continue
                joiner = stage.processor
                assert isinstance(joiner, JoinerProcessor)
                for topic in joiner.clock_wanted(idle[number]):
                    self.app.outputs.emit(self.app.full_name(topic), number, b"", _CLOCK)
                    emitted = True
            if emitted:
                self.app.outputs.kick()

    def _idle_ms(self) -> dict[int, dict[str, float]]:
        """By partition: milliseconds since each of the joiner's sources moved, where none has lag."""
        now = time.monotonic()
        idle: dict[int, dict[str, float]] = {}
        lagging: set[int] = set()
        for topic, number, position, end, _ in self.app.lags():
            if topic not in (topics.DECISIONS.name, topics.REWARDS.name):
                continue
            known = self._seen.get((topic, number))
            if known is None or known[0] != position:
                known = self._seen[topic, number] = (position, now)
            if position < end:
                lagging.add(number)
            idle.setdefault(number, {})[topic] = (now - known[1]) * 1000.0
        return {number: by_topic for number, by_topic in idle.items() if number not in lagging}

    def vitals(self) -> dict[str, Any]:
        """What can be said without a look at any domain: for metrics, often asked."""
        joined: Counter[str] = Counter()
        tenants: defaultdict[str, Counter[str]] = defaultdict(Counter)
        alarms: list[dict[str, Any]] = []
        inputs: Counter[str] = Counter()
        decisions_open = rewards_held = 0
        for partition in list(self.app.ledger.owned.values()):
            for stage in partition.stages.values():
                processor = stage.processor
                if isinstance(processor, JoinerProcessor):
                    decisions_open += processor.pending()
                    rewards_held += processor.held()
                    for tenant, tally in processor.tallies().items():
                        tenants[tenant].update(tally)  # records without a tenant are counted in every partition
                        joined.update(tally)
                elif isinstance(processor, LearnerProcessor):
                    for (tenant, domain), told in processor.alarms().items():
                        alarms += ({"tenant": tenant, "domain": domain, **each} for each in told)
                elif isinstance(processor, RouterProcessor):
                    inputs.update(processor.inputs())
        alarms.sort(key=lambda each: (KINDS.index(each["kind"]), each["tenant"], each["domain"]))
        return {
            "role": self.settings.role,
            "pid": os.getpid(),
            "version": VERSION,
            **self.app.status(),
            "in_flight_bytes": self.app.in_flight_bytes(),
            "decisions_open": decisions_open,
            "rewards_held": rewards_held,
            "joined": dict(joined),
            "inputs": dict(inputs),
            "tenants": {tenant: dict(tally) for tenant, tally in tenants.items()},
            "alarms": alarms[:_TOLD_ALARMS],
            "alarms_by_kind": {kind: sum(each["kind"] == kind for each in alarms) for kind in KINDS},
        }

    async def status(self) -> dict[str, Any]:
        """What /status answers: the vitals, and what is learned.

        Of many domains only the first are told.  A report takes milliseconds, in which nothing is decided: the loop
        goes on between two.
        """
        domains: list[dict[str, Any]] = []
        owned = self.app.ledger.owned
        learners = [
            (number, partition, stage.processor)
            for number, partition in list(owned.items())
            for stage in partition.stages.values()
            if isinstance(stage.processor, LearnerProcessor)
        ]
        named = [(*each, *name) for each in learners for name in each[2].domains()]
        until = time.monotonic() + _TELLING_SECONDS
        for number, partition, learner, tenant, domain in named[:_TOLD_DOMAINS]:
            if owned.get(number) is not partition:  # it has gone to another worker meanwhile
                continue
            state = learner.domain(tenant, domain)
            if state is not None:
                domains.append({"tenant": tenant, "domain": domain, **state.report()})
            if time.monotonic() > until:
                break
            await asyncio.sleep(0)
        return {**self.vitals(), "domains": domains, "domains_untold": len(named) - len(domains)}


def _spare_the_collector() -> None:
    """Let the garbage collector pass over what lives as long as the process, and come seldom.

    A batch makes tens of thousands of short-lived objects and no cycles.  With Python's thresholds every 700 of them
    start a collection, and each that goes further walks all imported modules: a fifth of the router's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)
