"""The local Discord, put together: one HTTP server for the REST API, the gateway and files."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from .faults import Faults
from .gateway.gateway import Gateway
from .limits import Limiter
from .people.person import Person
from .record import Record
from .rest.api import PREFIX, Api
from .rules import Rules
from .state.accounts import User
from .state.places import Channel, Guild
from .state.world import World

GATEWAY = "/gateway"


class Discord:
    """The local Discord, with one application and its bot.

    world: everything there is.  gateway, faults: what to break.  record: what the bot asked for.
    extra: more paths, and what answers them.  failures: its own mistakes; the end of `async with` raises them, so that
    they don't pass for Discord's.
    """

    def __init__(self, rules: Rules | None = None, *, bot: str = "croupier") -> None:
        self.rules = rules or Rules()
        self.world = World(self.rules, bot)
        number = base64.urlsafe_b64encode(str(self.world.bot.id).encode()).decode().rstrip("=")
        self.token = f"{number}.local0.only-the-local-discord-takes-this-token"
        self.gateway = Gateway(self.world, self.rules, self.token)
        self.limiter = Limiter(self.rules)
        self.faults = Faults()
        self.record = Record(self.rules.keep_requests, self.world.changes)
        self.world.listener = self.gateway.dispatch
        self._api = Api(self.world, self.gateway, self.limiter, self.faults, self.record)
        self.extra: dict[str, Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]] = {}
        self.failures: list[Exception] = []
        self._runner: web.ServerRunner | None = None
        self.address = ""

    # Running

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1; port 0: any that is free."""
        server = web.Server(self._handle, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        host, port = self._runner.addresses[0][:2]
        self.address = f"{host}:{port}"
        self.gateway.url = f"ws://{self.address}{GATEWAY}"
        self.world.files_at = f"http://{self.address}"

    async def stop(self) -> None:
        """Break every connection and stop listening."""
        await self.gateway.stop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        if self.failures and error is None:
            raise ExceptionGroup("the local Discord failed, which is not Discord's 500", self.failures)

    @property
    def api(self) -> str:
        """What `discord.http.Route.BASE` must be."""
        return f"http://{self.address}{PREFIX}"

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._answer(request)
        except ConnectionError:  # the client is gone
            raise
        except Exception as error:
            self.failures.append(error)
            raise

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        if path.startswith(PREFIX + "/"):
            return await self._api.handle(request)
        if path == GATEWAY:
            return await self.gateway.connect(request)
        if path.startswith("/attachments/"):
            return self._file(path)
        if path in self.extra:
            return await self.extra[path](request)
        return web.Response(status=404)

    def _file(self, path: str) -> web.Response:
        number = path.split("/")[3] if path.count("/") >= 3 else ""
        attachment = self.world.files.get(int(number)) if number.isdigit() else None
        if attachment is None:
            return web.Response(status=404, text="This content is no longer available.")
        return web.Response(body=attachment.data, headers={"Content-Type": attachment.content_type})

    # Making

    @property
    def bot(self) -> User:
        """The bot's account; `bot.mention` is the text that mentions it."""
        return self.world.bot

    def person(self, name: str, *guilds: Guild, permissions: int = 0, locale: str = "en-US") -> Person:
        """A new person, a member of `guilds`; with `permissions` beyond @everyone's."""
        person = Person(self.world, self.world.user(name, locale))
        for guild in guilds:
            person.join(guild, permissions=permissions)
        return person

    def guild(self, name: str = "guild", *channels: str, **options: Any) -> Guild:
        """A new guild that the bot is in, with text channels (`general` unless named).

        options: as `World.guild`: locale, owner, bot_permissions.
        """
        return self.world.guild(name, channels=channels or ("general",), **options)

    def channel(self, guild: Guild, name: str, **options: Any) -> Channel:
        """A new channel.  options: as `World.channel`: kind, topic."""
        return self.world.channel(guild, name, **options)

    # Waiting and breaking

    async def until(self, look: Callable[["Discord"], object], timeout: float = 10.0) -> None:
        """Wait until `look(discord)` is true; looked at after every event, request and payload, and every 20 ms."""
        await self.world.changes.until(lambda: bool(look(self)), timeout, self._seen)

    def _seen(self) -> str:
        return f"{len(self.gateway.connections)} connections, {self.gateway.counts}, events {self.world.events}"

    def ready(self) -> bool:
        """Whether every guild's shard has a session with a connection."""
        return all(
            any(session.has(guild.id) and session.connection is not None for session in self.gateway.sessions.values())
            for guild in self.world.guilds.values()
            if self.bot.id in guild.members
        ) and bool(self.gateway.sessions)

    async def play(self, schedule: Iterable[tuple[float, Callable[[], object]]]) -> None:
        """Break things by schedule: (seconds after now, what to do), such as `(1.0, discord.gateway.drop)`."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for at, act in sorted(schedule, key=lambda step: step[0]):
            await asyncio.sleep(began + at - loop.time())
            act()
