"""Follows a link and brings the text behind it, within limits.

Off unless the bot's owner switches it on (`croupier bot --fetch-links`): every page that is fetched tells its server
where the bot runs.  No cookies, no credentials, no proxy from the environment, no compressed answers (a few bytes of
which can become gigabytes), and every redirect is checked like a link.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
from msgspec import Struct
from yarl import URL

from .addresses import PORTS, LinkRefusedError, check_link, is_public
from .reading import Page, page_of, plain_of

_HEADERS: Final = {
    "User-Agent": "croupier-bot (summarises links that people post)",
    "Accept": "text/html, application/xhtml+xml, text/plain;q=0.9, text/*;q=0.5",
    "Accept-Encoding": "identity",
}
_PAGES: Final = frozenset({"text/html", "application/xhtml+xml"})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_AT_ONCE: Final = 4
_CHUNK: Final = 16 * 1024


class Limits(Struct, frozen=True):
    """How far a link is followed."""

    bytes: int = 1024 * 1024  # of a page; what comes after is not read
    seconds: float = 8.0  # for all of it, redirects included
    redirects: int = 4
    ports: frozenset[int] = PORTS
    allowed: Callable[[str], bool] = is_public  # IP addresses that may be connected to


class Links:
    """Fetches pages; `Links.open` makes one."""

    def __init__(self, session: aiohttp.ClientSession, limits: Limits) -> None:
        self._session = session
        self._limits = limits
        self._turns = asyncio.Semaphore(_AT_ONCE)

    @classmethod
    @asynccontextmanager
    async def open(cls, limits: Limits | None = None) -> AsyncIterator["Links"]:
        """Ready to fetch until left."""
        chosen = limits or Limits()
        connector = aiohttp.TCPConnector(
            socket_factory=_guarded(chosen.allowed), force_close=True, use_dns_cache=False, limit=_AT_ONCE
        )
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            auto_decompress=False,
            trust_env=False,
        ) as session:
            yield cls(session, chosen)

    async def fetch(self, link: str) -> Page:
        """What can be read there.  LinkRefusedError: it may not be followed, does not answer, or has no text."""
        url = check_link(link, self._limits.ports)
        try:
            async with self._turns, asyncio.timeout(self._limits.seconds):
                for _ in range(self._limits.redirects + 1):
                    found = await self._get(url)
                    if isinstance(found, Page):
                        return found
                    url = check_link(str(found), self._limits.ports)
        except TimeoutError:
            raise LinkRefusedError(f"no whole answer within {self._limits.seconds:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise LinkRefusedError(f"it cannot be fetched ({type(error).__name__})") from None
        raise LinkRefusedError(f"more than {self._limits.redirects} redirects")

    async def _get(self, url: URL) -> Page | URL:
        """The page, or where it has moved."""
        async with self._session.get(url, allow_redirects=False) as response:
            if response.status in _REDIRECTS:
                return url.join(URL(response.headers.get("Location", "")))
            if response.status != 200:
                raise LinkRefusedError(f"its server answers {response.status}")
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise LinkRefusedError("its server sends it compressed though asked not to")
            kind = response.content_type
            if kind not in _PAGES and not kind.startswith("text/"):
                raise LinkRefusedError(f"it is of type {kind!r:.60}, which is not read")
            body = await self._body(response)
        # Not in this thread: parsing a page takes as long as a few messages.
        if kind in _PAGES:
            return await asyncio.to_thread(page_of, body, response.charset)
        return plain_of(body, response.charset)

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            body += chunk
            if len(body) >= self._limits.bytes:
                break  # leaving closes the connection
        return bytes(body[: self._limits.bytes])


def _guarded(allowed: Callable[[str], bool]) -> Callable[[Any], socket.socket]:
    """Makes the socket of a connection, if its address is allowed: the last moment, after which nothing can change."""

    def make(info: Any) -> socket.socket:
        family, kind, protocol, _, place = info
        if not allowed(place[0]):
            raise OSError("not an address of the public internet")
        return socket.socket(family, kind, protocol)

    return make
