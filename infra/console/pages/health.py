"""Health: lag, partitions, processes, checkpoints, alarms, dead letters."""

import msgspec

from infra.status.report import GroupReport, Report

from ..rendering import View
from ..roles import Person
from ..site import Asked, Page

#: More partitions than this are not listed one by one unless records wait in them.
_SHOWN = 64


async def health(asked: Asked) -> View:
    """As `croupier status` says it; who sees some tenants only, sees no processes and no other's alarms."""
    found = asked.console.deployment.report
    if found is None:
        return View("health.html", {"report": None, "partitions": [], "hidden": 0, "lags": {}})
    shown = _partitions(found)
    lags = {group.role: _lag_by_topic(group) for group in found.groups}
    context = {"partitions": shown, "hidden": found.partitions - len(shown), "lags": lags}
    return View("health.html", {**context, "report": within(found, asked.person)})


def within(found: Report, person: Person) -> Report:
    """As much of it as somebody may see."""
    if person.everywhere:
        return found
    return msgspec.structs.replace(
        found,
        alarms=[each for each in found.alarms if person.sees(each.tenant)],
        alarms_untold=0,
        processes=[],
        notes=[],
        last_dead_letter=None,
        tenants={name: tally for name, tally in found.tenants.items() if person.sees(name)},
        domains=[each for each in found.domains if person.sees(each.get("tenant"))],
    )


def _partitions(found: Report) -> list[dict[str, object]]:
    """Of each partition: what waits in it, by role and topic, and whose it is."""
    lags = {(g.role, place.topic, place.partition): place.lag for g in found.groups for place in g.partitions}
    rows: list[dict[str, object]] = []
    for number in range(found.partitions):
        waits = {(role, topic): lag for (role, topic, n), lag in lags.items() if n == number}
        if found.partitions <= _SHOWN or any(waits.values()):
            owners = {group.role: _owner(found, group, number) for group in found.groups}
            rows.append({"number": number, "waits": waits, "owners": owners})
    return rows


def _owner(found: Report, group: GroupReport, number: int) -> str:
    for process in found.processes:
        if process.role == group.role and process.state == "running" and number in process.partitions:
            return str(process.pid)
    return group.owners.get(number, "nobody")


def _lag_by_topic(group: GroupReport) -> dict[str, int]:
    lags: dict[str, int] = {}
    for place in group.partitions:
        lags[place.topic] = lags.get(place.topic, 0) + place.lag
    return lags


PAGES = (Page("/health", health, live=True),)
