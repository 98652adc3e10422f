"""A web site on this machine, for what follows links."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from producers.discord.analysis.fetching import Limits


class Site:
    """A web server on loopback that counts who comes."""

    def __init__(self) -> None:
        self.hits: list[str] = []
        self.agents: set[str] = set()
        self.port = 0

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.hits.append(request.path)
        self.agents.add(request.headers["User-Agent"])
        match request.path:
            case "/page":
                return web.Response(text=PAGE, content_type="text/html")
            case "/moved":
                raise web.HTTPFound("/page")
            case "/out":
                raise web.HTTPFound(self.url("/page", "127.0.0.2"))
            case "/file":
                raise web.HTTPFound("file:///etc/passwd")
            case "/round":
                raise web.HTTPFound("/round")
            case "/latin":
                return web.Response(
                    body="caf\u00e9".encode("latin-1"), headers={"Content-Type": "text/plain; charset=latin-1"}
                )
            case "/image":
                return web.Response(body=b"\x89PNG", content_type="image/png")
            case "/bomb":
                return web.Response(
                    body=gzip.compress(b"a" * 1000), headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"}
                )
            case "/endless" | "/slow":
                response = web.StreamResponse(headers={"Content-Type": "text/plain"})
                await response.prepare(request)
                while True:
                    await response.write(b"word " * 1000)
                    if request.path == "/slow":
                        await asyncio.sleep(0.05)
        raise web.HTTPNotFound


PAGE = (
    """<html><head><title>Ice &amp; rivers</title><script>track()</script></head><body><nav>Home About</nav>
<article><h1>Glaciers</h1><p>They <b>move</b>.</p><p>"""
    + "Slowly but surely. " * 20
    + """</p></article><footer>(c)</footer></body></html>"""
)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    found = Site()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.port = runner.addresses[0][1]
    yield found
    await runner.cleanup()


def limits(site: Site, **changes: object) -> Limits:
    """As in force, but that this one server counts as public."""
    chosen = {"ports": frozenset({site.port}), "allowed": lambda address: address == "127.0.0.1", **changes}
    return Limits(**chosen)  # type: ignore[arg-type]
