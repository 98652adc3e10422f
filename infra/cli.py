"""The command line: `croupier`.  A module of `infra.commands` for each command; here they are put together."""

from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from infra.commands import (
    bot,
    console,
    demo,
    domains,
    evaluate,
    explain,
    export,
    fleet,
    kpis,
    monitoring,
    privacy,
    replay,
    roi,
    status,
    tail,
    topics,
    up,
    verify,
    worker,
)
from infra.commands.exits import exit_code
from infra.commands.printing import complain
from schemas.errors import CroupierError

_HELP = """Decide which option to take, learn from the feedback that comes back, and prove what it is worth.

\b
croupier demo                 all of it on recorded traffic, in minutes
croupier up                   a deployment on this machine, until Ctrl-C
croupier bot                  the Discord bot; with --check: is all there
croupier domains apply FILE   say what is to be decided and what is good
croupier console              all of it in a browser
croupier status               is it running, how far, what is it worth
croupier tail decisions       watch it decide
croupier explain DECISION_ID  why this arm, and what came of it
croupier evaluate TENANT DOMAIN  what would another policy have earned
croupier verify               prove that nothing is lost or doubled

\b
Exit codes: 0 done, 1 wrong input, 2 wrong usage, 3 not in time or not
healthy, 4 no broker or not its topics, 130 interrupted. A worker that ends
itself: 70 failed, 75 lost its lease; a restart is safe after both.
"""


class ExplainedGroup(TyperGroup):
    """The errors this project raises on purpose end a command with their sentence, not a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except CroupierError as error:
            complain(str(error))
            raise typer.Exit(exit_code(error)) from None


app = typer.Typer(
    name="croupier",
    cls=ExplainedGroup,
    help=_HELP,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # they hold connection settings and records
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"croupier {version('croupier')}")
        raise typer.Exit


@app.callback()
def _top(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


app.add_typer(domains.app, name="domains")
app.add_typer(topics.app, name="topics")
app.add_typer(fleet.app, name="fleet")
app.add_typer(privacy.app, name="privacy")
app.add_typer(monitoring.app, name="monitoring")
app.add_typer(console.app, name="console")
app.command()(tail.tail)
app.command()(explain.explain)
app.command()(evaluate.evaluate)
app.command()(kpis.kpis)
app.command()(export.export)
app.command()(export.sql)
app.command()(roi.roi)
app.command()(status.status)
app.command()(verify.verify)
app.command()(up.up)
app.command()(bot.bot)
app.command()(worker.worker)
app.command()(worker.analytics)
app.command()(replay.replay)
app.command()(demo.demo)


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
