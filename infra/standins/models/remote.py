"""Local models in a process of their own, and what to tell them from here."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import msgspec

from ..processes import first_line
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
    async with first_line("infra.standins.models", *options) as url, aiohttp.ClientSession() as session:
        yield RemoteModels(session, url)
