"""The real discord.py, pointed at the local Discord: for every test that needs a bot that is online.

@pytest.fixture
async def local() -> AsyncIterator[Discord]: ...   # `from tests.standins.clients import local`

async with connected(Bot(intents=discord.Intents.all()), local): ...
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import discord
import pytest
import yarl
from discord.ext import commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

from infra.standins.discord import Bucket, Discord, Rules

B = TypeVar("B", bound=discord.Client)
QUICK = 0.02
"""Seconds that discord.py waits after the last guild before it is ready (2 s unless told)."""


@pytest.fixture
async def local() -> AsyncIterator[Discord]:
    """A local Discord with nobody in it, whose shards may identify at any time."""
    async with Discord(Rules(identify_window=0.0)) as server:
        yield server


@pytest.fixture
async def unlimited() -> AsyncIterator[Discord]:
    """A local Discord without rate limits to speak of, for tests of something else that ask a lot."""
    rules = Rules(identify_window=0.0, global_per_second=100_000, buckets={"": Bucket(100_000, 1.0)})
    async with Discord(rules) as server:
        yield server


@contextmanager
def pointed_at(server: Discord) -> Iterator[None]:
    """discord.py talks to `server` instead of discord.com: the two addresses that it has built in."""
    base, gateway = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = server.api, yarl.URL(server.gateway.url)
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = base, gateway


class Bot(commands.AutoShardedBot):
    """A bot that notes what discord.py tells it: `heard` are (event, arguments) in order."""

    def __init__(self, *, intents: discord.Intents | None = None, **options: Any) -> None:
        options.setdefault("guild_ready_timeout", QUICK)
        super().__init__("!", intents=discord.Intents.all() if intents is None else intents, **options)
        self.heard: list[tuple[str, tuple[Any, ...]]] = []

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        self.heard.append((event, args))
        super().dispatch(event, *args, **kwargs)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """discord.py waits 5 s here for the identify limit of a small bot; `Rules` says what it is."""

    def all(self, event: str) -> list[Any]:
        """The first argument of every `event` heard."""
        return [args[0] if args else None for name, args in self.heard if name == event]


@asynccontextmanager
async def connected(bot: B, server: Discord, timeout: float = 20.0) -> AsyncIterator[B]:
    """`bot` logged in and ready; closed afterwards."""
    with pointed_at(server):
        running = asyncio.create_task(bot.start(server.token))
        try:
            ready = asyncio.create_task(_ready(bot))
            await asyncio.wait([running, ready], timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                ready.cancel()
                await running
            await ready
            yield bot
        finally:
            await bot.close()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def _ready(bot: discord.Client) -> None:
    while bot.user is None:
        await asyncio.sleep(0.001)
    await bot.wait_until_ready()
