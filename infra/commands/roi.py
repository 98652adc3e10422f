"""`croupier roi`: what the learned decisions bring, in money."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.connection import bootstrap_servers

from .exits import explained, run
from .options import AsJson, Bootstrap, Prefix
from .printing import print_json, show, working

if TYPE_CHECKING:
    from infra.evaluate.history import History
    from infra.roi.plan import Plan

Name = tuple[str, str]


def roi(
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="A plan file, e.g. examples/roi.toml.")],
    source: Annotated[
        Path | None,
        typer.Option("--from", help="An export instead of a deployment's log.", metavar="FILE", show_default=False),
    ] = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    as_json: AsJson = False,
) -> None:
    """Say what the investment returns: benefit, ROI, payback and present value, each with its interval."""
    from infra.roi.answer import answer
    from infra.roi.plan import read_plan

    with explained(as_json=as_json):
        read = read_plan(plan)
        with working("reading outcomes") as progress:
            found = answer(read, _histories(read, source, bootstrap, prefix, progress))
    if as_json:
        print_json(found.as_json())
    else:
        from infra.roi.tables import tables

        show(tables(found))


def _histories(
    plan: "Plan", source: Path | None, bootstrap: str | None, prefix: str, progress: Callable[[str], None]
) -> dict[Name, "History"]:
    from infra.evaluate.export import read_export
    from infra.evaluate.history import history_of
    from infra.roi.gather import logged, wanted_of

    names = wanted_of(plan)
    if source is not None:
        events = list(read_export(source))
        return {name: history_of(events, *name) for name in names}
    if not names:
        return {}
    return run(logged(bootstrap_servers(bootstrap), prefix, names, progress))
