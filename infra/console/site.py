"""How a page becomes an answer: who asks is found, their form is checked, and what changes is sent as it does."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from schemas.errors import BrokerUnavailableError, CroupierError, TopicsMismatchError

from .guard import check_origin, read_form
from .rendering import View, address
from .roles import Person, Role
from .sessions import Session

if TYPE_CHECKING:
    from .console import Console

Answer = View | Response


class Asked(NamedTuple):
    """A request of somebody who is signed in and may make it."""

    console: "Console"
    request: Request
    session: Session
    cookie: str
    form: Mapping[str, str]  # of POST

    @property
    def person(self) -> Person:
        """Who asks."""
        return self.session.person

    def query(self, name: str) -> str | None:
        """A part of the address; None: it is not there, or empty."""
        return self.request.query_params.get(name) or None

    def tenant(self, name: str | None) -> str:
        """A tenant whose data they see.  HTTPException: they do not, or there is none of that name; both are one."""
        if name is None or not self.person.sees(name):
            raise HTTPException(404, "There is no such tenant, or its data is not yours to see.")
        return name


class Page(NamedTuple):
    """One page, or one thing that can be done."""

    path: str
    answer: Callable[[Asked], Awaitable[Answer]]
    role: Role = "viewer"
    method: str = "GET"
    live: bool = False  # its block `live` is sent again when it changes
    pace: int = 1  # looks at the deployment between two looks at whether it has: some cost more than others


#: Of pages that are open and followed: by one session, and by all.
_STREAMS_EACH: Final = 8
_STREAMS: Final = 256
_BREATH_S: Final = 15.0  # something is sent so often, or proxies take the stream for dead


def routes(console: "Console", pages: Sequence[Page]) -> list[Route]:
    """Of all pages, with the streams of those that change."""
    found = []
    for page in pages:
        found.append(Route(page.path, _endpoint(console, page), methods=[page.method], name=page.path))
        if page.live:
            found.append(Route(f"/live{page.path}", _stream(console, page), methods=["GET"]))
    return found


def common(console: "Console", request: Request, session: Session | None, cookie: str = "") -> dict[str, Any]:
    """What every template may show."""
    person = None if session is None else session.person
    return {
        "person": person,
        "form_token": console.sessions.token(cookie),
        "path": request.url.path.removeprefix("/live"),
        "query": request.url.query,
        "problem": console.deployment.problem if person is not None else None,
        "looked_at": console.deployment.at or None,
        "prefix": console.deployment.prefix,
    }


def rendered(console: "Console", request: Request, view: View, session: Session | None, cookie: str = "") -> Response:
    """The page."""
    text = console.renderer.page(view, common(console, request, session, cookie))
    return HTMLResponse(text, view.status)


def error_view(status: int, title: str, text: str) -> View:
    """A page that says what is wrong."""
    return View("error.html", {"title": title, "text": text, "status": status}, status)


def explained(error: CroupierError) -> View:
    """One of our own errors: its sentence says what to do."""
    if isinstance(error, BrokerUnavailableError | TopicsMismatchError):
        return error_view(503, "The deployment cannot be reached", str(error))
    return error_view(400, "That cannot be done", str(error))


def _endpoint(console: "Console", page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        cookie = request.cookies.get(console.settings.cookie, "")
        session = console.sessions.find(cookie)
        if session is None:
            if page.method != "GET":
                raise HTTPException(403, "You are signed out. Sign in, and do it again.")
            own = address(request.url.path, next=None)
            wanted = f"{own}?{request.url.query}" if request.url.query else own
            return RedirectResponse(address("/login", next=wanted if wanted != "/" else None), 303)
        form: Mapping[str, str] = {}
        if page.method == "POST":
            check_origin(request)
            form = await read_form(request)
            if not console.sessions.is_token(cookie, form.get("token", "")):
                raise HTTPException(403, "This form is too old, or of another session. Open the page again.")
        _check_role(session.person, page.role)
        asked = Asked(console, request, session, cookie, form)
        try:
            answer = await page.answer(asked)
        except CroupierError as error:
            answer = explained(error)
        return rendered(console, request, answer, session, cookie) if isinstance(answer, View) else answer

    return endpoint


def _check_role(person: Person, role: Role) -> None:
    if not person.may(role):
        raise HTTPException(403, f"That is for the role {role} and above; yours is {person.role}.")


def _stream(console: "Console", page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        cookie = request.cookies.get(console.settings.cookie, "")
        session = console.sessions.find(cookie)
        if session is None:
            return PlainTextResponse("You are signed out.", 401)
        _check_role(session.person, page.role)
        if console.streams.get(session.number, 0) >= _STREAMS_EACH or sum(console.streams.values()) >= _STREAMS:
            return PlainTextResponse("Too many pages are open.", 429, headers={"Retry-After": "30"})
        return StreamingResponse(
            _events(console, page, request, cookie, session.number), media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )  # fmt: skip

    return endpoint


async def _events(
    console: "Console", page: Page, request: Request, cookie: str, number: str
) -> AsyncIterator[str]:  # fmt: skip
    """The block `live` whenever it is another, until the page is closed, the session has ended or we stop."""
    console.streams[number] = console.streams.get(number, 0) + 1
    loop = asyncio.get_running_loop()
    last: tuple[str, str | None] | None = None
    spoken = loop.time()
    try:
        while not console.stopping.is_set():
            session = console.sessions.find(cookie)
            if session is None or not session.person.may(page.role):
                yield "event: signed-out\ndata: {}\n\n"
                return
            text = await _live(console, page, Asked(console, request, session, cookie, {}))
            known = "" if last is None else last[0]
            news = known if text is None else text, console.deployment.problem
            if news != last:
                yield f"data: {json.dumps({'html': news[0], 'problem': news[1]})}\n\n"
                last, spoken = news, loop.time()
            elif loop.time() - spoken > _BREATH_S:
                yield ": nothing new\n\n"
                spoken = loop.time()
            try:
                await asyncio.wait_for(console.stopping.wait(), page.pace * console.deployment.interval)
            except TimeoutError:
                continue
    finally:
        console.streams[number] -= 1
        if not console.streams[number]:
            del console.streams[number]


async def _live(console: "Console", page: Page, asked: Asked) -> str | None:
    try:
        answer = await page.answer(asked)
    except (CroupierError, HTTPException):
        return None  # the page stays as it is; `problem` tells why
    if not isinstance(answer, View) or answer.status != 200:
        return None
    return console.renderer.live(answer, common(console, asked.request, asked.session, asked.cookie))
