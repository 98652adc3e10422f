"""Settings and spending of all guilds: on disk, and whole in memory for who reads them."""

import math
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import structlog

from producers.discord.database import Database
from producers.discord.ports import Enrolling, GuildSettings
from producers.discord.words import nearest

#: The id of a call is kept so long, to count it once although the bot was started again meanwhile.
_CALLS_KEPT_S: Final = 2 * 24 * 3600.0

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS settings (tenant TEXT PRIMARY KEY, settings TEXT NOT NULL, changed_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS spent (
    tenant TEXT NOT NULL, month TEXT NOT NULL, usd REAL NOT NULL, PRIMARY KEY (tenant, month)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS calls (
    tenant TEXT NOT NULL, call TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (tenant, call)
);
CREATE INDEX IF NOT EXISTS calls_at ON calls (at);
"""

_log = structlog.stdlib.get_logger(__name__)


class LocalSettings:
    """`ports.SettingsStore` in a file, of one bot process alone.

    default: of a tenant that has chosen nothing.
    """

    def __init__(
        self,
        file: Path,
        enrolling: Enrolling,
        *,
        default: GuildSettings | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._rows = Database(file, _SCHEMA)
        self._enrolling = enrolling
        self._default = default or GuildSettings()
        self._now = now
        self._settings = dict(self._read())
        self._spent: dict[tuple[str, str], float] = {
            (tenant, month): usd
            for tenant, month, usd in self._rows.rows("SELECT * FROM spent WHERE month >= ?", self._month())
        }

    def close(self) -> None:
        """Put everything on the disk."""
        self._rows.close()

    def of(self, tenant: str) -> GuildSettings:
        """From memory."""
        return self._settings.get(tenant, self._default)

    async def change(self, tenant: str, settings: GuildSettings) -> bool:
        """On disk and in force here when it returns; False: the specifications are published later."""
        self._keep(tenant, settings)
        await self._rows.settle()
        return await self._enrolling.enrol(tenant, settings)

    async def joined(self, tenant: str, locale: str | None = None) -> None:
        """See to it that the tenant's domains are in force."""
        language = nearest(locale)
        if locale is not None and tenant not in self._settings and language != self._default.language:
            self._keep(tenant, msgspec.structs.replace(self._default, language=language))
        self._enrolling.wants(tenant, self.of(tenant))

    def least_budget(self, settings: GuildSettings) -> float:
        """USD a month."""
        return self._enrolling.least_budget(settings)

    def usual_prices(self) -> Mapping[str, float]:
        """USD a question, by model."""
        return self._enrolling.usual_prices()

    def spent_this_month(self, tenant: str) -> float:
        """USD."""
        return self._spent.get((tenant, self._month()), 0.0)

    async def spend(self, tenant: str, usd: float, call: str | None = None) -> None:
        """Count what a call cost; with the same `call` only once.  ValueError: not an amount of money."""
        if not (math.isfinite(usd) and usd >= 0.0):
            raise ValueError(f"a call that cost {usd} USD; expected a number of at least 0")
        month, now = self._month(), self._now()
        with self._rows.together():
            if call is not None and not self._rows.write(
                "INSERT OR IGNORE INTO calls VALUES (?, ?, ?)", tenant, call, now
            ):
                return
            self._rows.write(
                "INSERT INTO spent VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET usd = usd + excluded.usd",
                tenant,
                month,
                usd,
            )
        self._spent[tenant, month] = self._spent.get((tenant, month), 0.0) + usd

    async def sweep(self) -> None:
        """Delete what is not needed any more.  To be called once an hour or so; sums of past months stay."""
        month = self._month()
        await self._rows.purge("calls", "tenant, call", "at <= ?", self._now() - _CALLS_KEPT_S)
        self._spent = {key: usd for key, usd in self._spent.items() if key[1] >= month}

    def _keep(self, tenant: str, settings: GuildSettings) -> None:
        self._rows.write(
            "INSERT OR REPLACE INTO settings VALUES (?, ?, ?)",
            tenant,
            msgspec.json.encode(settings).decode(),
            self._now(),
        )
        self._settings[tenant] = settings

    def _read(self) -> "list[tuple[str, GuildSettings]]":
        found = []
        for tenant, text in self._rows.rows("SELECT tenant, settings FROM settings"):
            try:
                found.append((tenant, msgspec.json.decode(text, type=GuildSettings)))
            except msgspec.ValidationError as error:  # one guild's must not keep the bot from serving the others
                _log.error("settings can not be read; the default is in force", tenant=tenant, error=str(error))
        return found

    def _month(self) -> str:
        return datetime.fromtimestamp(self._now(), UTC).strftime("%Y-%m")
