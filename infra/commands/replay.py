"""`croupier replay`: recorded traffic, played as live traffic on a running deployment."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from infra.commands.options import AsJson, Bootstrap, Prefix
from infra.commands.printing import print_json, say
from infra.connection import bootstrap_servers


def replay(
    domains: Annotated[Path, typer.Argument(help="Domain file; it must declare the recorded tenants.")] = Path(
        "examples/domains.toml"
    ),
    interactions: Annotated[int, typer.Option("--interactions", "-n", min=1)] = 20_000,
    rate: Annotated[float, typer.Option("--rate", min=0.1, help="Contexts per second, over all tenants.")] = 400.0,
    seed: Annotated[int, typer.Option("--seed", help="Rows, order and feedback are a function of it.")] = 1,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    as_json: AsJson = False,
) -> None:
    """Send recorded requests, and the recorded result of the arm chosen for each: late, twice or never."""
    from infra.domains.file import read_domains
    from infra.traffic import recordings_for
    from producers.replay.player import play
    from producers.replay.report import PlayReport

    recordings = recordings_for(read_domains(domains))
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), disable=as_json
    ) as bars:
        contexts = bars.add_task("contexts", total=interactions)
        decisions = bars.add_task("decisions", total=interactions)

        def show(report: PlayReport) -> None:
            bars.update(contexts, completed=report.contexts)
            bars.update(decisions, completed=report.decisions)

        report = asyncio.run(
            play(
                bootstrap_servers(bootstrap), prefix, recordings,
                interactions=interactions, rate=rate, seed=seed, progress=show,
            )
        )  # fmt: skip
    if as_json:
        print_json(
            {"contexts": report.contexts, "decisions": report.decisions, "rewards": report.rewards, "run": report.run}
        )
    else:
        say(f"{report.contexts} contexts, {report.decisions} decisions, {report.rewards} rewards (run {report.run})")
    if report.undecided:
        raise typer.Exit(3)
