"""`croupier domains`: check a domain file, bring it into force, see what is in force, remove a domain."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import msgspec
import typer

from infra.connection import bootstrap_servers
from infra.domains import tables
from infra.domains.applied import has_members, wait_applied
from infra.domains.file import check_file
from infra.domains.problems import Problem
from infra.domains.publish import Key, Published, apply_specs, read_latest, read_specs, remove_domain
from infra.domains.warm import Wanted, make_priors, read_warm_starts
from schemas.domains import DomainSpec
from schemas.errors import SpecificationError

from . import printing
from .exits import Exit, explained, run
from .options import AsJson, Bootstrap, Prefix
from .printing import complain, print_json, say

if TYPE_CHECKING:
    from infra.fleet.take import Taken

app = typer.Typer(help="Check, apply, show and remove the domains of tenants.", no_args_is_help=True)

#: The consumer group of the workers, after the deployment's prefix.
WORKER_GROUP = "croupier-worker"

File = Annotated[Path, typer.Argument(help="Domain file (TOML).", show_default=False)]
Wait = Annotated[
    bool | None,
    typer.Option(
        "--wait/--no-wait",
        help="Wait until workers have it, or exit with 3; or do not wait. Otherwise: wait if a worker is running.",
        show_default=False,
    ),
]
Timeout = Annotated[float, typer.Option("--timeout", min=0, help="Seconds to wait for the workers.")]
WarmStartFile = Annotated[
    Path | None,
    typer.Option(
        "--warm-start",
        help="File (TOML) that says what policies begin with, instead of nothing.",
        show_default=False,
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask on a terminal.")]


@app.command()
def check(file: File, as_json: AsJson = False) -> None:
    """Check a domain file without a broker; every problem is named with its line."""
    specs = _read(file, as_json=as_json)
    if as_json:
        print_json({"file": str(file), "domains": [_plain(spec) for spec in specs], "problems": []})
        return
    printing.show(tables.summary((None, spec) for spec in specs))
    say(f"{file} is right: {_count(len(specs), 'domain')}.")


@app.command()
def apply(
    file: File,
    warm_start: WarmStartFile = None,
    wait: Wait = None,
    timeout: Timeout = 30.0,
    yes: Yes = False,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    as_json: AsJson = False,
) -> None:
    """Bring the domains of a file into force, while workers run.  Domains not in the file stay as they are."""
    specs = _read(file, as_json=as_json)
    wanted = [] if warm_start is None else _read_warm_starts(warm_start, specs, as_json=as_json)
    with explained(as_json=as_json):
        servers = bootstrap_servers(bootstrap)
        made = run(make_priors(wanted, servers, prefix))
        latest = run(read_latest(servers, prefix))
        if not as_json:
            printing.show(tables.planned(specs, latest))
            for each in made:
                say(f"{'/'.join(each.wanted.key)}: {each.wanted.learner.name} begins with {each.words}.")
        running = ((latest.get((spec.tenant, spec.domain), (0, None))[1], spec) for spec in specs)
        if any(old is not None and old != spec for old, spec in running):
            _confirm("Change these domains?", yes=yes or as_json)
        priors: dict[tuple[str, str], dict[str, bytes]] = {}
        for each in made:
            priors.setdefault(each.wanted.key, {})[each.wanted.learner.name] = each.data
        for taken in _from_fleet(specs, latest, priors, servers, prefix):
            priors.setdefault(taken.key, {}).update(taken.priors)
            if not as_json:
                names = ", ".join(taken.priors)
                say(f"{'/'.join(taken.key)}: {names} begin with what {taken.record.tenants} tenants have in common.")
        done = run(apply_specs(servers, prefix, specs, priors))
        _report(done, servers, prefix, wait=wait, timeout=timeout, as_json=as_json)


@app.command()
def remove(
    tenant: Annotated[str, typer.Argument(show_default=False)],
    domain: Annotated[str, typer.Argument(show_default=False)],
    wait: Wait = None,
    timeout: Timeout = 30.0,
    yes: Yes = False,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    as_json: AsJson = False,
) -> None:
    """Take a domain out of force: requests for it become dead letters."""
    with explained(as_json=as_json):
        servers = bootstrap_servers(bootstrap)
        _confirm(f"Remove {tenant}/{domain}?", yes=yes or as_json)
        done = run(remove_domain(servers, prefix, tenant, domain))
        _report([done], servers, prefix, wait=wait, timeout=timeout, as_json=as_json)


@app.command()
def show(
    tenant: Annotated[str | None, typer.Argument(help="Only this tenant's domains.", show_default=False)] = None,
    domain: Annotated[str | None, typer.Argument(help="Everything about this domain.", show_default=False)] = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    as_json: AsJson = False,
) -> None:
    """Show the domains in force."""
    with explained(as_json=as_json):
        in_force = run(read_specs(bootstrap_servers(bootstrap), prefix))
        chosen = [
            in_force[key] for key in sorted(in_force) if key[0] == (tenant or key[0]) and key[1] == (domain or key[1])
        ]
        if not chosen and tenant is not None:
            known = ", ".join("/".join(key) for key in sorted(in_force)) or "none"
            wanted = f"tenant {tenant} has no domain {domain}" if domain else f"tenant {tenant} has no domains"
            raise SpecificationError(f"{wanted}; in force are: {known}")
    if as_json:
        print_json([{"version": version, **_plain(spec)} for version, spec in chosen])
    elif not chosen:
        say("No domains are in force. Apply a file: croupier domains apply FILE")
    elif domain is not None:
        printing.show(tables.details(*chosen[0]))
    else:
        printing.show(tables.summary(chosen))


def _read(file: Path, *, as_json: bool) -> list[DomainSpec]:
    """The file's specifications; with problems, says them all and ends."""
    specs, problems = check_file(file)
    if problems:
        _refuse(file, problems, as_json=as_json)
    return specs


