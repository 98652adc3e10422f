"""A console beside a deployment on this machine: a process that ends with ours, an account, a link that signs in."""

import asyncio
import contextlib
import functools
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

from infra.connection import HOME_VARIABLE
from infra.supervisor import die_with
from schemas.errors import CroupierError

from .accounts import Accounts
from .database import open_database, signing_key
from .sessions import Sessions
from .settings import DEFAULT_PORT

_PATIENCE_S: Final = 60.0


class Beside(NamedTuple):
    """Where it is."""

    port: int
    account: str
    link: str  # signs in once, within ten minutes


@asynccontextmanager
async def console_beside(
    home: Path, bootstrap: str, prefix: str, plan: Path | None = None
) -> AsyncIterator[Beside]:  # fmt: skip
    """Serve it, and end it after the block.  CroupierError: it does not begin to serve; logs/console.log says why."""
    account, port = "demo", _port()
    with open_database(home) as database:
        accounts = Accounts(database)
        if accounts.find(account) is None:
            accounts.add(account, secrets.token_urlsafe(24), "admin", None)  # nobody knows it: links sign in
        link = Sessions(database, signing_key(home), accounts).make_link(account)
    command = ["-m", "infra.cli", "console", "--port", str(port), "--bootstrap", bootstrap, "--prefix", prefix]
    command += [] if plan is None else ["--plan", str(plan)]
    log = home / "logs" / "console.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdin=asyncio.subprocess.DEVNULL, stdout=file, stderr=file,
            env={**os.environ, HOME_VARIABLE: _absolute(home)}, start_new_session=True,
            preexec_fn=functools.partial(die_with, os.getpid()),
        )  # fmt: skip
    try:
        await _answers(port, process, log)
        yield Beside(port, account, f"http://127.0.0.1:{port}/login/link?token={link}")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 10.0)
        except TimeoutError:
            process.kill()
            await process.wait()


def _absolute(home: Path) -> str:
    return str(home.absolute())


def _port() -> int:
    """The usual one, or, if something else has it, one that is free."""
    for wanted in (DEFAULT_PORT, 0):
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.bind(("127.0.0.1", wanted))
            found: int = tried.getsockname()[1]
            return found
    raise CroupierError("no port of 127.0.0.1 is free for the console")


async def _answers(port: int, process: asyncio.subprocess.Process, log: Path) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE_S):
            while process.returncode is None:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                    continue
                writer.close()
                return
    raise CroupierError(f"the console does not begin to serve; {log} says why")
