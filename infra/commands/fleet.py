"""`croupier fleet`: what opted-in tenants have in common, published with noise; and what that has given away."""

from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from infra.connection import bootstrap_servers
from schemas.events import FleetStatistics

from . import printing
from .exits import explained, run
from .options import AsJson, Bootstrap, Prefix
from .printing import print_json, say

app = typer.Typer(help="What tenants that opted in have in common, as a start for new ones.", no_args_is_help=True)


@app.command()
def publish(
    domain: Annotated[str | None, typer.Option("--domain", help="Only this one.", show_default=False)] = None,
    epsilon: Annotated[float, typer.Option("--epsilon", help="What each record may give away of a tenant.")] = 1.0,
    delta: Annotated[float, typer.Option("--delta", help="The probability that goes with it.")] = 1e-6,
    budget: Annotated[float, typer.Option("--budget", help="Epsilon of all records together.")] = 4.0,
    minimum: Annotated[int, typer.Option("--minimum", help="Tenants that there must be.")] = 20,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be published.")] = False,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    as_json: AsJson = False,
) -> None:
    """Publish, for every domain with enough opted-in tenants, their clipped and summed models with noise."""
    from infra.fleet.publish import Terms, append, plan

    with explained(as_json=as_json):
        servers = bootstrap_servers(bootstrap)
        made = run(plan(servers, prefix, Terms(epsilon, delta, budget, minimum), domain))
        if not dry_run:
            run(append(servers, prefix, made.records))
    if as_json:
        told = [_plain(each) for each in made.records]
        print_json({"records": told, "passed_over": list(made.passed_over), "epsilon": made.spent, "delta": delta,
                    "published": not dry_run})  # fmt: skip
        return
    if made.records:
        printing.show(_table(made.records))
    for each in made.passed_over:
        say(f"Not published: {each}.")
    say(
        f"{'Would be' if dry_run else 'Now'} given away of any one tenant, by all records: epsilon {made.spent:.2f} at "
        f"delta {delta:g}, of {budget:g}."
    )


@app.command()
def show(
    delta: Annotated[float, typer.Option("--delta", help="For which epsilon is told.")] = 1e-6,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    as_json: AsJson = False,
) -> None:
    """Show what was published, and what all of it gives away of any one tenant."""
    from infra.fleet.publish import read
    from stream_workers.bandits.privacy import composed, epsilon_of

    with explained(as_json=as_json):
        records = run(read(bootstrap_servers(bootstrap), prefix))
    spent = epsilon_of(composed(each.mu for each in records), delta)
    if as_json:
        print_json({"records": [_plain(each) for each in records], "epsilon": spent, "delta": delta})
        return
    if not records:
        say("Nothing was published. Tenants opt in with fleet = true; then: croupier fleet publish")
        return
    printing.show(_table(records))
    say(f"Given away of any one tenant, by all records: epsilon {spent:.2f} at delta {delta:g}.")


def _table(records: tuple[FleetStatistics, ...] | list[FleetStatistics]) -> Table:
    table = Table("domain", "features", "arms", "tenants", "what", "epsilon", box=box.SIMPLE_HEAD)
    for each in records:
        what = "levels and slopes" if each.slopes else "levels"
        cells = (each.domain, str(each.features), str(len(each.arms)), str(each.tenants), what, f"{each.epsilon:g}")
        table.add_row(*map(Text, cells))
    return table


def _plain(record: FleetStatistics) -> dict[str, Any]:
    return {
        "domain": record.domain, "features": record.features, "arms": list(record.arms), "tenants": record.tenants,
        "slopes": bool(record.slopes), "noise": list(record.noise), "mu": record.mu, "epsilon": record.epsilon,
        "delta": record.delta,
    }  # fmt: skip
