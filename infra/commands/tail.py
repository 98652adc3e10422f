"""`croupier tail`: the events of a topic, as they come or from the log."""

import itertools
import re
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.connection import bootstrap_servers
from schemas.topics import ALL, BY_NAME, DEAD_LETTERS, KPIS, SPECS

from .exits import explained, run
from .options import AsJson, Bootstrap, Prefix
from .printing import print_json, print_line

if TYPE_CHECKING:
    from infra.reading.log import Log

_EVENTS = tuple(topic.name for topic in ALL if topic.key != "state")
_LAST = re.compile(r"-(\d{1,9})")


def _topic(name: str) -> str:
    if name in BY_NAME and name not in _EVENTS:
        raise typer.BadParameter(f"{name} holds a stage's state, not events; choose from {', '.join(_EVENTS)}.")
    if name not in _EVENTS:
        raise typer.BadParameter(f"there is no topic {name!r}; choose from {', '.join(_EVENTS)}.")
    return name


def _start(text: str) -> str:
    if text not in ("beginning", "end") and not _LAST.fullmatch(text):
        raise typer.BadParameter(f"{text!r} is not beginning, end or -N (the last N events, e.g. -20).")
    return text


def tail(
    topic: Annotated[
        str, typer.Argument(callback=_topic, help=f"One of {', '.join(_EVENTS)}.", metavar="TOPIC", show_default=False)
    ],
    start: Annotated[
        str, typer.Option("--from", callback=_start, help="beginning, end, or -N: the last N.", metavar="WHERE")
    ] = "-10",
    tenant: Annotated[
        str | None, typer.Option("--tenant", help="Only this tenant's events.", show_default=False)
    ] = None,
    count: Annotated[
        int | None, typer.Option("--count", min=0, help="End after so many events.", show_default=False)
    ] = None,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Go on with what comes, until Ctrl-C.")] = True,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    as_json: AsJson = False,
) -> None:
    """Show the events of a topic, one a line; what is no event is shown with the reason.

    With --json an object a line: packed numbers as lists, other bytes as base64.
    """
    with explained(as_json=as_json):
        run(_tail(bootstrap_servers(bootstrap), prefix, topic, start, tenant, count, follow, as_json))


async def _tail(
    bootstrap: str,
    prefix: str,
    topic: str,
    start: str,
    tenant: str | None,
    count: int | None,
    follow: bool,
    as_json: bool,
) -> None:
    from infra.readable.line import line
    from infra.readable.plain import plain_record
    from infra.reading.log import Log

    numbers = itertools.count(1)
    if count == 0:
        return
    async with Log.open(bootstrap, prefix) as log:
        async for record in _records(log, topic, start, _of(topic, tenant), _partition(log, topic, tenant), follow):
            print_json(plain_record(topic, record)) if as_json else print_line(line(topic, record))
            if next(numbers) == count:
                return


async def _records(
    log: "Log", topic: str, start: str, wanted: Callable[[Any], bool], numbers: list[int] | None, follow: bool
) -> AsyncIterator[Any]:
    from infra.reading.latest import latest

    bounds = await log.bounds(topic, numbers)
    if start == "beginning":
        async for record in log.merged(topic, bounds):
            if wanted(record):
                yield record
    elif last := _LAST.fullmatch(start):
        for record in await latest(log, topic, bounds, int(last[1]), wanted):
            yield record
    if follow:
        async for record in log.follow(topic, {number: end for number, (_, end) in bounds.items()}):
            if wanted(record):
                yield record


def _partition(log: "Log", topic: str, tenant: str | None) -> list[int] | None:
    """Where a tenant's records are.  A dead letter is in the partition of what it was, whatever its key."""
    from schemas.partitioning import partition

    if tenant is None or topic in (SPECS.name, DEAD_LETTERS.name):
        return None
    return [partition(tenant, log.partitions(topic))]


def _of(topic: str, tenant: str | None) -> Callable[[Any], bool]:
    """Whether a record is a tenant's, by its key."""
    from infra.domains.publish import specs_key

    if tenant is None:
        return lambda record: True
    if topic == SPECS.name:
        prefix = specs_key(tenant, "")
        return lambda record: (record.key or b"").startswith(prefix)
    key = tenant.encode()
    if topic == KPIS.name:
        from stream_workers.analytics.bucket import tenant_prefix

        of_bucket = tenant_prefix(tenant)
        return lambda record: record.key == key or (record.key or b"").startswith(of_bucket)
    return lambda record: bool(record.key == key)
