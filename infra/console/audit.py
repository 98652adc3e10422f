"""The audit log: what people do at the console, in the topic `audit`.

What changes something is written there, and acknowledged, before it is done: without that nothing is done.  Signing in
and out must go on while the broker is away, so these wait in the console's database until it is back.
"""

import asyncio
import secrets
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

import structlog

from infra.domains import clients
from infra.reading.latest import latest
from infra.reading.log import Log
from schemas import wire
from schemas.errors import BadRecordError, CroupierError
from schemas.events import Audit
from schemas.topics import AUDIT, full_name

from .deployment import PATIENCE_S, Deployment
from .roles import Person

#: So many of the last entries are kept in memory.
KEPT: Final = 10_000
#: So many wait at most while the broker is away; then the oldest are dropped, and the console's log has them.
_WAITING: Final = 10_000
_FLUSH_S: Final = 1.0

_logger = structlog.get_logger()


class Action(NamedTuple):
    """Something that is going to be done."""

    action: str
    tenant: str
    target: str
    detail: str
    document: str = ""


class Trail:
    """Writes the topic, and follows it."""

    def __init__(
        self, deployment: Deployment, database: sqlite3.Connection, clock: Callable[[], float] = time.time
    ) -> None:
        self._deployment = deployment
        self._database = database
        self._clock = clock
        self._news = asyncio.Event()
        self.entries: deque[tuple[int, Audit]] = deque(maxlen=KEPT)  # offset and entry, oldest first
        self._seen: dict[str, None] = {}
        self.reading_done = False  # the last entries are here

    async def write(self, person: Person, *actions: Action) -> None:
        """Before they are done.  CroupierError: they cannot be written down, so do not do them."""
        entries = [self._entry(person.name, person.role, *each) for each in actions]
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._send(entries)
        except (CroupierError, TimeoutError) as error:
            raise CroupierError(
                f"this cannot be written into the audit log, so it was not done: {error or type(error).__name__}"
            ) from None

    def note(self, who: str, role: str, action: str, detail: str = "") -> None:
        """After something that happens in any case; sent as soon as the broker is there."""
        entry = self._entry(who[:128], role, action, "", "", detail, "")
        _logger.info("at the console", who=entry.who, action=action, detail=detail)
        self._database.execute("insert into waiting (record) values (?)", (wire.encode(entry),))
        self._database.execute("delete from waiting where number <= (select max(number) from waiting) - ?", (_WAITING,))
        self._news.set()

    async def send_waiting(self) -> None:
        """Send what waits, again and again."""
        while True:
            rows = self._database.execute("select number, record from waiting order by number limit 500").fetchall()
            if rows:
                async with asyncio.timeout(PATIENCE_S):
                    await self._send([wire.decode(AUDIT.name, record) for _, record in rows])
                self._database.execute("delete from waiting where number <= ?", (rows[-1][0],))
                continue
            self._deployment.well("audit log")
            self._news.clear()
            await self._news.wait()
            await asyncio.sleep(_FLUSH_S)

    async def follow(self) -> None:
        """Read the last entries, then those that come."""
        async with Log.open(self._deployment.servers, self._deployment.prefix) as log:
            bounds = await log.bounds(AUDIT.name)
            for record in await latest(log, AUDIT.name, bounds, KEPT, lambda _: True):
                self._take(record)
            self.reading_done = True
            self._deployment.well("audit log")
            async for record in log.follow(AUDIT.name, {number: end for number, (_, end) in bounds.items()}):
                self._take(record)

    def _take(self, record: object) -> None:
        try:
            entry: Audit = wire.decode(AUDIT.name, record.value)  # type: ignore[attr-defined]
        except BadRecordError:
            return  # `croupier tail audit` shows what is none
        if entry.id in self._seen:
            return
        self._seen[entry.id] = None
        while len(self._seen) > KEPT:
            del self._seen[next(iter(self._seen))]
        self.entries.append((record.offset, entry))  # type: ignore[attr-defined]

    async def _send(self, entries: list[Audit]) -> None:
        topic = full_name(AUDIT, self._deployment.prefix)
        async with clients.producer(self._deployment.servers) as producer:
            sent = [
                await producer.send(topic, wire.encode(each), key=each.tenant.encode(), partition=0) for each in entries
            ]
            await asyncio.gather(*sent)

    def _entry(
        self, who: str, role: str, action: str, tenant: str, target: str, detail: str, document: str
    ) -> Audit:  # fmt: skip
        at = int(self._clock() * 1000)
        return Audit(f"console-{secrets.token_hex(12)}", at, who, role, action, tenant, target, detail, document)
