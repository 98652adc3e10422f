"""Where a request is that has no decision."""

from infra.readable.characters import printable
from infra.readable.plain import iso
from infra.reading.log import Log
from schemas import wire
from schemas.errors import BadRecordError
from schemas.events import Context
from schemas.partitioning import partition
from schemas.topics import CONTEXTS, DEAD_LETTERS


async def absent(log: Log, name: str, tenant: str | None, since_ms: int | None) -> str:
    """What to tell somebody who asks about an id of which there is no decision."""
    whose = "" if tenant is None else f" of tenant {tenant}"
    period = "" if since_ms is None else f" since {iso(since_ms)}"
    said = f"There is no decision {name!r}{whose}{period}."
    if refused := await _dead_letter(log, name, tenant, since_ms):
        return f"{said} {refused}"
    if waiting := await _waiting(log, name, tenant, since_ms):
        return f"{said} {waiting}"
    hints = ["is the id right?"]
    if tenant is not None:
        hints.append("the tenant?")
    if since_ms is not None:
        hints.append("look further back (--since), or at everything (without it)")
    else:
        hints.append("decisions are kept for 7 days")
    return f"{said} Nor is there a request with this id, or a dead letter: {'; '.join(hints)}"


async def _dead_letter(log: Log, name: str, tenant: str | None, since_ms: int | None) -> str | None:
    """Whatever mentions the id there, in any partition: records with a wrong key are in another tenant's."""
    ranges = await (log.bounds(DEAD_LETTERS.name) if since_ms is None else log.since(DEAD_LETTERS.name, since_ms))
    needle = name.encode()
    async for records in log.batches(DEAD_LETTERS.name, ranges):
        for record in records:
            if needle not in (record.value or b""):
                continue
            try:
                letter = wire.decode(DEAD_LETTERS.name, record.value)
            except BadRecordError:
                continue
            if letter.topic == CONTEXTS.name and _is_it(letter.value, name, tenant):
                where = f"{printable(letter.topic)} partition {letter.partition}, offset {letter.offset}"
                why = f"{printable(letter.reason)}: {printable(letter.detail)}"
                return f"A request with this id was refused: {why} ({where}, {iso(letter.timestamp_ms)})."
    return None


async def _waiting(log: Log, name: str, tenant: str | None, since_ms: int | None) -> str | None:
    numbers = None if tenant is None else [partition(tenant, log.partitions(CONTEXTS.name))]
    ranges = await (
        log.bounds(CONTEXTS.name, numbers) if since_ms is None else log.since(CONTEXTS.name, since_ms, numbers)
    )
    needle = name.encode()
    async for records in log.batches(CONTEXTS.name, ranges):
        for record in records:
            context = _context(record.value) if needle in (record.value or b"") else None
            if context is not None and context.id == name and tenant in (None, context.tenant):
                return (
                    f"Its request is in {CONTEXTS.name} (partition {record.partition}, offset {record.offset}, "
                    f"{iso(record.timestamp)}) and not decided yet: `croupier status` says whether workers run."
                )
    return None


def _is_it(value: bytes | None, name: str, tenant: str | None) -> bool:
    """Whether a refused record is the request; of one that cannot be decoded it is enough that the id is in it."""
    context = _context(value)
    if context is None:
        return wire.encode(name) in (value or b"")
    return context.id == name and tenant in (None, context.tenant)


def _context(value: bytes | None) -> Context | None:
    try:
        event = wire.decode(CONTEXTS.name, value)
    except BadRecordError:
        return None
    return event if isinstance(event, Context) else None
