"""Decisions: searched, and one explained from its request to its reward."""

import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from starlette.responses import RedirectResponse

from infra.domains.duration import parse_duration
from infra.explain.absent import absent
from infra.explain.explanation import explain
from infra.explain.gather import gather
from infra.explain.words import BECAME, sentences
from infra.readable.line import shares
from infra.reading.latest import latest
from infra.reading.log import Log
from schemas import wire
from schemas.errors import BadRecordError, CroupierError
from schemas.events import Decision
from schemas.joining import EARLY_MS, REMEMBER_MS
from schemas.partitioning import partition
from schemas.topics import DECISIONS
from stream_workers.joining.rules import Spans

from ..deployment import within_patience
from ..rendering import View, address
from ..roles import Person
from ..site import Asked, Page

_LISTED: Final = 50
_SPANS: Final = ("15m", "1h", "6h", "1d", "7d")
_PATIENCE_S: Final = 20.0
#: A tenant's decisions are in one partition: who sees so many or fewer has only theirs read.
_PICKED: Final = 16


class Found(NamedTuple):
    """A decision in a list."""

    at_ms: int
    decision: Decision
    probability: float | None
    explored: bool  # another arm was likelier


class Wanted(NamedTuple):
    """What somebody looks for; None: whatever it is."""

    tenant: str | None
    domain: str | None
    arm: str | None
    policy: str | None
    unit: str | None
    explored: bool

    def fits(self, decision: Decision) -> bool:
        """Whether a decision is one of those."""
        pairs = (
            (self.tenant, decision.tenant), (self.domain, decision.domain), (self.policy, decision.policy),
            (self.unit, decision.unit),
        )  # fmt: skip
        return all(wanted in (None, is_) for wanted, is_ in pairs) and self.arm in (None, decision.arm)


async def search(asked: Asked) -> Any:
    """The last decisions that fit."""
    if (name := asked.query("id")) is not None:
        return RedirectResponse(address("/decision", id=name.strip(), tenant=asked.query("tenant")), 303)
    wanted = Wanted(
        asked.query("tenant"), asked.query("domain"), asked.query("arm"), asked.query("policy"), asked.query("unit"),
        bool(asked.query("explored")),
    )  # fmt: skip
    if wanted.tenant is not None:
        asked.tenant(wanted.tenant)
    since = asked.query("since")
    since = since if since in _SPANS else "1h"
    context = {
        "wanted": wanted, "since": since, "spans": _SPANS, "most": _LISTED,
        "tenants": asked.console.tenants(asked.person),
    }  # fmt: skip
    async with within_patience(_PATIENCE_S), asked.console.deployment.log() as log:
        ago = parse_duration(since) or 0
        ranges = await log.since(DECISIONS.name, _now_ms() - ago, _numbers(log, asked.person, wanted.tenant))
        records = await latest(log, DECISIONS.name, ranges, _LISTED, _fits(wanted, asked.person))
    return View("decisions.html", {**context, "found": [_found(record) for record in reversed(records)]})


async def one(asked: Asked) -> View:
    """Why it was made, and what came of it."""
    name, tenant = asked.query("id"), asked.query("tenant")
    if name is None:
        raise CroupierError("No decision is named: give its id.")
    if tenant is not None or not asked.person.everywhere:
        tenant = asked.tenant(tenant or _only(asked.person))
    spans = Spans(EARLY_MS, REMEMBER_MS)
    async with within_patience(_PATIENCE_S), asked.console.deployment.log() as log:
        evidence = await gather(log, name, tenant, None, spans, lambda *_: None)
        if evidence is None:
            why = await absent(log, name, tenant, None)
            return View("absent.html", {"id": name, "why": why}, 404)
    found = explain(evidence, spans, _now_ms())
    widest = max(arm.probability for arm in found.arms) or 1.0
    request = evidence.context
    return View(
        "decision.html",
        {
            "e": found, "said": sentences(found), "became": BECAME, "widest": widest,
            "asked_at": None if request is None else request.appended_at,
            "eligible": None if request is None else request.event.eligible,
        },
    )  # fmt: skip


def _only(person: Person) -> str | None:
    """The tenant of somebody who sees one."""
    return person.tenants[0] if person.tenants is not None and len(person.tenants) == 1 else None


def _numbers(log: Log, person: Person, tenant: str | None) -> list[int] | None:
    tenants = (tenant,) if tenant is not None else person.tenants
    if tenants is None or len(tenants) > _PICKED:
        return None
    return sorted({partition(each, log.partitions(DECISIONS.name)) for each in tenants})


def _fits(wanted: Wanted, person: Person) -> Callable[[Any], bool]:
    def fits(record: Any) -> bool:
        decision = _decision(record)
        return (
            decision is not None
            and person.sees(decision.tenant)
            and wanted.fits(decision)
            and (not wanted.explored or _found(record).explored)
        )

    return fits


def _decision(record: Any) -> Decision | None:
    try:
        event = wire.decode(DECISIONS.name, record.value)
    except BadRecordError:
        return None
    return event if isinstance(event, Decision) and event.choice < len(event.arms) else None


def _found(record: Any) -> Found:
    decision = _decision(record)
    assert decision is not None, "only such records are picked"
    probability = dict(shares(decision.arms, decision.propensities)).get(decision.arm)
    whole = len(decision.propensities) == 4 * len(decision.arms)
    likeliest = float(np.frombuffer(decision.propensities, "<f4").max()) if whole else None
    explored = probability is not None and likeliest is not None and np.float32(probability) < np.float32(likeliest)
    return Found(record.timestamp, decision, probability, bool(explored))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


PAGES = (Page("/decisions", search, live=True, pace=3), Page("/decision", one))
