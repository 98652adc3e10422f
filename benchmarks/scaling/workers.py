"""Throughput of one group with 1, 2 and 4 workers."""

from typing import Any

from benchmarks.attended import attended
from benchmarks.deployment import deployment
from benchmarks.load import Load
from benchmarks.progress import Appended
from benchmarks.scaling.arriving import arriving
from infra.kafka import RunningBroker
from schemas import topics


async def with_workers(broker: RunningBroker, load: Load, workers: int, records: int) -> dict[str, Any]:
    """Contexts to decisions by `workers` processes (learner and router) that own their partitions when contexts come.

    The clock starts when the first context is appended.
    """
    async with deployment(broker.bootstrap_servers, load.partitions) as field:
        outcomes, decisions = field.topic(topics.OUTCOMES.name), field.topic(topics.DECISIONS.name)
        field.fill(outcomes, load.changes())
        field.fill(outcomes, load.training())
        rows = list(load.contexts(records))
        async with (
            attended(field, ["learner,router"], workers) as started,
            Appended(field.bootstrap, decisions, field.partitions) as progress,
        ):
            found = await arriving(
                started, progress, records, lambda: field.fill(field.topic(topics.CONTEXTS.name), rows)
            )
    return {
        "workers": workers,
        "records_per_second": round(found.per_second),
        "cpu_microseconds_per_record": round(found.cpu_microseconds, 2),
        "resident_megabytes": round(found.resident_bytes / 1e6),
        "records": records,
    }
