"""`croupier kpis`: how a tenant's decisions do, against its targets."""

from pathlib import Path
from typing import Annotated

import typer

from infra.connection import bootstrap_servers

from .exits import explained, run
from .options import AsJson, Bootstrap, Prefix
from .printing import print_json, show, working


def kpis(
    tenant: Annotated[str, typer.Argument(help="Whose.", metavar="TENANT", show_default=False)],
    domain: Annotated[str | None, typer.Argument(help="Of one domain.", metavar="[DOMAIN]", show_default=False)] = None,
    window: Annotated[str, typer.Option("--window", help="Until now, e.g. 30m, 24h, 7d.", metavar="WINDOW")] = "24h",
    targets: Annotated[
        Path | None,
        typer.Option("--targets", help="A file of targets; else examples/targets.toml.", metavar="FILE"),
    ] = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    as_json: AsJson = False,
) -> None:
    """Show KPIs by domain and arm, and each target with its status and error budget.

    docs/kpis.md says what each number means and which sums it is made of.
    """
    from infra.kpis.report import read_report
    from infra.kpis.targets import EXAMPLE, read_targets

    with explained(as_json=as_json):
        wanted = read_targets(targets or EXAMPLE)
        with working("reading KPIs"):
            found = run(read_report(bootstrap_servers(bootstrap), prefix, tenant, domain, window, wanted))
    if as_json:
        print_json(found.as_json())
    else:
        from infra.kpis.tables import tables

        show(tables(found))
