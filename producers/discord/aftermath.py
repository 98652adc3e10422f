"""What becomes of summaries and follow-ups: remembered on disk until it is known whether they were wanted.

There are ids of messages and decisions here, and neither users nor texts.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import structlog
from msgspec import Struct

from producers.deciding import Deciding, SpoolFullError

from .database import Database
from .wanted import SILENCE, observations

_KEPT_S: Final = 7 * 24 * 3600.0
_AT_ONCE: Final = 500

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS choices (
    decision TEXT PRIMARY KEY, tenant TEXT NOT NULL, domain TEXT NOT NULL, arm TEXT NOT NULL, followed INTEGER NOT NULL,
    source INTEGER NOT NULL, at REAL NOT NULL, settled INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS choices_by_source ON choices (source);
CREATE INDEX IF NOT EXISTS choices_to_settle ON choices (at) WHERE settled = 0;
CREATE INDEX IF NOT EXISTS choices_by_time ON choices (at);
CREATE TABLE IF NOT EXISTS shown (message INTEGER PRIMARY KEY, decision TEXT NOT NULL, channel INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS shown_by_decision ON shown (decision);
"""

#: First letters of the ids of decisions that are kept here: analyses and engagement.
_KINDS: Final = frozenset("ae")

_log = structlog.stdlib.get_logger(__name__)


class Made(Struct, frozen=True):
    """A choice that was acted on."""

    decision: str
    tenant: str
    domain: str
    arm: str
    followed: bool  # False: a fallback, because no decision came in time
    source: int  # id of the message that it is about
    at: float  # Unix seconds


class Aftermath:
    """Remembers choices, and records what people make of them."""

    def __init__(
        self,
        path: Path,
        deciding: Deciding,
        *,
        silent_after_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """path: of the file; nobody else's.  silent_after_s: then silence is recorded; before the domains' horizon."""
        self._database = Database(path, _SCHEMA)
        self._deciding = deciding
        self._silent_after_s = silent_after_s
        self._clock = clock

    def made(self, decision: str, tenant: str, domain: str, arm: str, *, followed: bool, source: int) -> bool:
        """A choice will be acted on.  False: it was before, so there is nothing to do any more."""
        return bool(
            self._database.write(
                "INSERT OR IGNORE INTO choices VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
                *(decision, tenant, domain, arm, followed, source, self._clock()),
            )
        )

    def showed(self, decision: str, message: int, channel: int) -> None:
        """A message of ours shows what was chosen."""
        self._database.write("INSERT OR REPLACE INTO shown VALUES (?, ?, ?)", message, decision, channel)

    def hidden(self, message: int) -> bool:
        """It is there no more; False: it was not ours, or is known to be gone."""
        return bool(self._database.write("DELETE FROM shown WHERE message = ?", message))

    def messages(self, decision: str) -> list[tuple[int, int]]:
        """The messages that show it, each with its channel."""
        rows = self._database.rows("SELECT message, channel FROM shown WHERE decision = ? ORDER BY message", decision)
        return [(message, channel) for message, channel in rows]

    def by_decision(self, decision: str) -> Made | None:
        """The choice of this id."""
        return self._one("SELECT * FROM choices WHERE decision = ?", decision)

    def by_source(self, message: int) -> Made | None:
        """The choice about a message."""
        return self._one("SELECT * FROM choices WHERE source = ?", message)

    def by_message(self, message: int) -> Made | None:
        """The choice that a message of ours shows."""
        return self._one("SELECT choices.* FROM choices JOIN shown USING (decision) WHERE message = ?", message)

    async def acted(self, made: Made, observed: Mapping[str, float]) -> bool:
        """Record how acting on it went."""
        return await self._observe(made, observed, "acted")

    async def heard(self, made: Made, signal: str, value: float = 1.0, who: str = "") -> bool:
        """Record a signal of people.  who: a pseudonym.  False: it can not be recorded now."""
        what = f"{signal}:{who}" if who else signal
        return await self._observe(made, observations(made.domain, made.arm, signal, value), what)

    def meaning(self, decision: str, signal: str, value: float) -> Mapping[str, float]:
        """What to observe about any decision: of one that is not known here, the signal alone."""
        made = self.by_decision(decision) if decision[:1] in _KINDS else None
        return {signal: value} if made is None else observations(made.domain, made.arm, signal, value)

    async def settle(self) -> int:
        """Record the silence about choices that are old enough; how many."""
        rows = self._database.rows(
            "SELECT * FROM choices WHERE settled = 0 AND at < ? ORDER BY at LIMIT ?",
            self._clock() - self._silent_after_s,
            _AT_ONCE,
        )
        count = 0
        for made in map(_made, rows):
            if made.followed and not await self.heard(made, SILENCE):
                break
            self._database.write("UPDATE choices SET settled = 1 WHERE decision = ?", made.decision)
            count += 1
        before = self._clock() - _KEPT_S
        with self._database.together():
            self._database.write(
                "DELETE FROM shown WHERE decision IN (SELECT decision FROM choices WHERE at < ?)", before
            )
            self._database.write("DELETE FROM choices WHERE at < ?", before)
        return count

    def close(self) -> None:
        """Put everything on the disk."""
        self._database.close()

    async def _observe(self, made: Made, observed: Mapping[str, float], what: str) -> bool:
        if not observed:
            return True
        try:
            await self._deciding.observe(made.tenant, made.decision, observed, id=f"{made.decision}:{what}")
        except SpoolFullError:
            _log.error("what came of a decision can not be recorded: Kafka has been away too long, the spool is full")
            return False
        return True

    def _one(self, query: str, value: Any) -> Made | None:
        row = self._database.row(query, value)
        return None if row is None else _made(row)


def _made(row: tuple[Any, ...]) -> Made:
    decision, tenant, domain, arm, followed, source, at, _settled = row
    return Made(decision, tenant, domain, arm, bool(followed), source, at)
