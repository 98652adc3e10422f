"""Finds in the log what there is about a decision."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from infra.readable.characters import printable
from infra.reading.latest import latest
from infra.reading.log import Log
from schemas import wire
from schemas.domains import DomainSpec
from schemas.errors import BadRecordError, CroupierError
from schemas.events import Context, Decision, Outcome, Reward, SpecChange
from schemas.partitioning import partition
from schemas.topics import CONTEXTS, DECISIONS, OUTCOMES, REWARDS, SPECS
from stream_workers.joining.rules import Spans, check_decision, check_key

from .evidence import Evidence, Placed

#: Told the topic and how many of its records were read.
Progress = Callable[[str, int], None]
Event = TypeVar("Event", Context, Decision, Outcome, Reward)

_TAG_WITHIN = 16  # bytes of a record in which its type is


async def gather(
    log: Log, name: str, tenant: str | None, since_ms: int | None, spans: Spans, progress: Progress
) -> Evidence | None:
    """All about the decision with the id `name`; None when there is none.

    tenant: reads one partition of decisions instead of all.  since_ms: reads no decision appended before it.
    CroupierError: several tenants have one with this id.
    """
    uses, repeats = await _decisions(log, name, tenant, since_ms, spans, progress)
    if not uses:
        return None
    placed = uses[-1]
    outcome, later = await _outcome(log, placed, progress)
    return Evidence(
        uses,
        repeats,
        await _context(log, placed),
        await _rewards(log, placed, spans, progress),
        outcome,
        await _spec(log, placed, since_ms),
        later,
    )


async def _decisions(
    log: Log, name: str, tenant: str | None, since_ms: int | None, spans: Spans, progress: Progress
) -> tuple[tuple[Placed[Decision], ...], tuple[Placed[Decision], ...]]:
    """The decisions that count, and the records that repeat the last of them."""
    numbers = None if tenant is None else [partition(tenant, log.partitions(DECISIONS.name))]
    ranges = await _ranges(log, DECISIONS.name, since_ms, numbers)
    by_tenant: dict[str, list[Placed[Decision]]] = {}
    for placed in await _mentions(log, DECISIONS.name, ranges, name, Decision, progress):
        if placed.event.id == name and (tenant is None or placed.event.tenant == tenant):
            by_tenant.setdefault(placed.event.tenant, []).append(placed)
    if len(by_tenant) > 1:
        tenants = ", ".join(map(printable, sorted(by_tenant)))
        raise CroupierError(f"{len(by_tenant)} tenants have a decision {name!r}: {tenants}. Name one with --tenant.")
    uses: list[Placed[Decision]] = []
    repeats: list[Placed[Decision]] = []
    for placed in next(iter(by_tenant.values()), []):
        before = uses[-1] if uses else None
        if before is not None and placed.effective_at <= _forgotten_after(before, spans):
            repeats.append(placed)
        else:
            uses.append(placed)
            repeats = []
    return tuple(uses), tuple(repeats)


async def _context(log: Log, placed: Placed[Decision]) -> Placed[Context] | None:
    decision = placed.event
    record = await log.record(CONTEXTS.name, placed.partition, decision.context_offset)
    if record is None:
        return None
    event = _event(CONTEXTS.name, record, Context)
    if event is None or (event.tenant, event.id) != (decision.tenant, decision.id):
        return None
    return Placed(event, record.partition, record.offset, record.timestamp, record.timestamp)


async def _rewards(log: Log, placed: Placed[Decision], spans: Spans, progress: Progress) -> tuple[Placed[Reward], ...]:
    """From the first moment at which a reward can belong to the decision, to the last."""
    numbers = [placed.partition]
    begin = (await log.since(REWARDS.name, placed.effective_at - spans.early_ms, numbers))[placed.partition][0]
    after = (await log.since(REWARDS.name, _forgotten_after(placed, spans) + 1, numbers))[placed.partition][0]
    decision = placed.event
    found = await _mentions(log, REWARDS.name, {placed.partition: (begin, after)}, decision.id, Reward, progress)
    return tuple(each for each in found if (each.event.tenant, each.event.decision) == (decision.tenant, decision.id))


async def _outcome(
    log: Log, placed: Placed[Decision], progress: Progress
) -> tuple[Placed[Outcome] | None, tuple[int, DomainSpec] | None]:
    """The decision's outcome, and the newest specification between what the policy had learned and the outcome.

    Both are after `learned`: the outcome of a decision is not known when it is made.
    """
    decision, number = placed.event, placed.partition
    begin, end = (await log.bounds(OUTCOMES.name, [number]))[number]
    needle, read = decision.id.encode(), 0
    later: tuple[int, DomainSpec] | None = None
    async for records in log.batches(OUTCOMES.name, {number: (max(begin, decision.learned), end)}):
        read += len(records)
        progress(OUTCOMES.name, read)
        for record in records:
            value = record.value or b""
            if b"spec.1" in value[:_TAG_WITHIN]:
                change = _event(OUTCOMES.name, record, SpecChange)
                newest = decision.spec if later is None else later[0]
                if (
                    change is not None
                    and (change.tenant, change.domain) == (decision.tenant, decision.domain)
                    and change.spec is not None
                    and change.version > newest
                ):
                    later = (change.version, change.spec)
            elif needle in value:
                outcome = _event(OUTCOMES.name, record, Outcome)
                if (
                    outcome is not None
                    and (outcome.decision.tenant, outcome.decision.id) == (decision.tenant, decision.id)
                    and outcome.decision_offset == placed.offset
                ):
                    found = Placed(outcome, number, record.offset, record.timestamp, record.timestamp)
                    return found, later
    return None, None


async def _spec(log: Log, placed: Placed[Decision], since_ms: int | None) -> DomainSpec | None:
    """The specification that decided: its version is its offset in `specs`, until compaction takes it from there."""
    decision, number = placed.event, placed.partition
    owner = (decision.tenant, decision.domain)
    record = await log.record(SPECS.name, 0, decision.spec)
    change: SpecChange | None = None if record is None else _event(SPECS.name, record, SpecChange)
    if change is not None and (change.tenant, change.domain) == owner:
        return change.spec

    def wanted(record: Any) -> bool:
        if b"spec.1" not in (record.value or b"")[:_TAG_WITHIN]:
            return False
        change = _event(OUTCOMES.name, record, SpecChange)
        return change is not None and (change.tenant, change.domain, change.version) == (*owner, decision.spec)

    begin, end = (await _ranges(log, OUTCOMES.name, since_ms, [number]))[number]
    before = await latest(log, OUTCOMES.name, {number: (begin, min(end, decision.learned))}, 1, wanted)
    change = _event(OUTCOMES.name, before[0], SpecChange) if before else None
    return None if change is None else change.spec


async def _ranges(
    log: Log, topic: str, since_ms: int | None, numbers: list[int] | None
) -> Mapping[int, tuple[int, int]]:
    if since_ms is None:
        return await log.bounds(topic, numbers)
    return await log.since(topic, since_ms, numbers)


async def _mentions(
    log: Log,
    topic: str,
    ranges: Mapping[int, tuple[int, int]],
    name: str,
    kind: type[Event],
    progress: Progress,
) -> list[Placed[Event]]:
    """Events of a kind that are valid to the join and whose record contains the id.  Only those are decoded."""
    needle, read = name.encode(), 0
    effective: dict[int, int] = {}
    found: list[Placed[Event]] = []
    async for records in log.batches(topic, ranges):
        read += len(records)
        progress(topic, read)
        for record in records:
            number = record.partition
            effective[number] = max(effective.get(number, record.timestamp), record.timestamp)
            if needle in (record.value or b""):
                event = _event(topic, record, kind)
                if event is not None:
                    found.append(Placed(event, number, record.offset, record.timestamp, effective[number]))
    return found


def _event(topic: str, record: Any, kind: type[Any]) -> Any:
    """The record's event, or None when it is of another kind or one that every reader refuses."""
    try:
        event = wire.decode(topic, record.value)
        if type(event) is not kind:
            return None
        if kind is Decision:
            check_decision(event, len(record.value))
        if topic != SPECS.name:
            check_key(event.decision.tenant if kind is Outcome else event.tenant, record.key)
    except BadRecordError:
        return None
    return event


def _forgotten_after(placed: Placed[Decision], spans: Spans) -> int:
    return spans.forgotten_after(placed.effective_at, placed.event.horizon_ms)
