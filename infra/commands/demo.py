"""`croupier demo`: everything at once, on recorded traffic, in minutes."""

import asyncio
import logging
from contextlib import AsyncExitStack, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from infra.commands.exits import Exit
from infra.commands.options import AsJson
from infra.commands.printing import complain, print_json

if TYPE_CHECKING:
    from infra.demo import DemoResult, Watched
    from infra.rehearsal.demonstration import Shown
    from producers.replay.report import PlayReport


def demo(
    domains: Annotated[Path, typer.Option("--domains", help="Domain file.")] = Path("examples/domains.toml"),
    interactions: Annotated[int, typer.Option("--interactions", "-n", min=1)] = 24_000,
    rate: Annotated[float, typer.Option("--rate", min=1.0, help="Contexts per second.")] = 400.0,
    questions: Annotated[
        int, typer.Option("--questions", min=0, help="That people ask the bot in a local Discord; 0: none.")
    ] = 900,
    asking_rate: Annotated[float, typer.Option("--asking-rate", min=0.1, help="Questions per second.")] = 30.0,
    seed: Annotated[int, typer.Option("--seed")] = 1,
    workers: Annotated[int, typer.Option("--workers", min=1)] = 2,
    kill: Annotated[bool, typer.Option("--kill", help="SIGKILL one worker in mid-run.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Leave it running, and say how to look around.")] = False,
    as_json: AsJson = False,
) -> None:
    """Kafka, workers, recorded traffic; then people ask the bot: what was decided, learned, lost, and what it cost."""
    from infra.demo import Plan, run_demo

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what matters of it is in our errors
    console = Console(stderr=as_json)
    if questions and find_spec("discord") is None:
        complain("the local Discord is left out: install croupier[bot] for it")
        questions = 0
    plan = Plan(interactions, rate, questions, asking_rate, seed, workers, kill)
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

        async def look_around(watched: "Watched") -> None:
            bars.stop()
            _tell(watched.result, console, as_json=as_json)
            await _look_around(watched, console)

        with suppress(KeyboardInterrupt):  # of --watch
            result = asyncio.run(run_demo(domains, plan, say=say, progress=show, watch=look_around if watch else None))
    if watch:
        return
    _tell(result, console, as_json=as_json)
    if not result.verdict.ok:
        raise typer.Exit(Exit.WRONG)


def _tell(result: "DemoResult", console: Console, *, as_json: bool) -> None:
    if as_json:
        print_json(result.as_json())
    else:
        _print(result, console)
    for problem in result.verdict.problems:
        complain(problem)


async def _look_around(watched: "Watched", console: Console) -> None:
    """Say how, and let people go on asking until Ctrl-C."""
    home, prefix = watched.running.home, watched.running.prefix
    option = f" --prefix {prefix}" if prefix else ""
    console.print(
        "\nIt goes on until Ctrl-C; people ask a question every second. In another terminal, in this directory:\n"
    )
    for line in (
        f"export CROUPIER_HOME={home}",
        f"croupier status{option}                     # lag, health, what each learner is worth",
        f"croupier tail decisions --follow{option}    # watch it decide; with a decision's id:",
        f"croupier explain{option} ID                 # why this arm, and what came of it",
        f"croupier roi{option}                        # what the decisions bring",
        f"tail -f {home}/logs/bot-1.log       # what the bot's operator reads",
    ):
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
    console.print("\nAddresses; each has /status, /health and /metrics:\n")
    for file in sorted((home / "run").glob("*.json")):
        told = msgspec.json.decode(file.read_bytes())
        console.print(f"  {told['role']:10} {told['address']}", markup=False, highlight=False)
    async with AsyncExitStack() as stack:
        if find_spec("starlette") is None:
            console.print("\nThe console is left out: install croupier[console] for it")
        else:
            from infra.console.beside import console_beside

            servers = watched.running.broker.bootstrap_servers
            beside = await stack.enter_async_context(console_beside(home, servers, prefix, _plan()))
            console.print("\nThe console; this link signs you in once, within ten minutes:\n")
            console.print(f"  {beside.link}", markup=False, highlight=False, soft_wrap=True)
            more = f"croupier console link {beside.account} --port {beside.port}"
            console.print(f"  {more}   # another one", markup=False, highlight=False, soft_wrap=True)
        while watched.discord is not None:
            await watched.discord.crowd.ask(10, 1.0)
        await asyncio.Event().wait()


def _plan() -> Path | None:
    """Of the return on investment, where the examples are."""
    plan = Path("examples/roi.toml")
    return plan if plan.exists() else None


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
    if result.discord is not None:
        _print_discord(result.discord, console)
    a = result.verdict
    console.print(
        f"{a.contexts} contexts, {a.decisions} decisions, {a.outcomes} outcomes: "
        f"[bold]{a.decisions_lost} decisions lost, {a.outcomes_doubled} outcomes doubled[/], "
        f"{a.outcomes_missing} missing, {a.outcomes_wrong} wrong"
        f"{', with one worker killed' if result.killed else ''}. {result.seconds:.0f} s"
    )


def _print_discord(shown: "Shown", console: Console) -> None:
    table = Table(title="The bot in a local Discord, asked and rated by people; * always strongest", **_LOOK)
    table.add_column("guild", no_wrap=True)
    for name in ("n", "quality", "strong*", "$/1000", "strong*", "cost", "worth"):
        table.add_column(name, justify="right", no_wrap=True)
    *guilds, together = shown.beside
    for name, each in zip(shown.guilds, guilds, strict=True):
        table.add_row(
            name, f"{each.answered}", f"{each.quality:.4f}", f"{each.strongest_quality:.4f}", f"{1000 * each.cost:.3f}",
            f"{1000 * each.strongest_cost:.3f}", f"{each.cost_share[0]:.0%}", f"{each.quality_share[0]:.1%}",
        )  # fmt: skip
    console.print(table)
    (cost, cost_low, cost_high), (quality, low, high) = together.cost_share, together.quality_share
    console.print(
        f"cost against always-strongest: [bold]{cost:.0%}[/] ({cost_low:.0%} to {cost_high:.0%}) "
        f"at [bold]{quality:.1%}[/] ({low:.1%} to {high:.1%}) of its quality\n"
        f"answered on fallback: [bold]{shown.fallback_share:.1%}[/]; of {shown.asked} questions {shown.answered} "
        f"answered, {shown.refused} refused, {shown.doubled} answered twice; {shown.responses} responses of people\n"
        "[dim]Policies began with nothing, and had some hundred questions a guild. Intervals: 95 %, bootstrap.[/]\n"
    )
