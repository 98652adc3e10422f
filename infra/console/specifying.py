"""Specifications in the console: their history, what a text would change, and bringing it into force."""

import asyncio
import difflib
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from infra.domains.changes import differences
from infra.domains.file import parse
from infra.domains.problems import Problem
from infra.domains.publish import Key, Published, apply_specs, read_latest, specs_key
from infra.domains.written import to_toml
from infra.reading.log import Log
from schemas import wire
from schemas.domains import DomainSpec
from schemas.errors import BadRecordError
from schemas.events import SpecChange
from schemas.topics import SPECS

from .audit import Trail
from .deployment import Deployment

FILE: Final = "specification"
APPLIED: Final = "specification-applied"
REMOVED: Final = "domain-removed"
#: An audit entry is written that long before its version at most.
_NEAR_MS: Final = 120_000


class Line(NamedTuple):
    """One line of a comparison."""

    mark: str  # "+", "-", " " or "@"
    text: str


class Change(NamedTuple):
    """What a text does to one domain."""

    key: Key
    version: int | None  # in force now; None: there is none
    words: list[str]  # empty: nothing changes
    lines: list[Line]


class Checked(NamedTuple):
    """A text, read."""

    specs: Sequence[DomainSpec]
    problems: Sequence[Problem]


class Version(NamedTuple):
    """What a domain's specification was."""

    version: int | None  # None: compaction has taken it from `specs`; the audit log has it
    at_ms: int
    who: str | None  # None: not by this console
    spec: DomainSpec | None  # None: it was removed
    entry: int | None  # offset in the audit log
    words: list[str]  # what it changed, as far as the one before it is known


def check(text: str) -> Checked:
    """The specifications of a text, or every problem with its line."""
    specs, problems = parse(text.replace("\r\n", "\n"), FILE)
    return Checked(specs, problems)


def changes(specs: Sequence[DomainSpec], latest: dict[Key, tuple[int, DomainSpec | None]]) -> list[Change]:
    """What they would change, domain by domain."""
    found = []
    for spec in specs:
        key = (spec.tenant, spec.domain)
        version, old = latest.get(key, (None, None))
        lines = compared(old, spec)
        found.append(Change(key, version, differences(old, spec), lines))
    return found


def compared(old: DomainSpec | None, new: DomainSpec | None) -> list[Line]:
    """Two specifications, line by line as they would be written."""
    before, after = ([] if each is None else to_toml([each]).splitlines() for each in (old, new))
    lines = list(difflib.unified_diff(before, after, lineterm=""))[2:]
    return [Line(line[0], line[1:]) for line in lines]


async def bring_into_force(deployment: Deployment, specs: Sequence[DomainSpec]) -> list[Published]:
    """As `croupier domains apply` does it: new domains that opted in begin with the fleet's prior."""
    servers, prefix = deployment.servers, deployment.prefix
    latest = await read_latest(servers, prefix)
    priors: dict[Key, dict[str, bytes]] = {}
    if any(spec.fleet and latest.get((spec.tenant, spec.domain), (0, None))[1] is None for spec in specs):
        from infra.fleet.publish import read
        from infra.fleet.take import take  # compiled kernels: only who begins with a fleet's prior waits

        records = await read(servers, prefix)
        for each in await asyncio.to_thread(take, specs, latest, records, {}):
            priors[each.key] = each.priors
    return await apply_specs(servers, prefix, specs, priors)


async def history(log: Log, trail: Trail, tenant: str, domain: str) -> list[Version]:
    """The versions of a domain that can still be read, newest first: of `specs`, and what this console applied."""
    entries = {
        offset: (entry.at_ms, entry.who, None if entry.action == REMOVED else _one(entry.document))
        for offset, entry in trail.entries
        if entry.action in (APPLIED, REMOVED) and entry.target == f"{tenant}/{domain}"
    }
    found: list[Version] = []
    key = specs_key(tenant, domain)
    async for records in log.batches(SPECS.name, await log.bounds(SPECS.name)):
        for record in records:
            change = _change(record) if record.key == key else None
            if change is None:
                continue
            own = [
                offset
                for offset, (at_ms, _, spec) in entries.items()
                if spec == change.spec and 0 <= record.timestamp - at_ms + 1000 <= _NEAR_MS
            ]
            entry = entries.pop(own[0]) if own else None
            who = None if entry is None else entry[1]
            found.append(Version(record.offset, record.timestamp, who, change.spec, own[0] if own else None, []))
    found += [Version(None, at_ms, who, spec, offset, []) for offset, (at_ms, who, spec) in entries.items()]
    found.sort(key=lambda each: each.at_ms)
    told = []
    before: DomainSpec | None = None
    for i, each in enumerate(found):
        words = differences(before, each.spec) if i or each.version == 0 else []
        told.append(each._replace(words=words))
        before = each.spec
    return told[::-1]


def _change(record: Any) -> SpecChange | None:
    try:
        change: SpecChange = wire.decode(SPECS.name, record.value)
    except BadRecordError:
        return None
    return change


def _one(document: str) -> DomainSpec | None:
    specs, problems = parse(document, FILE)
    return specs[0] if specs and not problems else None
