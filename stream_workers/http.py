"""/metrics, /health and /status of a worker process."""

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest


class StatusServer:
    """Serves while the process lives.  /health answers 503, with the reason, when a restart or a look is due."""

    def __init__(
        self,
        status: Callable[[], dict[str, Any] | Awaitable[dict[str, Any]]],
        health: Callable[[], dict[str, Any]],
        registry: CollectorRegistry,
    ) -> None:
        """health: `healthy` and `reason`, at no cost; status: everything, perhaps in pieces."""
        self._status = status
        self._answer = health
        self._registry = registry
        self._runner: web.AppRunner | None = None
        self.address = ""

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 takes a free one, `address` tells which."""
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/health", self._health)
        app.router.add_get("/status", self._state)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        bound = self._runner.addresses[0]
        self.address = f"http://{bound[0]}:{bound[1]}"

    async def stop(self) -> None:
        """Close."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _metrics(self, _: web.Request) -> web.Response:
        return metrics_page(self._registry)

    async def _health(self, _: web.Request) -> web.Response:
        health = self._answer()
        return web.Response(
            body=msgspec.json.encode(health), status=200 if health["healthy"] else 503, content_type="application/json"
        )

    async def _state(self, _: web.Request) -> web.Response:
        told = self._status()
        status = await told if isawaitable(told) else told
        return web.Response(body=msgspec.json.encode(status), content_type="application/json")


def metrics_page(registry: CollectorRegistry) -> web.Response:
    """What Prometheus is answered."""
    body = generate_latest(registry)  # type: ignore[no-untyped-call]
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
