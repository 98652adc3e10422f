"""What the local Discord itself costs, with a bot that only answers: what `benchmarks.bot` measures is not this.

    python -m benchmarks.local_discord [--json] [--guilds 2500] [--rate 500] [--seconds 10]

The local Discord runs in a process of its own, the bot (discord.py, two shards) in this one.  Each post is answered
with one message.  CPU in percent of a core.
"""

import asyncio
import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import discord
import numpy as np
import typer
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route
from rich import print_json
from rich.console import Console

from infra.standins.discord.remote import Remote, started

TICK = 0.02
"""Seconds of posts that are sent in one request."""
OPTIONS = ("--shards", "2", "--global-limit", "0", "--keep-messages", "10")


class Answering(discord.AutoShardedClient):
    """Answers every post of a person."""

    def __init__(self) -> None:
        intents = discord.Intents(guilds=True, guild_messages=True, message_content=True)
        super().__init__(intents=intents, max_messages=None, guild_ready_timeout=0.5)

    async def on_message(self, message: discord.Message) -> None:
        if not message.author.bot:
            await message.reply(f"An answer to {message.content}")

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """The local Discord lets both shards in at once."""


@contextmanager
def pointed_at(remote: Remote) -> Iterator[None]:
    """discord.py talks to the local Discord."""
    base, gateway = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = remote.api, yarl.URL(remote.gateway)
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = base, gateway


async def measure(guilds: int, rate: int, seconds: float) -> dict[str, Any]:
    """Post at a steady rate into guild after guild; round trips are from post to answer, in milliseconds."""
    async with started(*OPTIONS) as remote:
        made = (await remote.ask("make", guilds=guilds))["guilds"]
        with pointed_at(remote):
            async with Answering() as bot:
                await bot.login(remote.token)
                running = asyncio.create_task(bot.connect())
                await bot.wait_until_ready()
                before, own, began = await remote.ask("figures"), time.process_time(), time.monotonic()
                posted = await _post(remote, made, rate, seconds)
                trips = await _answers(remote, len(posted))
                after, own, took = await remote.ask("figures"), time.process_time() - own, time.monotonic() - began
            await asyncio.gather(running, return_exceptions=True)
    p50, p99 = np.percentile(trips, [50, 99]).tolist()
    return {
        "guilds": guilds,
        "posted": len(posted),
        "answered": len(trips),
        "messages_per_s": round(len(posted) / took, 1),
        "discord_cpu_percent": round(100 * (after["cpu_s"] - before["cpu_s"]) / took, 1),
        "discord_rss_mb": round(after["rss_mb"], 1),
        "bot_cpu_percent": round(100 * own / took, 1),
        "round_trip_ms_p50": round(p50, 2),
        "round_trip_ms_p99": round(p99, 2),
    }


async def _post(remote: Remote, guilds: list[dict[str, Any]], rate: int, seconds: float) -> list[int]:
    posted: list[int] = []
    places = itertools.cycle(guilds)
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        due = int(min(passed, seconds) * rate) - len(posted)
        acts = [
            {"do": "post", "person": guild["people"][0], "channel": guild["channels"][0], "content": "a question " * 5}
            for guild in itertools.islice(places, due)
        ]
        posted += await remote.act(*acts)
        await asyncio.sleep(TICK)
    return posted


async def _answers(remote: Remote, expected: int) -> list[float]:
    """Milliseconds of every answer, or of those that came within 10 s of the one before."""
    told: list[dict[str, Any]] = []
    since = 0
    while len(told) < expected:
        wrote = await remote.ask("wrote", since=since, wait=10)
        if not wrote["messages"]:
            break
        told, since = told + wrote["messages"], wrote["next"]
    return [1000 * (one["at"] - one["asked"]) for one in told]


def main(
    as_json: Annotated[bool, typer.Option("--json")] = False,
    guilds: int = 2500,
    rate: int = 500,
    seconds: float = 10.0,
) -> None:
    """Measure and print."""
    found = asyncio.run(measure(guilds, rate, seconds))
    if as_json:
        print_json(data=found)
    else:
        console = Console()
        for name, value in found.items():
            console.print(f"{name:22} {value}")


if __name__ == "__main__":
    typer.run(main)
