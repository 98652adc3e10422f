"""Puts the console together, and serves it."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from .accounts import Accounts
from .audit import Trail
from .database import open_database, signing_key
from .deployment import Deployment, in_background
from .figures import Figures
from .guard import SecurityHeaders
from .jobs import Jobs
from .pages import PAGES
from .rendering import STATIC, Renderer, hash_of
from .roles import Person
from .sessions import Sessions
from .settings import Settings
from .signing_in import SignIn
from .site import error_view, rendered, routes

_logger = structlog.get_logger()

_TITLES = {
    400: "That cannot be done",
    403: "That is not yours to do", 404: "There is no such page", 405: "That cannot be done",
    413: "That is too large", 415: "That cannot be read", 429: "Too often",
}  # fmt: skip


@dataclass
class Console:
    """What pages need."""

    settings: Settings
    deployment: Deployment
    accounts: Accounts
    sessions: Sessions
    trail: Trail
    figures: Figures
    jobs: Jobs
    renderer: Renderer
    sign_in: SignIn
    streams: dict[str, int] = field(default_factory=dict)  # open ones, by session
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def tenants(self, person: Person) -> list[str]:
        """Those that are known and somebody sees, in order."""
        if person.tenants is not None:
            return sorted(person.tenants)
        report = self.deployment.report
        told = set() if report is None else {*report.tenants, *(each.get("tenant", "") for each in report.domains)}
        return sorted({*told, *self.figures.tenants()} - {""})


def make_console(settings: Settings, database: sqlite3.Connection) -> Console:
    """Of these settings, on this database (`open_database`)."""
    deployment = Deployment(settings.bootstrap, settings.prefix, settings.home, settings.interval)
    accounts = Accounts(database)
    sessions = Sessions(database, signing_key(settings.home), accounts)
    trail = Trail(deployment, database)
    return Console(
        settings,
        deployment,
        accounts,
        sessions,
        trail,
        Figures(deployment, settings.targets),
        Jobs(),
        Renderer(),
        SignIn(settings, sessions, accounts, trail),
    )


def make_app(console: Console) -> Starlette:
    """The ASGI application; while it lives, the deployment is followed."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        deployment, trail = console.deployment, console.trail
        async with in_background(
            deployment.keep("status", deployment.follow_status),
            deployment.keep("audit log", trail.follow),
            deployment.keep("audit log", trail.send_waiting),
            deployment.keep("KPIs", console.figures.follow),
            deployment.keep("KPIs", console.figures.keep_warm),
        ):
            yield
            console.stopping.set()
            await console.jobs.stop()

    async def wrong(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        cookie = request.cookies.get(console.settings.cookie, "")
        title = _TITLES.get(error.status_code, "That went wrong")
        text = error.detail if error.detail not in ("Not Found", "Method Not Allowed") else "Is the address right?"
        view = error_view(error.status_code, title, text)
        response = rendered(console, request, view, console.sessions.find(cookie), cookie)
        response.headers.update(error.headers or {})
        return response

    async def failed(request: Request, error: Exception) -> Response:
        _logger.error("a page failed", path=request.url.path, exc_info=error)
        return PlainTextResponse("This page failed; the console's log says why.", 500)

    hosts = [each.strip("[]") if each != "[::1]" else each for each in console.settings.hosts]
    return Starlette(
        routes=[
            *routes(console, PAGES),
            *console.sign_in.routes(console),
            Route("/static/{hash}/{name}", _static),
            Route("/healthz", _alive),
        ],
        middleware=[
            Middleware(SecurityHeaders, secure=console.settings.secure),
            Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
        ],
        exception_handlers={HTTPException: wrong, Exception: failed},
        lifespan=lifespan,
    )


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in {path.name for path in STATIC.iterdir()} or request.path_params["hash"] != hash_of(name):
        raise HTTPException(404)
    return FileResponse(STATIC / name, headers={"Cache-Control": "public, max-age=31536000, immutable"})


async def _alive(_: Request) -> Response:
    """For whoever keeps the console running: it answers.  How the deployment is, is on a page."""
    return PlainTextResponse("ok\n")


class _Server(uvicorn.Server):
    """Tells streams to end before it waits for them."""

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def shutdown(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """At the end."""
        self._stopping.set()
        await super().shutdown(sockets)  # type: ignore[arg-type]


async def serve(settings: Settings, *, ready: asyncio.Event | None = None) -> None:
    """Until SIGINT or SIGTERM.  ready: is set when it answers."""
    async with AsyncExitStack() as stack:
        database = stack.enter_context(open_database(settings.home))
        console = make_console(settings, database)
        config = uvicorn.Config(
            make_app(console), host=settings.host, port=settings.port, log_level="warning", access_log=False,
            server_header=False, log_config=None, timeout_graceful_shutdown=5,
            # Behind a proxy on this machine, who asks is who the proxy says.
            proxy_headers=settings.public_url is not None, lifespan="on",
        )  # fmt: skip
        server = _Server(config, console.stopping)
        if ready is not None:
            stack.push_async_callback(_cancelled, asyncio.create_task(_announce(server, ready)))
        await server.serve()


async def _announce(server: uvicorn.Server, ready: asyncio.Event) -> None:
    while not server.started:
        await asyncio.sleep(0.02)
    ready.set()


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
