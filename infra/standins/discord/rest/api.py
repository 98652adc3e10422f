"""The REST API over HTTP: reads a request, holds it to the limits, lets its route answer, and records it."""

import asyncio
import re
import time

import msgspec
from aiohttp import web

from ..errors import ApiError, unauthorized
from ..faults import Fault, Faults
from ..gateway.gateway import Gateway
from ..limits import Limiter, Refusal
from ..record import Record, Request
from ..state.accounts import Json
from ..state.world import World
from . import commands, interactions, messages, places
from .call import Answer, Call, Route, Table, Upload, answer

PREFIX = "/api/v10"
FILE = re.compile(r"^files?\[?(\d*)\]?$")
COMMON = {"Via": "1.1 croupier-standin", "Server": "croupier-standin"}
"""discord.py takes a 429 without Via for Cloudflare's."""


class Api:
    """Answers requests under /api/v10."""

    def __init__(self, world: World, gateway: Gateway, limiter: Limiter, faults: Faults, record: Record) -> None:
        self.world, self.gateway, self.limiter, self.faults, self.record = world, gateway, limiter, faults, record
        self._table = Table(
            [
                Route("GET", "/gateway", self._gateway, open=True),  # "does not require authentication"
                Route("GET", "/gateway/bot", self._gateway_bot),
                *messages.ROUTES,
                *places.ROUTES,
                *commands.ROUTES,
                *interactions.ROUTES,
            ]
        )
        self._authorization = f"Bot {gateway.token}"

    def _gateway(self, call: Call) -> Answer:
        """Get Gateway."""
        return answer({"url": self.gateway.url})

    def _gateway_bot(self, call: Call) -> Answer:
        """Get Gateway Bot."""
        return answer(
            {
                "url": self.gateway.url,
                "shards": self.world.rules.shards,
                "session_start_limit": self.gateway.session_start_limit(),
            }
        )

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request and record it."""
        at = time.monotonic()
        path = request.path[len(PREFIX) :]
        fault = self.faults.take(request.method, path)
        if fault is not None and fault.delay:
            await asyncio.sleep(fault.delay)
        if fault is not None and fault.cut == "before":
            return _cut(request)
        route, body, response, scope = await self._respond(request, path, fault)
        if response.status in (401, 403, 429):
            self.limiter.note(response.status, scope)
        now = time.monotonic()
        name = "" if route is None else route.path
        self.record.add(Request(at, now, request.method, name, path, response.status, body))
        if fault is not None and fault.lag:
            await asyncio.sleep(fault.lag)
        if fault is not None and fault.cut == "after":
            return _cut(request)
        return response

    async def _respond(
        self, request: web.BaseRequest, path: str, fault: Fault | None
    ) -> tuple[Route | None, Json, web.Response, str | None]:
        """The route taken, the body that came, the response, and for a 429 its scope."""
        route: Route | None = None
        call = Call(self.world, {}, {})
        headers: dict[str, str] = {}
        try:
            if (wait := self.limiter.shut_out) > 0:  # Cloudflare's page, without Via
                page = web.Response(status=429, text="error code: 1015", headers={"Retry-After": str(int(wait) + 1)})
                return None, {}, page, None
            route, values = self._table.find(request.method, path.strip("/").split("/"))
            if not route.open and request.headers.get("Authorization") != self._authorization:
                raise unauthorized()
            headers, refusal = self.limiter.take(route, values.get(route.major or "", ""))
            if fault is not None and fault.status == 429:
                refusal = self.limiter.refuse(self.faults.wait(fault), fault.scope, headers)
            if refusal is not None:
                return route, {}, _refused(refusal), refusal.scope
            if fault is not None and fault.status:
                raise ApiError(0, status=fault.status, message=f"{fault.status}: fault")
            call.path = values
            if request.query_string:
                call.query = request.query
            await _read(request, call)
            body = call.body
            status, content = route.handle(call)
        except ApiError as error:
            body, status, content = call.body, error.status, error.body()
        if content is not None:
            headers = {"Content-Type": "application/json", **COMMON, **headers}
        else:
            headers = {**COMMON, **headers}
        return route, body, web.Response(status=status, body=content, headers=headers), None


async def _read(request: web.BaseRequest, call: Call) -> None:
    """The body: JSON, or a form with `payload_json` and files ("Reference", Uploading Files)."""
    if not request.can_read_body:
        return
    kind = request.content_type
    if kind == "multipart/form-data":
        async for part in await request.multipart():
            data = bytes(await part.read(decode=False))  # type: ignore[union-attr]
            if part.name == "payload_json":  # type: ignore[union-attr]
                call.body = _object(data, call)
            elif found := FILE.match(part.name or ""):  # type: ignore[union-attr]
                upload = Upload(part.filename or "file", part.headers.get("Content-Type", ""), data)  # type: ignore[union-attr]
                call.files[int(found.group(1) or 0)] = upload
    elif data := await request.read():
        call.body = _object(data, call)


def _object(data: bytes, call: Call) -> Json:
    try:
        content = msgspec.json.decode(data)
    except msgspec.DecodeError:
        raise ApiError(50109) from None
    if isinstance(content, list):
        call.items = content
        return {"items": content}
    if not isinstance(content, dict):
        raise ApiError(50109)
    return content


def _refused(refusal: Refusal) -> web.Response:
    return web.Response(
        status=429, body=refusal.body, headers={"Content-Type": "application/json", **COMMON, **refusal.headers}
    )


def _cut(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
