"""`croupier export` and `croupier sql`: the log as Parquet, and DuckDB on it."""

import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.connection import bootstrap_servers
from schemas.errors import CroupierError

from .exits import explained, run
from .options import AsJson, Bootstrap, Prefix
from .printing import complain, print_json, say, show, working

_Directory = Annotated[Path, typer.Argument(help="Of the export.", metavar="DIR", show_default=False)]


def export(
    directory: _Directory,
    topic: Annotated[
        list[str] | None,
        typer.Option("--topic", help="decisions, outcomes or kpis; again for several. Else all.", show_default=False),
    ] = None,
    most: Annotated[int, typer.Option("--rows", min=1, help="Of a file at most.")] = 50_000,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    as_json: AsJson = False,
) -> None:
    """Write decisions, outcomes and KPIs to Parquet files, partitioned by topic, day and partition.

    Goes on where the last export into the same directory ended; each record is there once, also when it was killed.
    """
    with explained(as_json=as_json):
        _needs_analyst()
        from infra.export.rows import TOPICS
        from infra.export.run import run as run_export

        if unknown := sorted(set(topic or ()) - set(TOPICS)):
            raise typer.BadParameter(f"{unknown[0]!r} is not exported; choose from {', '.join(TOPICS)}.")
        with working("exporting") as progress:
            done = run(
                run_export(
                    bootstrap_servers(bootstrap), prefix, directory, topic or TOPICS, most,
                    lambda name, records: progress(f"exporting {name}: {records:,} records"),
                )
            )  # fmt: skip
    if as_json:
        import msgspec

        print_json({each.topic: msgspec.to_builtins(each) for each in done})
        return
    for each in done:
        lost = f"; {each.lost:,} offsets were gone before" if each.lost and each.topic != "kpis" else ""
        say(f"{each.topic}: {each.records:,} records in {each.files:,} new files{lost}")


def sql(
    directory: _Directory,
    query: Annotated[
        str | None, typer.Argument(help="One query; else queries are read, each ended by ;", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask an export in SQL: DuckDB with the views decisions, outcomes, specifications and kpis.

    The views show what counts; DECISIONS_records, OUTCOMES_records and KPIS_records every record.
    """
    with explained(as_json=as_json):
        _needs_analyst()
        from infra.export.views import VIEWS, connect

        connection = connect(directory)
        if query is not None:
            _answer(connection, query, as_json=as_json)
            return
    if sys.stdin.isatty():
        for name, (what, _) in VIEWS.items():
            say(f"{name}: {what}")
        say("End a query with ; and leave with Ctrl-D.")
    for each in _queries():
        try:
            _answer(connection, each, as_json=as_json)
        except CroupierError as error:
            complain(str(error))


def _queries() -> Iterable[str]:
    text = ""
    while True:
        if sys.stdin.isatty():
            typer.echo("... " if text else "sql> ", nl=False)
        line = sys.stdin.readline()
        text += line
        if text.strip() and (text.rstrip().endswith(";") or not line):
            yield text
            text = ""
        if not line:
            return


def _answer(connection: Any, query: str, *, as_json: bool) -> None:
    import duckdb

    try:
        found = connection.execute(query)
        columns = [each[0] for each in found.description or ()]
        rows = found.fetchall()
    except duckdb.Error as error:
        raise CroupierError(str(error)) from None
    if as_json:
        import msgspec

        for row in rows:
            print_json(msgspec.to_builtins(dict(zip(columns, row, strict=True)), builtin_types=(), enc_hook=str))
        return
    from rich.table import Table

    from infra.readable.characters import printable

    table = Table(*map(printable, columns))
    for row in rows:
        table.add_row(*("" if value is None else printable(str(value)) for value in row))
    show(table)


def _needs_analyst() -> None:
    try:
        for name in ("duckdb", "pyarrow"):
            import_module(name)
    except ImportError as error:
        raise CroupierError(
            f"{error.name} is not installed: this command needs `pip install croupier[analyst]`"
        ) from None
