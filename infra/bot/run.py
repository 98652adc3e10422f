"""The bot's process: until it is told to stop, or can not go on."""

import asyncio
import logging
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import aiohttp
import discord
import msgspec
import structlog
from prometheus_client import REGISTRY

from producers.discord.bot import CroupierBot
from schemas.errors import CroupierError
from stream_workers.http import StatusServer
from stream_workers.machine import MachineMetrics

from .addresses import use_discord_at
from .compose import composed
from .settings import BotSettings
from .vitals import Vitals

_log = structlog.stdlib.get_logger(__name__)


async def run_bot(settings: BotSettings, token: str, environment: Mapping[str, str]) -> None:
    """Until SIGTERM or SIGINT: then answers that are being given are ended, for 20 seconds at most.

    CroupierError: something that a restart does not mend: token, intents, files.  Other errors: a restart may.
    """
    quiet_libraries()
    stop = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    if settings.discord_api is not None:
        await use_discord_at(settings.discord_api)
    async with composed(settings, environment) as parts:
        vitals = Vitals(parts)
        REGISTRY.register(MachineMetrics(settings.state))
        server = StatusServer(vitals.status, vitals.health, REGISTRY)
        await server.start(settings.http_host, settings.http_port)
        try:
            with announced(settings, server.address):
                _log.info("serving", address=server.address, role="bot")
                await _until(stop, parts.bot, token)
        finally:
            await server.stop()


async def _until(stop: asyncio.Event, bot: CroupierBot, token: str) -> None:
    running = asyncio.create_task(bot.start(token))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([running, stopping], return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            _log.info("stopping: answers that are being given are ended", running=bot.answerer.running)
        elif running.done():
            await _explained(running)
    finally:
        stopping.cancel()
        await bot.stop()
        running.cancel()
        await asyncio.gather(running, stopping, return_exceptions=True)


async def _explained(running: "asyncio.Task[None]") -> None:
    """Why the client has ended by itself."""
    try:
        await running
    except discord.LoginFailure:
        raise CroupierError(
            'Discord refuses the token. Make a new one at "Reset Token" on the page Bot of your application '
            "(https://discord.com/developers/applications), and give it in DISCORD_TOKEN or --token-file"
        ) from None
    except discord.PrivilegedIntentsRequired:
        raise CroupierError(
            'The application may not read messages: switch on "Message Content Intent" on its page Bot '
            "(https://discord.com/developers/applications), or start with --no-message-content: then mentions, direct "
            "messages and commands are answered, and posts are not analysed"
        ) from None
    except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
        raise ConnectionError(f"Discord can not be reached ({type(error).__name__})") from error
    raise ConnectionError("Discord has closed the connection")


@contextmanager
def announced(settings: BotSettings, address: str) -> Iterator[None]:
    """Where `croupier status` and the supervisor find the process."""
    directory = settings.announce
    if directory is None:
        yield
        return
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / f"bot-{os.getpid()}.json"
    file.write_bytes(
        msgspec.json.encode(
            {
                "role": "bot",
                "pid": os.getpid(),
                "address": address,
                "group": f"{settings.prefix}croupier-bot",
                "name": settings.state.name,
            }
        )
    )
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def quiet_libraries() -> None:
    """discord.py's warnings hold addresses with ids and tokens; what they tell is in our metrics."""
    for name in ("discord.http", "discord.webhook", "discord.webhook.async_", "discord.client"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("discord").setLevel(logging.WARNING)
