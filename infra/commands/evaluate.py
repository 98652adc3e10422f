"""`croupier evaluate`: what another policy would have earned."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from infra.connection import bootstrap_servers

from .exits import explained, run
from .options import AsJson, Bootstrap, Prefix
from .printing import print_json, say, show, working

if TYPE_CHECKING:
    from infra.evaluate.history import History

_POLICY = (
    "arm:NAME, uniform, a policy of the domain, a kind of policy with or without parameters (squarecb:gamma=10), or "
    "state:FILE; again for several. Without it: the domain's champion and challengers."
)


def evaluate(
    tenant: Annotated[str, typer.Argument(metavar="TENANT", show_default=False)],
    domain: Annotated[str, typer.Argument(metavar="DOMAIN", show_default=False)],
    policy: Annotated[list[str] | None, typer.Option("--policy", help=_POLICY, show_default=False)] = None,
    learn: Annotated[
        float,
        typer.Option(
            "--learn",
            min=0.0,
            max=0.95,
            help="Let policies learn from this share of the outcomes, then fix them, and evaluate them on the rest.",
        ),
    ] = 0.0,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="An export instead of a deployment's log.", metavar="FILE", show_default=False),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option("--export", help="Write the outcomes to a file and end.", metavar="FILE", show_default=False),
    ] = None,
    save_state: Annotated[
        Path | None,
        typer.Option(
            "--save-state",
            help="Write what the one --policy has learned to a file, for state:FILE, and end.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", help="Write a picture (png, svg or pdf), too.", metavar="FILE", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the bootstrap.")] = 0,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    as_json: AsJson = False,
) -> None:
    """Say what policies would have earned on the outcomes that were logged: estimates, intervals, overlap."""
    with explained(as_json=as_json):
        if export is not None:
            written = _export(bootstrap_servers(bootstrap), prefix, tenant, domain, export)
            print_json({"events": written, "file": str(export)}) if as_json else say(f"{written:,} events in {export}")
            return
        with working("reading outcomes") as progress:
            history = _history(source, bootstrap, prefix, tenant, domain, progress)
            if save_state is not None:
                size = _save(history, policy or [], learn, save_state)
                done = {"bytes": size, "file": str(save_state)}
                print_json(done) if as_json else say(f"{size:,} bytes in {save_state}")
                return
            from infra.evaluate.answer import answer

            found = answer(history, policy or [], learn=learn, seed=seed, progress=progress)
            if plot is not None:
                from infra.evaluate.plot import plot as draw

                draw(found, plot)
    if as_json:
        import msgspec

        print_json(msgspec.to_builtins(found))
    else:
        from infra.evaluate.tables import tables

        show(tables(found))


def _history(
    source: Path | None,
    bootstrap: str | None,
    prefix: str,
    tenant: str,
    domain: str,
    progress: Callable[[str], None],
) -> "History":
    from infra.evaluate.export import read_export
    from infra.evaluate.history import history_of

    if source is not None:
        return history_of(read_export(source), tenant, domain)
    return run(_logged(bootstrap_servers(bootstrap), prefix, tenant, domain, progress))


async def _logged(servers: str, prefix: str, tenant: str, domain: str, progress: Callable[[str], None]) -> "History":
    from infra.evaluate.gather import event_of, records
    from infra.evaluate.history import history_of
    from infra.reading.log import Log

    async with Log.open(servers, prefix) as log:
        found = records(log, tenant, lambda read: progress(f"reading outcomes: {read:,}"))
        events = [event async for record in found if (event := event_of(record)) is not None]
    return history_of(events, tenant, domain)


def _export(servers: str, prefix: str, tenant: str, domain: str, path: Path) -> int:
    """Write the events of one domain; how many there were."""
    from infra.evaluate.history import EvaluationError

    try:
        with path.open("w", encoding="utf-8") as file, working("reading outcomes") as progress:
            written = run(_write(servers, prefix, (tenant, domain), file, progress))
    except OSError as error:
        raise EvaluationError(f"the export {path} cannot be written: {error}") from None
    if not written:
        path.unlink()
        raise EvaluationError(
            f"there is nothing of {tenant}/{domain} in the outcomes; `croupier domains show` lists the domains"
        )
    return written


async def _write(
    servers: str, prefix: str, name: tuple[str, str], file: TextIO, progress: Callable[[str], None]
) -> int:
    from infra.evaluate.gather import event_of, records
    from infra.evaluate.history import domain_of
    from infra.readable.plain import plain_record
    from infra.reading.log import Log
    from schemas.topics import OUTCOMES

    written = 0
    async with Log.open(servers, prefix) as log:
        async for record in records(log, name[0], lambda read: progress(f"reading outcomes: {read:,}")):
            event = event_of(record)
            if event is not None and domain_of(event) == name:
                file.write(json.dumps(plain_record(OUTCOMES.name, record)) + "\n")
                written += 1
    return written


def _save(history: "History", policies: list[str], learn: float, path: Path) -> int:
    """Write the state that a policy has learned; its size in bytes."""
    from infra.evaluate.history import EvaluationError
    from infra.evaluate.replay import state_after
    from infra.evaluate.wanted import Learner, wanted

    if len(policies) != 1:
        raise EvaluationError(f"--save-state is of one policy: give one --policy, not {len(policies)}")
    arms = [arm.name for arm in history.spec.arms]
    (found,) = wanted(policies, history.spec, arms)
    if not isinstance(found, Learner):
        raise EvaluationError(f"--policy {found.text} learns nothing, so there is no state to save")
    count = len(history.outcomes)
    data = state_after(found.learner, history, int(learn * count) or count).to_bytes()
    try:
        path.write_bytes(data)
    except OSError as error:
        raise EvaluationError(f"the state {path} cannot be written: {error}") from None
    return len(data)
