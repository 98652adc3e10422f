"""`croupier explain`: why a decision was made, and what came of it."""

import time
from typing import Annotated

import typer

from infra.connection import bootstrap_servers
from schemas.errors import CroupierError
from schemas.joining import EARLY_MS, REMEMBER_MS

from .exits import explained, run
from .options import AsJson, Bootstrap, Prefix
from .printing import print_json, show, working


def _since(text: str | None) -> str | None:
    from infra.domains.duration import EXPECTED, parse_duration

    if text is not None and parse_duration(text) is None:
        raise typer.BadParameter(f"{text!r} is not {EXPECTED.replace(' in quotes', '')}.")
    return text


def explain(
    decision_id: Annotated[str, typer.Argument(metavar="DECISION_ID", show_default=False)],
    tenant: Annotated[
        str | None, typer.Option("--tenant", help="Whose decision: reads one partition.", show_default=False)
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            callback=_since,
            help="Decided no longer ago than this (30m, 12h, 2d): reads no further back.",
            show_default=False,
        ),
    ] = None,
    early_ms: Annotated[
        int, typer.Option(envvar="CROUPIER_EARLY_MS", min=0, help="As the workers have it.")
    ] = EARLY_MS,
    remember_ms: Annotated[
        int, typer.Option(envvar="CROUPIER_REMEMBER_MS", min=0, help="As the workers have it.")
    ] = REMEMBER_MS,
    replay: Annotated[
        bool,
        typer.Option(
            "--replay",
            help="Learn the outcomes before it again: what the policy thought, how sure it was, and whether it gives "
            "the logged probabilities.",
        ),
    ] = False,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    as_json: AsJson = False,
) -> None:
    """Say why this arm was chosen, what feedback came, how it ended and what it earned."""
    with explained(as_json=as_json):
        servers = bootstrap_servers(bootstrap)
        run(_explain(servers, prefix, decision_id, tenant, since, early_ms, remember_ms, replay, as_json))


async def _explain(
    bootstrap: str,
    prefix: str,
    name: str,
    tenant: str | None,
    since: str | None,
    early_ms: int,
    remember_ms: int,
    replay: bool,
    as_json: bool,
) -> None:
    import msgspec

    from infra.domains.duration import parse_duration
    from infra.explain.absent import absent
    from infra.explain.explanation import explain as reason
    from infra.explain.gather import gather
    from infra.explain.replayed import replayed, state_before
    from infra.explain.words import words
    from infra.reading.log import Log
    from stream_workers.joining.rules import Spans

    spans = Spans(early_ms, remember_ms)
    now_ms = time.time_ns() // 1_000_000
    ago_ms = None if since is None else parse_duration(since)
    since_ms = None if ago_ms is None else now_ms - ago_ms
    async with Log.open(bootstrap, prefix) as log:
        with working("reading") as progress:

            def told(topic: str, read: int) -> None:
                progress(f"reading {topic}: {read:,} records")

            evidence = await gather(log, name, tenant, since_ms, spans, told)
            if evidence is None:
                raise CroupierError(await absent(log, name, tenant, since_ms))
            placed = evidence.decision
            thought = replayed(await state_before(log, placed, told), placed.event) if replay else None
    explanation = reason(evidence, spans, now_ms, thought)
    if as_json:
        print_json(msgspec.to_builtins(explanation))
    else:
        show(words(explanation))