def _from_fleet(
    specs: Sequence[DomainSpec],
    latest: Mapping[Key, tuple[int, DomainSpec | None]],
    given: Mapping[Key, Mapping[str, bytes]],
    servers: str,
    prefix: str,
) -> "list[Taken]":
    """What new domains that opted in begin with."""
    if not any(spec.fleet and latest.get((spec.tenant, spec.domain), (0, None))[1] is None for spec in specs):
        return []
    from infra.fleet.publish import read
    from infra.fleet.take import take  # compiled kernels: only who begins with a fleet's prior waits

    return take(specs, latest, run(read(servers, prefix)), given)


def _read_warm_starts(file: Path, specs: list[DomainSpec], *, as_json: bool) -> list[Wanted]:
    """The priors a file asks for; with problems, says them all and ends."""
    wanted, problems = read_warm_starts(file, specs)
    if problems:
        _refuse(file, problems, as_json=as_json)
    return wanted


def _refuse(file: Path, problems: Sequence[Problem], *, as_json: bool) -> NoReturn:
    if as_json:
        print_json({"file": str(file), "domains": [], "problems": [_fields(problem) for problem in problems]})
    else:
        for problem in problems:
            complain(str(problem))
        complain(f"{file} has {_count(len(problems), 'problem')}; nothing was changed.")
    raise typer.Exit(Exit.WRONG)


def _report(
    done: list[Published], servers: str, prefix: str, *, wait: bool | None, timeout: float, as_json: bool
) -> None:
    """Say where it stands and, as far as wanted, whether workers have it."""
    if not as_json:
        printing.show(tables.published(done))
    pending = _await_workers(done, servers, prefix, wait=wait, timeout=timeout)
    if as_json:
        missing = None if pending is None else {(each.tenant, each.domain) for each in pending}
        print_json(
            [
                {**_fields(each), "learned": None if missing is None else (each.tenant, each.domain) not in missing}
                for each in done
            ]
        )
    elif pending is None:
        say("In the log. Not waited for the workers.")
    elif not pending:
        say("The workers have it.")
    else:
        names = ", ".join(f"{each.tenant}/{each.domain}" for each in pending)
        say(f"In the log, but no worker has read it yet: {names}. It takes effect when one runs (croupier worker).")
    if wait and pending:
        raise typer.Exit(Exit.NOT_IN_TIME)


def _await_workers(
    done: list[Published], servers: str, prefix: str, *, wait: bool | None, timeout: float
) -> list[Published] | None:
    """What the workers have not taken up; None when that was not asked for."""
    if wait is False:
        return None
    group = f"{prefix}{WORKER_GROUP}"
    expected: bool = wait is True or run(has_members(servers, group))
    patience = timeout if expected else 0.0
    return run(wait_applied(servers, prefix, done, group, patience))


def _confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal; a script has decided already."""
    if not yes and sys.stdin.isatty():
        typer.confirm(question, abort=True, err=True)


def _plain(spec: DomainSpec) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(spec)
    return plain


def _fields(entry: object) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(entry)
    return plain


def _count(number: int, words: str) -> str:
    return f"{number} {words}" if number == 1 else f"{number} {words}s"
