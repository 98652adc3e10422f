"""Signing in: with a name and a password, by a link, or at an issuer; and out again."""

import asyncio
import math
import secrets
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from .accounts import LONGEST, Accounts
from .audit import Trail
from .guard import check_origin, own_path, read_form
from .limits import Limit
from .oidc import Issuer
from .rendering import View
from .roles import Person
from .sessions import LONGEST_S, Sessions
from .settings import Settings
from .site import rendered

if TYPE_CHECKING:
    from .console import Console

#: Failures that a name from one address, a name from anywhere, and an address may have, within so many seconds.
PER_PAIR: Final = (5, 60.0)
PER_NAME: Final = (30, 900.0)
PER_ADDRESS: Final = (20, 60.0)

#: So many passwords are checked at once: each takes 64 MiB.
_AT_ONCE: Final = 2


class SignIn:
    """The pages of somebody who is nobody yet."""

    def __init__(self, settings: Settings, sessions: Sessions, accounts: Accounts, trail: Trail) -> None:
        self._settings = settings
        self._sessions = sessions
        self._accounts = accounts
        self._trail = trail
        self._limits = (Limit(*PER_PAIR), Limit(*PER_NAME), Limit(*PER_ADDRESS))
        self._checking = asyncio.Semaphore(_AT_ONCE)
        self._visit = "__Host-croupier-visit" if settings.secure else "croupier-visit"
        self.issuer = None if settings.oidc is None else Issuer(settings, settings.oidc)

    def routes(self, console: "Console") -> list[BaseRoute]:
        """Of these pages."""
        self._console = console
        found: list[BaseRoute] = [
            Route("/login", self.show, methods=["GET"]),
            Route("/login", self.password, methods=["POST"]),
            Route("/login/link", self.show_link, methods=["GET"]),
            Route("/login/link", self.link, methods=["POST"]),
            Route("/logout", self.sign_out, methods=["POST"]),
        ]
        if self.issuer is not None:
            found.append(self.issuer.routes(self))
        return found

    async def show(self, request: Request) -> Response:
        """The form."""
        if self._sessions.find(request.cookies.get(self._settings.cookie, "")) is not None:
            return RedirectResponse(own_path(request.query_params.get("next")), 303)
        return self._form(request, "")

    async def password(self, request: Request) -> Response:
        """A name and a password."""
        form = await self._checked_form(request)
        name = form.get("name", "").strip()[:128]
        right = await self.verified(request, name, form.get("password", ""))
        person = self._accounts.find(name) if right else None
        if person is None:
            return self._form(request, "The name or the password is wrong.", name, form.get("next", ""), 401)
        return self.signed_in(request, person, form.get("next"), "with a password")

    async def verified(self, request: Request, name: str, password: str) -> bool:
        """Whether it is the account's password.  HTTPException: it was tried too often."""
        address = request.client.host if request.client else ""
        keys = (f"{address} {name}", name, address)
        wait = math.ceil(max(limit.wait(key) for limit, key in zip(self._limits, keys, strict=True)))
        if wait > 0:
            self._trail.note(name, "", "sign-in-refused", "too many tries")
            raise HTTPException(429, f"Too many tries. Try again in {wait} s.", {"Retry-After": str(wait)})
        for limit, key in zip(self._limits, keys, strict=True):
            limit.note(key)  # before it is known: many at once are no way around
        async with self._checking:
            right = len(password) <= LONGEST and await asyncio.to_thread(self._accounts.verify, name, password)
        if right:
            for limit, key in zip(self._limits, keys, strict=True):
                limit.take_back(key)
        else:
            self._trail.note(name, "", "sign-in-refused", "wrong name or password")
        return right

    async def show_link(self, request: Request) -> Response:
        """A button: programs that look at links before people do shall not use one up."""
        token = request.query_params.get("token", "")
        return self._visited(request, View("link.html", {"link": token}))

    async def link(self, request: Request) -> Response:
        """A link that `croupier console link` made."""
        form = await self._checked_form(request)
        person = self._sessions.use_link(form.get("link", ""))
        if person is None:
            self._trail.note("", "", "sign-in-refused", "a link that is not good (any more)")
            return self._form(
                request, "This link was used, or is older than ten minutes. Make another: croupier console link NAME",
                status=401,
            )  # fmt: skip
        return self.signed_in(request, person, None, "by a link")

    async def sign_out(self, request: Request) -> Response:
        """End the session."""
        check_origin(request)
        cookie = request.cookies.get(self._settings.cookie, "")
        form = await read_form(request)
        session = self._sessions.find(cookie)
        if session is not None:
            if not self._sessions.is_token(cookie, form.get("token", "")):
                raise HTTPException(403, "This form is too old, or of another session. Open the page again.")
            self._sessions.end(cookie)
            self._trail.note(session.person.name, session.person.role, "signed-out")
        response = RedirectResponse("/login", 303)
        response.delete_cookie(self._settings.cookie, secure=self._settings.secure, httponly=True, samesite="lax")
        return response

    def signed_in(self, request: Request, person: Person, wanted: object, how: str) -> Response:
        """A new session: whatever cookie there was before is good for nothing."""
        self._sessions.end(request.cookies.get(self._settings.cookie, ""))
        response = RedirectResponse(own_path(wanted), 303)
        response.set_cookie(
            self._settings.cookie, self._sessions.begin(person), max_age=int(LONGEST_S), path="/",
            secure=self._settings.secure, httponly=True, samesite="lax",
        )  # fmt: skip
        self._trail.note(person.name, person.role, "signed-in", how)
        return response

    def refused(self, request: Request, who: str, why: str) -> Response:
        """The issuer says no, or says something that leads to nothing here."""
        self._trail.note(who, "", "sign-in-refused", why)
        return self._form(request, why, status=403)

    async def _checked_form(self, request: Request) -> dict[str, str]:
        check_origin(request)
        form = await read_form(request)
        visit = request.cookies.get(self._visit, "")
        if not visit or not self._sessions.is_token(visit, form.get("token", "")):
            raise HTTPException(403, "This form is too old, or your browser takes no cookies. Open the page again.")
        return form

    def _form(
        self, request: Request, problem: str, name: str = "", wanted: str | None = None, status: int = 200
    ) -> Response:  # fmt: skip
        context = {
            "trouble": problem,
            "name": name,
            "wanted": own_path(wanted or request.query_params.get("next")),
            "issuer": None if self._settings.oidc is None else self._settings.oidc.label,
            "accounts": bool(self._accounts.all()),
        }
        return self._visited(request, View("login.html", context, status))

    def _visited(self, request: Request, view: View) -> Response:
        """With a cookie of the visit, to which the form's token belongs."""
        visit = request.cookies.get(self._visit, "") or secrets.token_urlsafe(32)
        response = rendered(self._console, request, view, None, visit)
        response.set_cookie(
            self._visit, visit, max_age=3600, path="/", secure=self._settings.secure, httponly=True, samesite="lax"
        )
        return response
