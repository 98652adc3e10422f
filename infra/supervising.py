"""/metrics, /health and /status of a supervisor: how its programs ended, and where it is found."""

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

from stream_workers.http import StatusServer
from stream_workers.machine import MachineMetrics

How = Literal["in-order", "lease-lost", "failed", "refused", "killed", "crashed", "replaced"]

#: Exit codes that mean something of their own (docs/operating.md); the others are refusals to start.
_HOW: Final[dict[int, How]] = {0: "in-order", 70: "failed", 75: "lease-lost", -9: "killed", -15: "killed"}


def how_it_ended(code: int, *, replaced: bool) -> How:
    """In one word.  replaced: the supervisor itself ended it, because it did not work."""
    if replaced:
        return "replaced"
    return _HOW.get(code, "crashed" if code < 0 else "refused")


class SupervisorMetrics:
    """Of one supervisor; labels are the names of its programs."""

    def __init__(self, programs: Sequence[str]) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.ends = Counter(
            "croupier_supervisor_ends_total",
            "Ends of programs while they should run, by how: in-order, lease-lost, failed, refused (to start), killed, "
            "crashed, replaced (alive, and ended by the supervisor because it did not work)",
            ["program", "how"],
            registry=self.registry,
        )
        self.running = Gauge(
            "croupier_supervisor_running", "1 while the program runs", ["program"], registry=self.registry
        )
        for name in programs:
            self.running.labels(name).set(0)
            for how in How.__args__:  # type: ignore[attr-defined]
                self.ends.labels(name, how)


@asynccontextmanager
async def served(
    metrics: SupervisorMetrics, home: Path, prefix: str, restarts: Callable[[], int]
) -> AsyncIterator[None]:
    """Serve on a free port of this machine and say where, as the programs do, as long as the block runs."""
    metrics.registry.register(MachineMetrics(home))

    def status() -> dict[str, Any]:
        return {"role": "supervisor", "pid": os.getpid(), "healthy": True, "restarts": restarts()}

    server = StatusServer(status, lambda: {"healthy": True, "reason": None}, metrics.registry)
    await server.start("127.0.0.1", 0)
    file = home / "run" / f"supervisor-{os.getpid()}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    told = {
        "role": "supervisor",
        "pid": os.getpid(),
        "address": server.address,
        "group": f"{prefix}croupier-supervisor",
        "name": "supervisor",
    }
    file.write_bytes(msgspec.json.encode(told))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
        await server.stop()
