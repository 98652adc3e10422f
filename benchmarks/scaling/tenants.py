"""What a record and a tenant cost with 10, 1,000 and 100,000 tenants."""

import asyncio
import dataclasses
import time
from typing import Any

from benchmarks.attended import attended, watched
from benchmarks.deployment import Deployment, deployment
from benchmarks.load import Load
from benchmarks.measure import progress_of
from benchmarks.programs import BY_NAME
from benchmarks.rate import Rate, rate
from infra.kafka import RunningBroker
from schemas import topics

#: Small domains, as of a tenant that chooses between a few models: 4 arms, 8 features.
SMALL = Load(arms=4, features=8, trained=0)
#: The clock starts late, when most tenants have been met.
_WARM_UP = 0.3
_REST_SECONDS = 2.0


async def with_tenants(broker: RunningBroker, tenants: int, records: int) -> dict[str, Any]:
    """A domain for each tenant, declared in bulk; `records` contexts through the router, as many outcomes learned."""
    load = dataclasses.replace(SMALL, tenants=tenants)
    routed, resident = await _routed(broker, load, records)
    learned = await _learned(broker, load, records)
    return {
        "tenants": tenants,
        "records": records,
        "router_records_per_second": round(routed.per_second),
        "router_microseconds": round(routed.cpu_microseconds, 2),
        "learner_microseconds": round(learned.cpu_microseconds, 2),
        "resident_megabytes_declared": round(resident / 1e6),
        "resident_megabytes": round(max(resident, routed.resident_bytes) / 1e6),
        "learner_resident_megabytes": round(learned.resident_bytes / 1e6),
    }


async def _routed(broker: RunningBroker, load: Load, records: int) -> tuple[Rate, int]:
    """Contexts to decisions, and the resident bytes after all domains were declared."""
    async with deployment(broker.bootstrap_servers, load.partitions) as field:
        declared = field.fill(field.topic(topics.OUTCOMES.name), load.changes())
        # /status names every domain: with 100,000 of them asking is not free, so the broker is asked instead.
        async with attended(field, ["learner,router"], ask=False) as (worker,):
            learner, router = BY_NAME["croupier_learner"], BY_NAME["croupier_router"]
            async with progress_of(learner, field, "", 0) as progress:
                await watched([worker], progress, declared)
            await asyncio.sleep(_REST_SECONDS)
            resident = worker.resident_bytes()
            rows = load.contexts(records)
            async with progress_of(router, field, field.topic(topics.DECISIONS.name), 0) as progress:
                filling = asyncio.create_task(asyncio.to_thread(_fill_contexts, field, rows))
                samples = await watched([worker], progress, records)
                await filling
    return rate(samples, records, warm_up=_WARM_UP), resident


def _fill_contexts(field: Deployment, rows: Any) -> None:
    field.fill(field.topic(topics.CONTEXTS.name), list(rows))


async def _learned(broker: RunningBroker, load: Load, records: int) -> Rate:
    """Outcomes to learned state, from the moment that the first of them is appended.

    The worker has taken up the declarations by then; what it uses from there to the checkpoint that covers everything,
    reading as the outcomes come, is what they cost.
    """
    async with deployment(broker.bootstrap_servers, load.partitions) as field:
        outcomes, learner = field.topic(topics.OUTCOMES.name), BY_NAME["croupier_learner"]
        declared = field.fill(outcomes, load.changes())
        async with attended(field, ["learner"], ask=False) as (worker,):
            async with progress_of(learner, field, "", 0) as progress:
                await watched([worker], progress, declared)
            await asyncio.sleep(_REST_SECONDS)
            spent, begun = worker.cpu_seconds(), time.monotonic()
            filling = asyncio.create_task(asyncio.to_thread(field.fill, outcomes, load.outcomes(records)))
            async with progress_of(learner, field, "", declared) as progress:
                await watched([worker], progress, records)
                await filling
            took, spent = time.monotonic() - begun, worker.cpu_seconds() - spent
            return Rate(records / took, spent / records * 1e6, worker.resident_bytes(), records)
