"""Keys, salts, consent and what is remembered of people, on the bot's own disk."""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from producers.discord.database import Database
from producers.discord.ports import Keeping, Past

from . import pseudonyms

DAY_S: Final = 24 * 3600.0
#: A person who has not asked anything for so long is forgotten.
IDLE_DAYS: Final = 180
#: After a key was replaced, people who come back within this time keep their consent and what is remembered.
RETIRED_DAYS: Final = 30
#: A rating counts at least this much in the mean: the last five or so decide it.
_LEAST_WEIGHT: Final = 0.2

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS keys (
    tenant TEXT NOT NULL, number INTEGER NOT NULL, key BLOB NOT NULL, made_at REAL NOT NULL, retired_at REAL,
    PRIMARY KEY (tenant, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS people (
    tenant TEXT NOT NULL, row BLOB NOT NULL, salt BLOB NOT NULL, seen_at REAL NOT NULL,
    consent_at REAL, questions INTEGER NOT NULL DEFAULT 0, asked_at REAL,
    ratings INTEGER NOT NULL DEFAULT 0, satisfaction REAL,
    PRIMARY KEY (tenant, row)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS offers (tenant TEXT NOT NULL, row BLOB NOT NULL, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS offers_of ON offers (tenant, row);
CREATE INDEX IF NOT EXISTS offers_at ON offers (at);
"""


class TenantSummary(Struct, frozen=True):
    """How much is kept of a tenant; nothing of anybody."""

    tenant: str
    people: int
    opted_in: int
    key_made_at: float  # seconds since 1970
    old_keys: int  # replaced, and kept for those who come back


class LocalPeople:
    """`ports.People` in a file.  Several processes may use one file."""

    def __init__(self, file: Path, *, now: Callable[[], float] = time.time) -> None:
        self._rows = Database(file, _SCHEMA)
        self._now = now
        self._others: list[Keeping] = []

    def close(self) -> None:
        """Put everything on the disk."""
        self._rows.close()

    def keeps(self, part: Keeping) -> None:
        """What this part keeps of people is exported and deleted with the rest."""
        self._others.append(part)

    def unit(self, tenant: str, user: int) -> str:
        """The pseudonym; a person who is not known yet gets a salt, and so a new one."""
        key, row = self._find(tenant, user)
        (salt,) = self._rows.row("SELECT salt FROM people WHERE tenant = ? AND row = ?", tenant, row) or (None,)
        if salt is None:
            salt = self._make(tenant, row)
        return pseudonyms.unit(key, salt, user)

    def consents(self, tenant: str, user: int) -> bool:
        """Has opted in to content features here."""
        found = self._of("consent_at", tenant, user)
        return found is not None and found[0] is not None

    async def opt_in(self, tenant: str, user: int, consent: bool) -> None:
        """Change that; on disk when it returns."""
        at = self._now() if consent else None
        self._change("consent_at = ?", tenant, user, at)
        await self._rows.settle()

    def past(self, tenant: str, user: int) -> Past:
        """What is remembered."""
        found = self._of("questions, asked_at, ratings, satisfaction", tenant, user)
        if found is None:
            return Past()
        questions, asked_at, ratings, satisfaction = found
        since = None if asked_at is None else max(self._now() - asked_at, 0.0)
        return Past(questions, since, ratings, satisfaction)

    async def asked(self, tenant: str, user: int) -> None:
        """One question more, now."""
        self._change("questions = questions + 1, asked_at = ?", tenant, user, self._now())

    async def rated(self, tenant: str, user: int, value: float) -> None:
        """One rating more."""
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"the rating {value}; expected a number from 0 (bad) to 1 (good)")
        self._change(
            "ratings = ratings + 1, satisfaction = coalesce(satisfaction + (? - satisfaction) * "
            f"max(1.0 / (ratings + 1), {_LEAST_WEIGHT}), ?)",
            tenant,
            user,
            value,
            value,
        )

    def offers(self, tenant: str, user: int) -> int:
        """Follow-ups in the last 24 hours."""
        _, row = self._find(tenant, user)
        since = self._now() - DAY_S
        found = self._rows.row(
            "SELECT count(*) FROM offers WHERE tenant = ? AND row = ? AND at > ?", tenant, row, since
        )
        return int(found[0]) if found else 0

    async def offered(self, tenant: str, user: int) -> None:
        """One more, now."""
        _, row = self._find(tenant, user)
        self._make(tenant, row)
        self._rows.write("INSERT INTO offers VALUES (?, ?, ?)", tenant, row, self._now())

    async def known(self, user: int) -> Sequence[str]:
        """The tenants in which something is remembered of a user."""
        found = []
        for (tenant,) in self._rows.rows("SELECT DISTINCT tenant FROM keys ORDER BY tenant"):
            if self._of("1", tenant, user) is not None:
                found.append(tenant)
            await asyncio.sleep(0)  # there may be thousands
        return found

    async def forget(self, tenant: str, user: int) -> int:
        """Delete the salt and all that is remembered, here and in other parts of the bot; how many rows.

        Gone from the disk when it returns: what was sent under the old pseudonym belongs to nobody, and the next
        question comes under a new one.
        """
        key, row = self._find(tenant, user)
        found = self._rows.row("SELECT salt FROM people WHERE tenant = ? AND row = ?", tenant, row)
        count = 0
        if found is not None:
            unit = pseudonyms.unit(key, found[0], user)
            count = sum([await other.forget(tenant, unit) for other in self._others])
        with self._rows.together():
            count += self._rows.write("DELETE FROM offers WHERE tenant = ? AND row = ?", tenant, row)
            count += self._rows.write("DELETE FROM people WHERE tenant = ? AND row = ?", tenant, row)
        await self._rows.settle()
        return count

    async def export(self, tenant: str, user: int) -> dict[str, Any]:
        """All that is kept of a user here, as plain data.  Times: seconds since 1970."""
        key, row = self._find(tenant, user)
        found = self._rows.row(
            "SELECT salt, seen_at, consent_at, questions, asked_at, ratings, satisfaction FROM people "
            "WHERE tenant = ? AND row = ?",
            tenant,
            row,
        )
        kept: dict[str, Any] = {"tenant": tenant, "pseudonym": None}
        if found is not None:
            salt, *values = found
            names = ("seen_at", "opted_in_at", "questions", "last_question_at", "ratings", "satisfaction")
            kept |= {"pseudonym": pseudonyms.unit(key, salt, user), **dict(zip(names, values, strict=True))}
        kept["follow_ups_offered_at"] = [
            at for (at,) in self._rows.rows("SELECT at FROM offers WHERE tenant = ? AND row = ?", tenant, row)
        ]
        for other in self._others if found else ():
            kept |= await other.export(tenant, kept["pseudonym"])
        return kept

    def summaries(self) -> list[TenantSummary]:
        """Of all tenants."""
        return [
            TenantSummary(*row)
            for row in self._rows.rows(
                "SELECT tenant, (SELECT count(*) FROM people WHERE people.tenant = keys.tenant), "
                "(SELECT count(consent_at) FROM people WHERE people.tenant = keys.tenant), max(made_at), count(*) - 1 "
                "FROM keys GROUP BY tenant ORDER BY tenant"
            )
        ]

    async def forget_tenant(self, tenant: str) -> int:
        """Delete a tenant's keys and all its people: their records become unlinkable at once; how many people."""
        with self._rows.together():
            count = self._rows.write("DELETE FROM people WHERE tenant = ?", tenant)
            self._rows.write("DELETE FROM offers WHERE tenant = ?", tenant)
            self._rows.write("DELETE FROM keys WHERE tenant = ?", tenant)
        await self._rows.settle()
        for other in self._others:
            await other.forget_tenant(tenant)
        return count

    async def rotate(self, tenant: str) -> None:
        """Give a tenant a new key: everybody gets a new pseudonym, that can not be told to be the old one's.

        Who comes back within `RETIRED_DAYS` keeps consent and memory; of the others they are deleted.
        """
        now = self._now()
        with self._rows.together():
            self._rows.write("UPDATE keys SET retired_at = ? WHERE tenant = ? AND retired_at IS NULL", now, tenant)
            self._new_key(tenant)
        await self._rows.settle()

    async def sweep(self) -> int:
        """Delete what has been kept long enough; how many people.  To be called once an hour or so."""
        now = self._now()
        await self._rows.purge("offers", "rowid", "at <= ?", now - DAY_S)
        count = await self._rows.purge("people", "tenant, row", "seen_at <= ?", now - IDLE_DAYS * DAY_S)
        # Of a key that is gone for good: everybody who has not come back since it was replaced.
        over = self._rows.rows(
            "SELECT tenant, number, retired_at FROM keys WHERE retired_at <= ?", now - RETIRED_DAYS * DAY_S
        )
        for tenant, number, retired_at in over:
            count += await self._rows.purge("people", "tenant, row", "tenant = ? AND seen_at <= ?", tenant, retired_at)
            self._rows.write("DELETE FROM keys WHERE tenant = ? AND number = ?", tenant, number)
        await self._rows.settle()
        for other in self._others:
            await other.sweep()
        return count

    def _of(self, columns: str, tenant: str, user: int) -> tuple[Any, ...] | None:
        _, row = self._find(tenant, user)
        return self._rows.row(f"SELECT {columns} FROM people WHERE tenant = ? AND row = ?", tenant, row)  # noqa: S608

    def _change(self, what: str, tenant: str, user: int, *values: Any) -> None:
        _, row = self._find(tenant, user)
        statement = f"UPDATE people SET {what}, seen_at = ? WHERE tenant = ? AND row = ?"  # noqa: S608 - ours
        if not self._rows.write(statement, *values, self._now(), tenant, row):
            self._make(tenant, row)
            self._rows.write(statement, *values, self._now(), tenant, row)

    def _make(self, tenant: str, row: bytes) -> bytes:
        """A salt for a person not known yet; another process may have made one meanwhile."""
        self._rows.write(
            "INSERT OR IGNORE INTO people (tenant, row, salt, seen_at) VALUES (?, ?, ?, ?)",
            tenant,
            row,
            pseudonyms.new_salt(),
            self._now(),
        )
        found = self._rows.row("SELECT salt FROM people WHERE tenant = ? AND row = ?", tenant, row)
        assert found is not None
        salt: bytes = found[0]
        return salt

    def _find(self, tenant: str, user: int) -> tuple[bytes, bytes]:
        """Key and row of a user; what is still under a retired key moves under the new one, with a new salt."""
        keys = self._keys(tenant)
        row = pseudonyms.row(keys[0], user)
        for key in keys[1:]:
            self._move(tenant, user, (key, keys[0]), row)
        return keys[0], row

    def _move(self, tenant: str, user: int, keys: tuple[bytes, bytes], row: bytes) -> None:
        """What there is under the first key goes to this row, under the second, with a new salt."""
        old = pseudonyms.row(keys[0], user)
        found = self._rows.row("SELECT salt FROM people WHERE tenant = ? AND row = ?", tenant, old)
        if found is None:
            return
        salt = pseudonyms.new_salt()
        with self._rows.together():
            self._rows.write(
                "UPDATE people SET row = ?, salt = ?, seen_at = ? WHERE tenant = ? AND row = ?",
                row,
                salt,
                self._now(),
                tenant,
                old,
            )
            self._rows.write("UPDATE offers SET row = ? WHERE tenant = ? AND row = ?", row, tenant, old)
        before, after = pseudonyms.unit(keys[0], found[0], user), pseudonyms.unit(keys[1], salt, user)
        for other in self._others:
            other.moved(tenant, before, after)

    def _keys(self, tenant: str) -> list[bytes]:
        """The tenant's key, and those it had before, the last one first."""
        statement = "SELECT key FROM keys WHERE tenant = ? ORDER BY number DESC"
        found = self._rows.rows(statement, tenant)
        if not found:
            self._new_key(tenant)
            found = self._rows.rows(statement, tenant)
        return [key for (key,) in found]

    def _new_key(self, tenant: str) -> None:
        self._rows.write(
            "INSERT OR IGNORE INTO keys (tenant, number, key, made_at) "
            "SELECT ?, coalesce(max(number), 0) + 1, ?, ? FROM keys WHERE tenant = ?",
            tenant,
            pseudonyms.new_key(),
            self._now(),
            tenant,
        )
