"""`croupier verify`: is what the topics hold exact, and if not, what is wrong and where."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from infra.connection import bootstrap_servers
from schemas.errors import CroupierError
from schemas.joining import EARLY_MS, REMEMBER_MS

from .exits import Exit, run
from .options import AsJson, Bootstrap, Prefix
from .printing import complain, print_json, say, working

if TYPE_CHECKING:
    from infra.verify.verdict import Verdict

#: It could not be examined: neither proven nor refuted.
NOT_EXAMINED: Final = 2


def verify(
    settled: Annotated[
        bool, typer.Option("--settled", help="Nothing may be under way: what is pending is a finding.")
    ] = False,
    wait: Annotated[
        float, typer.Option("--wait", min=0.0, help="First wait up to so many seconds until nothing is under way.")
    ] = 0.0,
    early_ms: Annotated[
        int, typer.Option(envvar="CROUPIER_EARLY_MS", min=0, help="As the workers have it.")
    ] = EARLY_MS,
    remember_ms: Annotated[
        int, typer.Option(envvar="CROUPIER_REMEMBER_MS", min=0, help="As the workers have it.")
    ] = REMEMBER_MS,
    directory: Annotated[
        Path | None,
        typer.Option("--directory", exists=True, file_okay=False, help="For what does not fit into memory."),
    ] = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    as_json: AsJson = False,
) -> None:
    """Prove from the topics that nothing is lost, doubled or in the wrong hands, or say what is, and where.

    Exits with 0 when everything is proven, 1 when something is refuted, 2 when it could not be examined.
    """
    from infra.verify.verify import verify as examine

    try:
        with nullcontext() if as_json else working("reading") as progress:
            found = run(
                examine(
                    bootstrap_servers(bootstrap), prefix=prefix, early_ms=early_ms, remember_ms=remember_ms,
                    settled=settled, wait_s=wait, directory=directory,
                    progress=progress and (lambda done, total: progress(f"{done:,} of {total:,} records")),
                )
            )  # fmt: skip
    except CroupierError as error:
        print_json({"proven": None, "error": str(error)}) if as_json else complain(str(error))
        raise typer.Exit(NOT_EXAMINED) from None
    print_json(found.as_json()) if as_json else _print(found)
    if not found.ok:
        raise typer.Exit(Exit.WRONG)


def _print(found: "Verdict") -> None:
    for problem in found.problems:
        say(problem)
    for kind, count in found.pending.items():
        say(f"pending: {count:,} {kind}")
    for what, count in found.not_examined.items():
        say(f"not examined: {count:,} {what}")
    say(
        f"{found.contexts:,} contexts, {found.decisions:,} decisions, {found.outcomes:,} outcomes: "
        f"{found.decisions_lost:,} decisions lost, {found.outcomes_doubled:,} outcomes doubled, "
        f"{found.state_mismatches:,} state mismatches in {found.state_keys:,} keys; {found.kpi_buckets:,} KPIs; "
        f"{found.records:,} records in {found.seconds:.1f} s"
    )
    say("proven" if found.ok else f"refuted: {', '.join(f'{kind} {n:,}' for kind, n in found.counts.items())}")
