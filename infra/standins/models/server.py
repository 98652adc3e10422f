"""The local models' server: two protocols over real sockets, answers from recordings, faults on demand."""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import msgspec
from aiohttp import web

from producers.providers import Catalogue

from .anthropic_protocol import AnthropicProtocol
from .caching import Cache
from .catalogues import recorded_catalogue
from .faults import Fault, Faults, Kind
from .openai_protocol import OpenAIProtocol
from .protocol import Frames, Speaks
from .recorded import recordings
from .reply import Reply, reply, request_tokens, tokens

_STREAM = "text/event-stream; charset=utf-8"
_JSON = "application/json"
_MOST_BYTES = 32 * 2**20  # Anthropic's limit of a request
_BEGINNING = 24  # characters of a question that `times` keeps


class ModelServer:
    """An async context: it listens while it is entered.

    models: what it serves, by name, and their context length; None: the recorded ones.  keys: those it accepts; None:
    any, or none at all.  first_token_s, between_s: how long models take when nothing is wrong.
    `faults` says what goes wrong; so does `PUT /control/faults` (a JSON array of `Fault`), from another process.
    """

    def __init__(
        self,
        models: Mapping[str, int] | None = None,
        *,
        keys: frozenset[str] | None = None,
        first_token_s: float = 0.0,
        between_s: float = 0.0,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.faults = Faults()
        self.open = 0  # streams that are being sent
        self.bodies: list[Any] | None = None  # a list: requests are kept in it, as they came
        #: A list: (beginning of the question, when it was received, when the answer began), on the monotonic clock.
        self.times: list[tuple[str, float, float]] | None = None
        self._models = dict(models) if models is not None else dict.fromkeys(recordings().arms, 131_072)
        self._keys = keys
        self._first_token_s = first_token_s
        self._between_s = between_s
        self._host = host
        self._port = port
        self._number = 0
        self._cache = Cache()
        self._runner: web.AppRunner | None = None
        self._closing = asyncio.Event()

    @property
    def url(self) -> str:
        """Of the server; OpenAI's protocol is at /v1, Anthropic's client puts the /v1 there itself."""
        return f"http://{self._host}:{self._port}"

    def catalogue(self) -> Catalogue:
        """The recorded models, served here."""
        return recorded_catalogue(self.url)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_MOST_BYTES)
        app.add_routes(
            [
                web.post("/v1/chat/completions", self._completions),
                web.post("/v1/messages", self._messages),
                web.get("/v1/models", self._list),
                web.get("/control/faults", self._get_faults),
                web.put("/control/faults", self._put_faults),
                web.get("/control/requests", self._get_requests),
                web.post("/control/times", self._take_times),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port, backlog=1024)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing.set()  # requests that hang are let go
        if self._runner is not None:
            await self._runner.cleanup()

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, _OPENAI)

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, _ANTHROPIC)

    async def _list(self, request: web.Request) -> web.Response:
        speaks: Speaks = _ANTHROPIC if "anthropic-version" in request.headers else _OPENAI
        if (refused := self._unauthorised(request, speaks)) is not None:
            return refused
        return web.Response(body=speaks.models(list(self._models)), content_type=_JSON)

    async def _answer(self, request: web.Request, speaks: Speaks) -> web.StreamResponse:
        received = time.monotonic()
        if (refused := self._unauthorised(request, speaks)) is not None:
            return refused
        body = await request.read()
        try:
            asked = speaks.read(body)
        except msgspec.DecodeError as error:
            return _error(speaks, 400, str(error))
        if self.bodies is not None:
            self.bodies.append(msgspec.json.decode(body))
        context = self._models.get(asked.model)
        if context is None:
            return _error(speaks, 404, f"The model `{asked.model}` does not exist", "model_not_found")
        faults = self.faults.of_request(asked.model)
        if (failed := _failed(speaks, faults)) is not None:
            return failed
        if request_tokens(asked.turns) > context:
            text = f"This model's maximum context length is {context} tokens. Please reduce the length of the messages."
            return _error(speaks, 400, text, "context_length_exceeded")
        self._number += 1
        said = reply(recordings(), asked.model, asked.turns, asked.most_output_tokens)
        if self.times is not None:
            self.times.append((asked.turns[-1].text[:_BEGINNING], received, time.monotonic() + self._first_token_s))
        if asked.caching:
            usage = self._cache.charge(asked.model, asked.turns, said.usage)
            said = msgspec.structs.replace(said, usage=usage)
        if "empty" in faults or "refuse" in faults:
            said = Reply((), said.usage, stopped=False)
        if (thinks := faults.get("think")) is not None:
            thoughts = ("Let me see what is known about this and what follows from it. ",) * thinks.pieces
            more = tokens("".join(thoughts))
            usage = msgspec.structs.replace(said.usage, output_tokens=said.usage.output_tokens + more)
            said = msgspec.structs.replace(said, thoughts=thoughts, usage=usage)
        if not asked.stream:
            await self._wait(faults, "slow", self._first_token_s)
            whole = speaks.whole(asked, said, self._number, refused="refuse" in faults)
            return web.Response(body=whole, content_type=_JSON)
        with_usage = asked.usage and "no-usage" not in faults
        frames = speaks.frames(asked, said, self._number, usage=with_usage, refused="refuse" in faults)
        self.open += 1
        try:
            return await self._stream(request, speaks, frames, faults)
        except ConnectionResetError:  # who asked has left
            return web.Response()
        finally:
            self.open -= 1

    async def _stream(
        self, request: web.Request, speaks: Speaks, frames: Frames, faults: Mapping[Kind, Fault]
    ) -> web.StreamResponse:
        if not faults and not self._first_token_s and not self._between_s:
            return web.Response(body=frames.whole, headers={"Content-Type": _STREAM})  # one write: many can be served
        response = web.StreamResponse(headers={"Content-Type": _STREAM})
        await response.prepare(request)
        await response.write(frames.head)
        await self._wait(faults, "slow", self._first_token_s)
        stop = next((fault for kind, fault in faults.items() if kind in ("hang", "cut", "end-early", "error")), None)
        for index, piece in enumerate(frames.pieces):
            if stop is not None and index >= stop.after_pieces:
                return await self._stopped(request, speaks, response, stop)
            await response.write(piece)
            await self._wait(faults, "pause", self._between_s)
        if stop is not None:
            return await self._stopped(request, speaks, response, stop)
        await response.write(frames.tail)
        await response.write_eof()
        return response

    async def _stopped(
        self, request: web.Request, speaks: Speaks, response: web.StreamResponse, stop: Fault
    ) -> web.StreamResponse:
        if stop.kind == "hang":
            await self._closing.wait()
        elif stop.kind == "cut" and request.transport is not None:
            await asyncio.sleep(0)  # what was written goes out first
            request.transport.close()
        else:
            if stop.kind == "error":
                await response.write(speaks.error_event(stop.status, "Overloaded"))
            await response.write_eof()
        return response

    async def _wait(self, faults: Mapping[Kind, Fault], kind: Kind, usual_s: float) -> None:
        seconds = faults[kind].seconds if kind in faults else usual_s
        if seconds:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), seconds)

    def _unauthorised(self, request: web.Request, speaks: Speaks) -> web.Response | None:
        key = speaks.key(request.headers)
        if self._keys is None or key in self._keys:
            return None
        shown = f"{key[:3]}...{key[-2:]}" if key else "none"
        return _error(speaks, 401, f"Incorrect API key provided: {shown}.", "invalid_api_key")

    async def _get_faults(self, _: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(self.faults.now), content_type=_JSON)

    async def _put_faults(self, request: web.Request) -> web.Response:
        try:
            self.faults.set(*msgspec.json.decode(await request.read(), type=list[Fault]))
        except msgspec.DecodeError as error:
            return web.Response(status=400, text=f"not an array of faults: {error}")
        return web.Response(status=204)

    async def _get_requests(self, _: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(self.faults.seen), content_type=_JSON)

    async def _take_times(self, _: web.Request) -> web.Response:
        taken, self.times = self.times or [], []
        return web.Response(body=msgspec.json.encode(taken), content_type=_JSON)


_OPENAI = OpenAIProtocol()
_ANTHROPIC = AnthropicProtocol()


def _failed(speaks: Speaks, faults: Mapping[Kind, Fault]) -> web.Response | None:
    if (limited := faults.get("rate-limit")) is not None:
        return _error(speaks, 429, "Rate limit reached for requests", "rate_limit_exceeded", limited.retry_after)
    if (failing := faults.get("fail")) is not None:
        return _error(speaks, failing.status, "The server had an error while processing your request")
    return None


def _error(
    speaks: Speaks, status: int, message: str, code: str | None = None, after_s: float | None = None
) -> web.Response:
    headers = {"x-request-id": "req_local", "request-id": "req_local"}
    if after_s is not None:
        headers |= {"Retry-After": f"{after_s:g}", "x-ratelimit-remaining-requests": "0"}
    return web.Response(status=status, body=speaks.error(status, message, code), headers=headers, content_type=_JSON)
