"""`croupier demo`: everything at once, on recorded traffic, in minutes."""

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from infra.commands.exits import Exit
from infra.commands.options import AsJson
from infra.commands.printing import complain, print_json

if TYPE_CHECKING:
    from infra.demo import DemoResult
    from producers.replay.report import PlayReport


def demo(
    domains: Annotated[Path, typer.Option("--domains", help="Domain file.")] = Path("examples/domains.toml"),
    interactions: Annotated[int, typer.Option("--interactions", "-n", min=1)] = 24_000,
    rate: Annotated[float, typer.Option("--rate", min=1.0, help="Contexts per second.")] = 400.0,
    seed: Annotated[int, typer.Option("--seed")] = 1,
    workers: Annotated[int, typer.Option("--workers", min=1)] = 2,
    kill: Annotated[bool, typer.Option("--kill", help="SIGKILL one worker in mid-run.")] = False,
    as_json: AsJson = False,
) -> None:
    """Start Kafka, workers and analytics, play recorded traffic, and show what was decided, learned and lost."""
    from infra.demo import run_demo

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what matters of it is in our errors
    console = Console(stderr=as_json)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    ) as bars:
        contexts = bars.add_task("contexts sent   ", total=interactions)
        decisions = bars.add_task("decisions read  ", total=interactions)
        rewards = bars.add_task("rewards sent    ", total=None)

        def show(report: "PlayReport") -> None:
            bars.update(contexts, completed=report.contexts)
            bars.update(decisions, completed=report.decisions)
            bars.update(rewards, completed=report.rewards)

        def say(text: str) -> None:
            bars.console.print(text, markup=False, highlight=False)

        result = asyncio.run(
            run_demo(
                domains, interactions=interactions, rate=rate, seed=seed, kill=kill, workers=workers,
                say=say, progress=show,
            )
        )  # fmt: skip
    if as_json:
        print_json(result.as_json())
    else:
        _print(result, console)
    for problem in result.verdict.problems:
        complain(problem)
    if not result.verdict.ok:
        raise typer.Exit(Exit.WRONG)


_LOOK: dict[str, Any] = {"box": SIMPLE, "padding": (0, 0, 0, 1), "pad_edge": False, "title_justify": "left"}


def _print(result: "DemoResult", console: Console) -> None:
    quality = Table(title="Mean reward; * what simple policies would have earned on the same requests", **_LOOK)
    quality.add_column("tenant and domain", no_wrap=True)
    for name in ("n", "reward", "best*", "strong*", "cheap*", "unif.*", "$/1000"):
        quality.add_column(name, justify="right", no_wrap=True)
    flow = Table(title="What the topics hold, counted by an independent reader", **_LOOK)
    flow.add_column("tenant", no_wrap=True)
    for name in ("p50 ms", "p99 ms", "joined", "late", "twice", "orphan", "lost", "dead"):
        flow.add_column(name, justify="right", no_wrap=True)
    for row in result.rows:
        known = row.hindsight
        style = "bold green" if row.reward >= known.best_fixed else "bold"
        quality.add_row(
            row.tenant, f"{row.interactions}", f"[{style}]{row.reward:.4f}[/]", f"{known.best_fixed:.4f}",
            f"{known.strongest:.4f}", f"{known.cheapest:.4f}", f"{known.uniform:.4f}",
            "-" if row.cost is None else f"{1000 * row.cost:.3f}",
        )  # fmt: skip
        quality.add_row(f"  [dim]{row.domain}[/]", *[""] * 7)
        flow.add_row(
            row.tenant, f"{row.latency_ms_p50:.0f}", f"{row.latency_ms_p99:.0f}", f"{row.joined}", f"{row.late}",
            f"{row.duplicate}", f"{row.orphan}", f"{row.decisions_lost}", f"{row.dead_letters}",
        )  # fmt: skip
    console.print(quality)
    console.print(
        "* in hindsight, from the recorded results of every arm; the policy saw only what came of its own choices. "
        "strong, cheap: the highest and lowest price, the mean over ties. stand-in-...: data of another origin in "
        "the form of such a domain.\n",
        style="dim",
    )
    console.print(flow)
    a = result.verdict
    console.print(
        f"{a.contexts} contexts, {a.decisions} decisions, {a.outcomes} outcomes: "
        f"[bold]{a.decisions_lost} decisions lost, {a.outcomes_doubled} outcomes doubled[/], "
        f"{a.outcomes_missing} missing, {a.outcomes_wrong} wrong"
        f"{', with one worker killed' if result.killed else ''}. {result.seconds:.0f} s"
    )
