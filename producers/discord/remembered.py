"""The bot's choices about posts and follow-ups on its own disk, until it is known whether they were wanted.

There are ids of messages and decisions here and pseudonyms, and neither users nor texts; what is about a person is
deleted with that person.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from .database import Database

#: Of the file in the bot's state directory.
REMEMBERED: Final = "remembered.sqlite"

#: Feedback has long stopped to count by then.
_KEPT_S: Final = 2 * 24 * 3600.0

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS choices (
    decision TEXT PRIMARY KEY, tenant TEXT NOT NULL, domain TEXT NOT NULL, arm TEXT NOT NULL, followed INTEGER NOT NULL,
    source INTEGER NOT NULL, unit TEXT NOT NULL, at REAL NOT NULL, settled INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS choices_by_source ON choices (source);
CREATE INDEX IF NOT EXISTS choices_to_settle ON choices (at) WHERE settled = 0;
CREATE INDEX IF NOT EXISTS choices_by_time ON choices (at);
CREATE INDEX IF NOT EXISTS choices_of ON choices (unit);
CREATE TABLE IF NOT EXISTS shown (message INTEGER PRIMARY KEY, decision TEXT NOT NULL, channel INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS shown_by_decision ON shown (decision);
CREATE TRIGGER IF NOT EXISTS shown_goes AFTER DELETE ON choices
    BEGIN DELETE FROM shown WHERE decision = old.decision; END;
"""


class Made(Struct, frozen=True):
    """A choice that was acted on."""

    decision: str
    tenant: str
    domain: str
    arm: str
    followed: bool  # False: a fallback, because no decision came in time
    source: int  # id of the message that it is about
    unit: str  # pseudonym of whom it is about
    at: float = 0.0  # Unix seconds


class Remembered:
    """The file.  It is `ports.Keeping`."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._database = Database(path, _SCHEMA)
        self._clock = clock

    def made(self, made: Made) -> bool:
        """A choice will be acted on, now.  False: it was before, so there is nothing to do any more."""
        return bool(
            self._database.write(
                "INSERT OR IGNORE INTO choices VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
                *(made.decision, made.tenant, made.domain, made.arm, made.followed, made.source, made.unit),
                self._clock(),
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

    def to_settle(self, before: float, most: int) -> list[Made]:
        """Choices made before then about which silence was not recorded yet, oldest first."""
        rows = self._database.rows(
            "SELECT * FROM choices WHERE settled = 0 AND at < ? ORDER BY at LIMIT ?", before, most
        )
        return [_made(each) for each in rows]

    def settled(self, decision: str) -> None:
        """It is recorded."""
        self._database.write("UPDATE choices SET settled = 1 WHERE decision = ?", decision)

    async def forget(self, tenant: str, unit: str) -> int:
        """All choices about a person."""
        count = self._database.write("DELETE FROM choices WHERE tenant = ? AND unit = ?", tenant, unit)
        await self._database.settle()
        return count

    async def export(self, tenant: str, unit: str) -> dict[str, Any]:
        """The choices of the last days about a person."""
        rows = self._database.rows(
            "SELECT source, domain, arm, at FROM choices WHERE tenant = ? AND unit = ? ORDER BY at", tenant, unit
        )
        return {
            "posts_and_follow_ups": [
                {"message": str(source), "kind": domain, "chosen": arm, "chosen_at": at}
                for source, domain, arm, at in rows
            ]
        }

    def moved(self, tenant: str, before: str, after: str) -> None:
        """A person has a new pseudonym."""
        self._database.write("UPDATE choices SET unit = ? WHERE tenant = ? AND unit = ?", after, tenant, before)

    async def forget_tenant(self, tenant: str) -> None:
        """Of a guild that the bot has left."""
        self._database.write("DELETE FROM choices WHERE tenant = ?", tenant)
        await self._database.settle()

    async def sweep(self) -> None:
        """Those that have been kept long enough."""
        self._database.write("DELETE FROM choices WHERE at < ?", self._clock() - _KEPT_S)
        await self._database.settle()

    def close(self) -> None:
        """Put everything on the disk."""
        self._database.close()

    def _one(self, query: str, value: Any) -> Made | None:
        row = self._database.row(query, value)
        return None if row is None else _made(row)


def _made(row: tuple[Any, ...]) -> Made:
    decision, tenant, domain, arm, followed, source, unit, at, _settled = row
    return Made(decision, tenant, domain, arm, bool(followed), source, unit, at)
