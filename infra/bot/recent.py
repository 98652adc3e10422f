"""A tenant's last outcomes, read backwards until there are enough or time is up."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from infra.reading.latest import latest
from infra.reading.log import Log
from schemas import wire
from schemas.domains import DomainSpec
from schemas.errors import BadRecordError
from schemas.events import Outcome, SpecChange
from schemas.partitioning import partition
from schemas.topics import OUTCOMES, SPECS

_FIRST_STEP: Final = 2_000
_LARGEST_STEP: Final = 20_000
_TAG_WITHIN: Final = 16  # bytes of a record in which its type is
_SPECS: Final = 24  # the last changes of a tenant's specifications; there are three domains


class Recent(Struct, frozen=True):
    """Outcomes of one tenant, oldest first.  whole: all since the time asked for; else there are older ones."""

    outcomes: tuple[Outcome, ...]
    whole: bool


async def recent(log: Log, tenant: str, since_ms: int, most: int, seconds: float, unit: str | None = None) -> Recent:
    """At most about `most` outcomes since a time, the last ones, and as many as can be read in so many seconds.

    unit: only those about one person.
    """
    number = partition(tenant, log.partitions(OUTCOMES.name))
    begin, end = (await log.since(OUTCOMES.name, since_ms, [number]))[number]
    deadline = asyncio.get_running_loop().time() + seconds
    found: dict[int, Outcome] = {}  # by ordinal: the first record of one counts
    step, key, about = _FIRST_STEP, tenant.encode(), (unit or "").encode()
    while end > begin and len(found) < most and asyncio.get_running_loop().time() < deadline:
        start = max(begin, end - step)
        chunk: dict[int, Outcome] = {}
        async for records in log.batches(OUTCOMES.name, {number: (start, end)}):
            for record in records:
                if record.key != key or about not in (record.value or b""):
                    continue
                if (outcome := _outcome(record.value)) is not None and unit in (None, outcome.decision.unit):
                    chunk.setdefault(outcome.ordinal, outcome)
        found |= chunk  # older ones win
        end, step = start, min(2 * step, _LARGEST_STEP)
    kept = [each for _, each in sorted(found.items()) if each.decided_at_ms >= since_ms]
    return Recent(tuple(kept), end <= begin)


async def specifications(log: Log, tenant: str) -> Mapping[str, DomainSpec]:
    """The tenant's specifications in force, by domain."""
    needle = tenant.encode()

    def wanted(record: Any) -> bool:
        return (
            needle in (record.value or b"")
            and (change := _change(record.value)) is not None
            and (change.tenant == tenant)
        )

    records: Sequence[Any] = await latest(log, SPECS.name, await log.bounds(SPECS.name), _SPECS, wanted)
    changes = [change for record in records if (change := _change(record.value)) is not None]
    newest = {change.domain: change.spec for change in changes}
    return {domain: spec for domain, spec in newest.items() if spec is not None}


def _outcome(value: bytes | None) -> Outcome | None:
    if value is None or b"outcome.1" not in value[:_TAG_WITHIN]:
        return None
    try:
        event = wire.decode(OUTCOMES.name, value)
    except BadRecordError:
        return None
    return event if isinstance(event, Outcome) else None


def _change(value: bytes | None) -> SpecChange | None:
    try:
        event = wire.decode(SPECS.name, value)
    except BadRecordError:
        return None
    return event if isinstance(event, SpecChange) else None
