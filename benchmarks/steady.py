"""A whole worker under a steady rate of contexts and rewards: what it writes, uses, and how soon it decides."""

import asyncio
import heapq
import time
from typing import Any

import numpy as np

from benchmarks.arrivals import due, new_producer, poisson, send
from benchmarks.arrived import Arrived
from benchmarks.attended import attended
from benchmarks.deployment import deployment
from benchmarks.load import FIRST_ID, Load
from benchmarks.loops.croupier import ALL_STAGES
from infra.kafka import RunningBroker
from schemas import topics

_REWARD_AFTER_SECONDS = 0.3
_WARM_UP_SECONDS = 3.0


async def steady(broker: RunningBroker, load: Load, rate: int, seconds: float, checkpoint: float) -> dict[str, Any]:
    """Measure for so long; every reward is appended 0.3 s after its context.

    state_bytes_per_second: to changelogs.  file_bytes_per_second: to local files, which is RocksDB with its write-ahead
    log and compactions.  p50, p99: milliseconds from a context's intended sending to its decision's reading.
    """
    async with deployment(broker.bootstrap_servers, load.partitions) as field:
        field.fill(field.topic(topics.OUTCOMES.name), load.changes())
        arguments = [ALL_STAGES, "--checkpoint-seconds", str(checkpoint)]
        async with attended(field, arguments) as (worker,):
            times = poisson(rate, _WARM_UP_SECONDS + seconds, seed=rate)
            contexts = due(times, field.topic(topics.CONTEXTS.name), load.contexts(len(times)))
            later = [each + _REWARD_AFTER_SECONDS for each in times]
            rewards = due(later, field.topic(topics.REWARDS.name), load.rewards(len(times)))
            schedule = list(heapq.merge(contexts, rewards, key=lambda each: each.seconds))
            with Arrived(
                field.bootstrap, field.topic(topics.DECISIONS.name), field.partitions, topics.DECISIONS.name
            ) as arrived:
                start = time.perf_counter() + 0.1
                sending = asyncio.create_task(asyncio.to_thread(send, new_producer(field.bootstrap), schedule, start))
                await asyncio.sleep(_WARM_UP_SECONDS)
                begun = (time.perf_counter(), await worker.state_bytes(), worker.file_bytes(), worker.cpu_seconds())
                await asyncio.sleep(seconds)
                ended = (time.perf_counter(), await worker.state_bytes(), worker.file_bytes(), worker.cpu_seconds())
                await sending
                read = await asyncio.to_thread(arrived.wait, len(times))
    spent, state, file, cpu = (after - before for before, after in zip(begun, ended, strict=True))
    waited = [read[str(FIRST_ID + index)] - start - at for index, at in enumerate(times) if at >= _WARM_UP_SECONDS]
    p50, p99 = (np.percentile(waited, [50, 99]) * 1000.0).tolist()
    return {
        "rate": rate,
        "checkpoint_seconds": checkpoint,
        "seconds": round(spent, 1),
        "state_bytes_per_second": round(state / spent),
        "file_bytes_per_second": round(file / spent),
        "cpu_percent": round(100.0 * cpu / spent, 1),
        "p50": round(p50, 2),
        "p99": round(p99, 2),
    }
