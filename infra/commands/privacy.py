"""`croupier privacy`: what the bot keeps of people, for who runs it (docs/discord-privacy.md)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.table import Table

from infra.connection import bootstrap_servers
from schemas.errors import CroupierError

from .exits import explained, run
from .options import AsJson, Bootstrap, Prefix
from .printing import print_json, say, show

if TYPE_CHECKING:
    from producers.discord.people import LocalPeople

app = typer.Typer(help="See, export and delete what the Discord bot keeps of people.", no_args_is_help=True)

State = Annotated[Path, typer.Option("--state", help="State directory of the bot.", show_default=False)]
Tenant = Annotated[str, typer.Argument(help="guild-ID, or direct.", show_default=False)]
User = Annotated[int, typer.Argument(help="Id of a user of Discord.", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command()
def status(state: State, as_json: AsJson = False) -> None:
    """Show of how many people something is kept, by tenant."""
    with explained(as_json=as_json), _people(state) as people:
        found = people.summaries()
    if as_json:
        print_json(msgspec.to_builtins(found))
        return
    table = Table("tenant", "people", "opted in", "key since", "old keys")
    for each in found:
        since = datetime.fromtimestamp(each.key_made_at, UTC).date().isoformat()
        table.add_row(each.tenant, str(each.people), str(each.opted_in), since, str(each.old_keys))
    show(table)


@app.command()
def rotate(tenant: Tenant, state: State, as_json: AsJson = False) -> None:
    """Give a tenant a new key: everybody there gets a new pseudonym."""
    with explained(as_json=as_json), _people(state) as people:
        if tenant not in {each.tenant for each in people.summaries()}:
            raise CroupierError(f"nothing is kept of a tenant {tenant}: `croupier privacy status` lists those that are")
        run(people.rotate(tenant))
    _report(
        f"{tenant} has a new key. Who does not come back within 30 days is forgotten.", {"rotated": tenant}, as_json
    )


@app.command()
def export(
    user: User,
    state: State,
    log: Annotated[bool, typer.Option("--log/--no-log", help="Also what Kafka has under the pseudonyms.")] = True,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
) -> None:
    """Print all that is kept of a person, in every tenant, as JSON."""
    with explained(as_json=True), _people(state) as people:
        if log:
            from infra.bot.logged import LogOfDecisions

            people.keeps(LogOfDecisions(bootstrap_servers(bootstrap), prefix))
        print_json([run(people.export(tenant, user)) for tenant in run(people.known(user))])


@app.command()
def delete(user: User, state: State, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete all that is kept of a person, in every tenant: what is in Kafka can not be linked any more."""
    with explained(as_json=as_json), _people(state) as people:
        tenants = run(people.known(user))
        _confirm(f"Delete what is kept of this user in {len(tenants)} tenants? It can not be undone.", yes or as_json)
        rows = sum(run(people.forget(tenant, user)) for tenant in tenants)
    _report(f"Deleted {rows} rows in {len(tenants)} tenants.", {"rows": rows, "tenants": len(tenants)}, as_json)


@app.command()
def forget(tenant: Tenant, state: State, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete a tenant's key and everybody in it: nothing of it in Kafka can be linked to anybody any more."""
    with explained(as_json=as_json), _people(state) as people:
        _confirm(f"Delete the key and all people of {tenant}? It can not be undone.", yes or as_json)
        count = run(people.forget_tenant(tenant))
    _report(f"Deleted the key of {tenant} and {count} people.", {"people": count}, as_json)


@contextmanager
def _people(state: Path) -> "Iterator[LocalPeople]":
    from infra.bot.stores import people_there  # half a second that only who needs it waits

    with people_there(state) as people:
        yield people


def _confirm(question: str, sure: bool) -> None:
    if not sure:
        typer.confirm(question, abort=True, err=True)


def _report(text: str, document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        say(text)
