"""The events of a tenant's outcomes partition."""

from collections.abc import AsyncIterator, Callable
from typing import Any

from infra.reading.log import Log
from schemas import wire
from schemas.errors import BadRecordError
from schemas.events import Outcome, SpecChange
from schemas.partitioning import partition
from schemas.topics import OUTCOMES


async def records(log: Log, tenant: str, progress: Callable[[int], None]) -> AsyncIterator[Any]:
    """A tenant's records, in log order.  progress: told how many were read of all tenants'."""
    number = partition(tenant, log.partitions(OUTCOMES.name))
    key, read = tenant.encode(), 0
    async for batch in log.batches(OUTCOMES.name, await log.bounds(OUTCOMES.name, [number])):
        for record in batch:
            if record.key == key:
                yield record
        read += len(batch)
        progress(read)


def event_of(record: Any) -> SpecChange | Outcome | None:
    """Its event; None: it is none, and went to the dead letters."""
    try:
        event: SpecChange | Outcome = wire.decode(OUTCOMES.name, record.value)
    except BadRecordError:
        return None
    return event
