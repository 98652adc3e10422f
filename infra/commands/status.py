"""`croupier status`: is it running, how far is it, and what has been learned."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

import typer

from infra.connection import bootstrap_servers, home

from .exits import Exit, explained, run
from .options import AsJson, Bootstrap, Prefix
from .printing import live, print_json, show

if TYPE_CHECKING:
    from infra.status.report import Report


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Again and again, until Ctrl-C.")] = False,
    interval: Annotated[
        float, typer.Option("--interval", min=0.1, help="Seconds over which rates are measured.")
    ] = 1.0,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    as_json: AsJson = False,
) -> None:
    """Show lag, throughput, who owns which partitions, dead letters, tallies by tenant and what each domain learned.

    Exits with 3 when something is not healthy, and says what.
    """
    with explained(as_json=as_json):
        servers = bootstrap_servers(bootstrap)
        if watch:
            run(_watch(servers, prefix, interval, as_json=as_json))
            return
        found = run(_once(servers, prefix, interval))
    if as_json:
        _print(found)
    else:
        from infra.status.tables import tables

        show(tables(found))
    if not found.healthy:
        raise typer.Exit(Exit.NOT_IN_TIME)


async def _once(servers: str, prefix: str, interval: float) -> "Report":
    async with aclosing(_reports(servers, prefix, interval)) as reports:
        return await anext(reports)


async def _watch(servers: str, prefix: str, interval: float, *, as_json: bool) -> None:
    from infra.status.tables import tables

    if as_json:
        async for found in _reports(servers, prefix, interval):
            _print(found)
        return
    with live() as update:
        async for found in _reports(servers, prefix, interval):
            update(tables(found))


async def _reports(servers: str, prefix: str, interval: float) -> AsyncGenerator["Report", None]:
    """One report an interval, the first after one interval."""
    from infra.domains import clients
    from infra.reading.log import Log
    from infra.status.processes import processes
    from infra.status.report import report
    from infra.status.sample import take

    directory = home() / "run"
    async with Log.open(servers, prefix) as log, clients.admin(servers) as admin:
        before = await take(log, admin, prefix)
        while True:
            await asyncio.sleep(interval)
            after = await take(log, admin, prefix)
            yield report(before, after, await processes(directory, prefix), prefix, str(directory))
            before = after


def _print(found: "Report") -> None:
    import msgspec

    print_json(msgspec.to_builtins(found, str_keys=True))
