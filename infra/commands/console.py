"""`croupier console`: the console, its accounts, and links to sign in."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.connection import home
from schemas.errors import CroupierError

from .exits import explained, run
from .options import AsJson, Bootstrap, Prefix
from .printing import print_json, say

if TYPE_CHECKING:
    from infra.console.roles import Person, Role
    from infra.console.settings import Settings

app = typer.Typer(help="Serve the console, and manage its accounts.", invoke_without_command=True)
user = typer.Typer(help="Add, change, list and remove accounts of the console.", no_args_is_help=True)
app.add_typer(user, name="user")

Name = Annotated[str, typer.Argument(show_default=False)]
RoleOption = Annotated[str, typer.Option("--role", help="viewer, operator or admin.")]
Tenants = Annotated[
    list[str] | None, typer.Option("--tenant", help="Sees this tenant only; again for more.", show_default=False)
]
FromInput = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


@app.callback()
def console(
    ctx: typer.Context,
    host: Annotated[str, typer.Option("--host", help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 8600,
    public_url: Annotated[
        str | None,
        typer.Option(
            "--public-url", help="Where people find it, behind a proxy that speaks HTTPS.", show_default=False
        ),
    ] = None,
    plan: Annotated[
        Path | None, typer.Option("--plan", help="Plan of `croupier roi` for the page ROI.", show_default=False)
    ] = None,
    targets: Annotated[
        Path | None,
        typer.Option(
            "--targets", help="Targets as of `croupier kpis`; else examples/targets.toml.", show_default=False
        ),
    ] = None,
    oidc: Annotated[
        Path | None, typer.Option("--oidc", help="File (TOML) about an OpenID Connect issuer.", show_default=False)
    ] = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
) -> None:
    """Serve the console until Ctrl-C."""
    if ctx.invoked_subcommand is not None:
        return
    _installed()
    from infra.console.settings import Settings, check_public_url, read_oidc
    from infra.logs import configure_logs

    with explained(as_json=False):
        settings = Settings(
            home(), bootstrap, prefix, host, port, check_public_url(public_url), plan=plan, targets=targets,
            oidc=None if oidc is None else read_oidc(oidc),
        )  # fmt: skip
        configure_logs("console")
        run(_serve(settings))


async def _serve(settings: "Settings") -> None:
    import asyncio

    from infra.console.console import serve

    ready = asyncio.Event()

    async def told() -> None:
        await ready.wait()
        with _database() as database:
            from infra.console.accounts import Accounts

            if not Accounts(database).all() and settings.oidc is None:
                say("There is no account yet: croupier console user add NAME --role admin")
        where = settings.public_url or f"http://{settings.host}:{settings.port}"
        say(f"The console is at {where} (Ctrl-C ends it)")

    telling = asyncio.create_task(told())
    try:
        await serve(settings, ready=ready)
    finally:
        telling.cancel()


@app.command()
def link(
    name: Name,
    port: Annotated[int, typer.Option("--port", help="Of the console.")] = 8600,
    public_url: Annotated[
        str | None, typer.Option("--public-url", help="As the console has it.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print an address that signs an account in once, within ten minutes."""
    from infra.console.settings import check_public_url

    with explained(as_json=as_json), _database() as database:
        url = (
            f"{check_public_url(public_url) or f'http://127.0.0.1:{port}'}/login/link?token={make_link(database, name)}"
        )
    print_json({"url": url}) if as_json else say(url)


def make_link(database: sqlite3.Connection, name: str) -> str:
    """A token for an account; AccountError: there is none of that name."""
    from infra.console.accounts import Accounts
    from infra.console.database import signing_key
    from infra.console.sessions import Sessions

    accounts = Accounts(database)
    accounts.known(name)
    return Sessions(database, signing_key(home()), accounts).make_link(name)


@user.command()
def add(name: Name, role: RoleOption = "viewer", tenant: Tenants = None, password_stdin: FromInput = False) -> None:
    """Add an account; asks for its password."""
    from infra.console.accounts import Accounts

    with explained(as_json=False), _database() as database:
        Accounts(database).add(name, _password(asked=not password_stdin), _role(role), _tenants(tenant))
        say(f"{name} may sign in as {role}, and sees {', '.join(tenant) if tenant else 'all tenants'}.")


@user.command("change")
def change(name: Name, role: RoleOption, tenant: Tenants = None) -> None:
    """Give an account another role or other tenants; holds at once."""
    from infra.console.accounts import Accounts

    with explained(as_json=False), _database() as database:
        Accounts(database).change(name, _role(role), _tenants(tenant))
        say(f"{name} is {role} now, and sees {', '.join(tenant) if tenant else 'all tenants'}.")


@user.command()
def password(name: Name, password_stdin: FromInput = False) -> None:
    """Set an account's password, and end its sessions."""
    from infra.console.accounts import Accounts

    with explained(as_json=False), _database() as database:
        accounts = Accounts(database)
        accounts.known(name)
        accounts.set_password(name, _password(asked=not password_stdin))
        say(f"{name} has another password, and is signed out everywhere.")


@user.command()
def remove(name: Name) -> None:
    """Remove an account, and end its sessions."""
    from infra.console.accounts import Accounts

    with explained(as_json=False), _database() as database:
        Accounts(database).remove(name)
        say(f"{name} is removed, and signed out everywhere.")


@user.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the accounts."""
    from infra.console.accounts import Accounts

    with explained(as_json=as_json), _database() as database:
        found = Accounts(database).all()
    if as_json:
        print_json([_plain(each) for each in found])
        return
    for each in found:
        say(f"{each.name}  {each.role}  {', '.join(each.tenants) if each.tenants else 'all tenants'}")
    if not found:
        say("There is no account. Add one: croupier console user add NAME --role admin")


@contextmanager
def _database() -> Iterator[sqlite3.Connection]:
    _installed()
    from infra.console.database import open_database

    with open_database(home()) as database:
        yield database


def _installed() -> None:
    try:
        import argon2  # noqa: F401
        import starlette  # noqa: F401
    except ImportError as error:
        raise CroupierError(
            f"the console needs {error.name}, which is not installed: pip install 'croupier[console]'"
        ) from None


def _password(*, asked: bool) -> str:
    if asked:
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")


def _role(text: str) -> "Role":
    from infra.console.roles import role_of

    return role_of(text)


def _tenants(tenants: list[str] | None) -> tuple[str, ...] | None:
    return tuple(dict.fromkeys(tenants)) if tenants else None


def _plain(person: "Person") -> dict[str, object]:
    return {"name": person.name, "role": person.role, "tenants": person.tenants}
