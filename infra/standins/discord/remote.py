"""A local Discord in a process of its own, and the client of its control endpoint."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from ..processes import first_line
from .state.accounts import Json


class Remote:
    """Asks `Control`: `await remote.ask("make", guilds=3)`.  api, gateway, token: for the bot; bot: its user id."""

    def __init__(self, session: aiohttp.ClientSession, told: Json) -> None:
        self._session, self._url = session, told["control"]
        self.api: str = told["api"]
        self.gateway: str = told["gateway"]
        self.token: str = told["token"]
        self.bot: int = told["bot"]

    async def ask(self, do: str, **arguments: Any) -> Json:
        """The answer of `Control`; RuntimeError with its words if it couldn't."""
        body = msgspec.json.encode({"do": do, **arguments})
        async with self._session.post(self._url, data=body) as response:
            answer: Json = msgspec.json.decode(await response.read())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    async def act(self, *acts: Json) -> list[Any]:
        """What people do; the id made by each, or None.  RuntimeError if one of them can't."""
        done: list[Any] = (await self.ask("act", acts=acts))["done"]
        if errors := [one["error"] for one in done if isinstance(one, dict)]:
            raise RuntimeError(errors[0])
        return done


@asynccontextmanager
async def started(*options: str) -> AsyncIterator[Remote]:
    """A local Discord in a new process, ended with the block or with this process.

    options: of `python -m infra.standins.discord`.
    """
    timeout = aiohttp.ClientTimeout(total=600)
    async with (
        first_line("infra.standins.discord", *options) as told,
        aiohttp.ClientSession(timeout=timeout) as session,
    ):
        yield Remote(session, msgspec.json.decode(told))
