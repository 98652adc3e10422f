"""Local models in a process of their own, and what to tell them from here."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import msgspec

from .faults import Fault


class RemoteModels:
    """A server in another process.  url: for `recorded_catalogue` and `served`."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self.url = url

    async def set_faults(self, *faults: Fault) -> None:
        """These and no others from now on."""
        async with self._session.put(f"{self.url}/control/faults", data=msgspec.json.encode(faults)) as answer:
            answer.raise_for_status()

    async def requests(self) -> dict[str, int]:
        """How many each model had so far."""
        async with self._session.get(f"{self.url}/control/requests") as answer:
            return msgspec.json.decode(await answer.read(), type=dict[str, int])

    async def take_times(self) -> list[tuple[str, float, float]]:
        """`ModelServer.times` since this was asked last; the first time begins to keep them."""
        async with self._session.post(f"{self.url}/control/times") as answer:
            return msgspec.json.decode(await answer.read(), type=list[tuple[str, float, float]])


@asynccontextmanager
async def started(*options: str) -> AsyncIterator[RemoteModels]:
    """Local models in a new process, ended with the block or with this process.

    options: of `python -m infra.standins.models`.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "infra.standins.models",
        "--until-input-ends",
        *options,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        line = await process.stdout.readline()
        if not line:
            raise RuntimeError(f"the local models ended with status {await process.wait()}; their error is above")
        async with aiohttp.ClientSession() as session:
            yield RemoteModels(session, line.decode().strip())
    finally:
        process.stdin.close()
        await process.wait()
