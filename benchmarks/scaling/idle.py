"""What a worker without traffic costs."""

import asyncio
import time
from typing import Any

from benchmarks.attended import attended
from benchmarks.deployment import deployment
from benchmarks.load import Load
from benchmarks.loops.croupier import ALL_STAGES
from infra.kafka import RunningBroker
from schemas import topics

_SETTLE_SECONDS = 5.0


async def idle(broker: RunningBroker, load: Load, seconds: float) -> dict[str, Any]:
    """A whole worker that owns all partitions of a trained deployment, left alone."""
    async with deployment(broker.bootstrap_servers, load.partitions) as field:
        field.fill(field.topic(topics.OUTCOMES.name), load.changes())
        field.fill(field.topic(topics.OUTCOMES.name), load.training())
        async with attended(field, [ALL_STAGES]) as (worker,):
            await asyncio.sleep(_SETTLE_SECONDS)
            begun, before = time.monotonic(), worker.cpu_seconds()
            await asyncio.sleep(seconds)
            worker.check()
            spent = worker.cpu_seconds() - before
            return {
                "seconds": round(time.monotonic() - begun, 1),
                "idle_cpu_percent": round(100.0 * spent / (time.monotonic() - begun), 2),
                "idle_megabytes": round(worker.resident_bytes() / 1e6),
            }
