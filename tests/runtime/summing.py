"""A worker with one small stage, started as a process of its own by the tests of the runtime.

contexts (value: 8-byte number) -> per key (count, sum) in learner-state, and every record passed on to decisions.
SUMMING_VERSION: of its state, 1 unless said; SUMMING_FACTOR: what a number counts (the arithmetic of a later version).
SUMMING_HEALTH: a file for the address of /health, which then is quick to say no; SUMMING_WEDGED: contexts are never
fetched, and a second stage, which reads outcomes, waits for the first.
"""

import asyncio
import os
import signal
import struct
import sys
from dataclasses import replace
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from stream_workers.http import StatusServer
from stream_workers.runtime.app import StatefulApp
from stream_workers.runtime.loop import run
from stream_workers.runtime.settings import RuntimeSettings
from stream_workers.runtime.stage import Stage

PAIR = struct.Struct(">qq")
VERSION = int(os.environ.get("SUMMING_VERSION", "1"))
FACTOR = int(os.environ.get("SUMMING_FACTOR", "1"))


class Summing:
    def __init__(self, work):
        self.work = work
        self.sums = {}
        self.dirty = set()

    def apply(self, topic, records):
        for record in records:
            key = record.key
            if record.value == b"poison":
                raise ZeroDivisionError("poison")
            count, total = self.sums.get(key) or PAIR.unpack(self.work.state.get(key) or PAIR.pack(0, 0))
            self.sums[key] = (count + 1, total + FACTOR * int.from_bytes(record.value, "big"))
            self.dirty.add(key)
            self.work.emit("decisions", key, record.value)

    def flush(self):
        for key in self.dirty:
            self.work.state.put(key, PAIR.pack(*self.sums[key]))
        self.dirty.clear()


STAGE = Stage("summing", ("contexts",), Summing, changelog="learner-state", state_version=VERSION, rebuilds=True)


class Waiting:
    def __init__(self, work):
        pass

    def apply(self, topic, records):
        raise AssertionError("the first stage has not caught up")

    def flush(self):
        pass


def wedge(app):
    """As if nothing came of any fetch of contexts."""
    fetchable = app.ledger.fetchable
    app.ledger.fetchable = lambda tps, short: {tp for tp in fetchable(tps, short) if short[tp.topic] != "contexts"}


def tell(file, address):
    Path(file).write_text(address)


async def main(bootstrap: str, prefix: str, state_dir: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    health, wedged = os.environ.get("SUMMING_HEALTH"), "SUMMING_WEDGED" in os.environ
    settings = RuntimeSettings(
        bootstrap, "summing", Path(state_dir), prefix=prefix, checkpoint_seconds=0.3, session_timeout_seconds=10.0
    )
    if health:
        settings = replace(settings, stall_seconds=0.2, unhealthy_seconds=1.0, give_up_seconds=600.0)
    stages = [STAGE, Stage("waiting", ("outcomes",), Waiting, waits_for=("summing",))] if wedged else [STAGE]
    app = StatefulApp(stages, settings)
    if wedged:
        wedge(app)
    if health:
        server = StatusServer(app.status, app.verdict, CollectorRegistry())
        await server.start("127.0.0.1", 0)
        tell(health, server.address)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await app.run(stop)


if __name__ == "__main__":
    run(main(*sys.argv[1:]))
