"""The monitor as a process: /targets, /metrics and /health."""

import asyncio
import signal
from pathlib import Path

import msgspec
from aiohttp import web

from stream_workers.http import metrics_page

from .monitor import Monitor
from .targets import targets


async def serve(monitor: Monitor, directory: Path, prefix: str, host: str, port: int) -> None:
    """Until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)

    async def told(_: web.Request) -> web.Response:
        found = await asyncio.to_thread(targets, directory, prefix)
        return web.Response(body=msgspec.json.encode(found), content_type="application/json")

    async def metrics(_: web.Request) -> web.Response:
        return metrics_page(monitor.registry)

    async def health(_: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(monitor.health()), content_type="application/json")

    app = web.Application()
    app.router.add_get("/targets", told)
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/health", health)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    watching = asyncio.create_task(monitor.watch())
    try:
        await web.TCPSite(runner, host, port).start()
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            await watching
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await runner.cleanup()
