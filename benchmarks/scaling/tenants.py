"""What a record and a tenant cost with 10, 1,000 and 100,000 tenants."""

import asyncio
import dataclasses
from typing import Any

from benchmarks.attended import attended, watched
from benchmarks.deployment import deployment
from benchmarks.load import Load
from benchmarks.measure import progress_of
from benchmarks.programs import BY_NAME
from benchmarks.rate import Rate
from benchmarks.scaling.arriving import arriving
from infra.kafka import RunningBroker
from schemas import topics

#: Small domains, as of a tenant that chooses between a few models: 4 arms, 8 features.
SMALL = Load(arms=4, features=8, trained=0)
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
        "learner_records_per_second": round(learned.per_second),
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
            rows, contexts = list(load.contexts(records)), field.topic(topics.CONTEXTS.name)
            async with progress_of(router, field, field.topic(topics.DECISIONS.name), 0) as progress:
                found = await arriving([worker], progress, records, lambda: field.fill(contexts, rows))
    return found, resident


async def _learned(broker: RunningBroker, load: Load, records: int) -> Rate:
    """Outcomes to learned state, up to the checkpoint that covers all; the declarations were taken up before."""
    async with deployment(broker.bootstrap_servers, load.partitions) as field:
        outcomes, learner = field.topic(topics.OUTCOMES.name), BY_NAME["croupier_learner"]
        declared = field.fill(outcomes, load.changes())
        async with attended(field, ["learner"], ask=False) as (worker,):
            async with progress_of(learner, field, "", 0) as progress:
                await watched([worker], progress, declared)
            await asyncio.sleep(_REST_SECONDS)
            rows = list(load.outcomes(records))
            async with progress_of(learner, field, "", declared) as progress:
                return await arriving([worker], progress, records, lambda: field.fill(outcomes, rows))
