"""A worker with one small stage, started as a process of its own by the tests of the runtime.

contexts (value: 8-byte number) -> per key (count, sum) in learner-state, and every record passed on to decisions.
SUMMING_VERSION: of its state, 1 unless said; SUMMING_FACTOR: what a number counts (the arithmetic of a later version).
"""

import asyncio
import os
import signal
import struct
import sys
from pathlib import Path

import structlog

from stream_workers.runtime.app import StatefulApp
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


async def main(bootstrap: str, prefix: str, state_dir: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    app = StatefulApp(
        [STAGE],
        RuntimeSettings(
            bootstrap, "summing", Path(state_dir), prefix=prefix, checkpoint_seconds=0.3, session_timeout_seconds=10.0
        ),
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await app.run(stop)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
