"""Decisions under names that lead nowhere: what Discord's ids have to do with the log is on the bot's disk alone.

The bot calls a decision by the id of the message that it is about, and Discord tells everybody in the channel who wrote
a message.  So in Kafka a decision has a name made of chance, and this table says which; a row is deleted with the
person it is about, or after two days, when feedback has long stopped to count.
"""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import msgspec
from numpy import floating
from numpy.typing import NDArray
from prometheus_client import Counter

from producers.deciding import Choice, Deciding
from producers.discord.database import Database
from producers.discord.ports import Figures

FORGOTTEN: Final = Counter(
    "croupier_bot_feedback_forgotten",
    "Observations dropped, because whom the decision is about was forgotten meanwhile",
)

KEPT_S: Final = 2 * 24 * 3600.0
_DISCORD_EPOCH_MS: Final = 1_420_070_400_000
_CHANCE_BYTES: Final = 12

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS names (
    tenant TEXT NOT NULL, decision TEXT NOT NULL, name TEXT NOT NULL, unit TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (tenant, decision)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS names_of ON names (unit);
CREATE INDEX IF NOT EXISTS names_at ON names (at);
"""


class Names:
    """The table, in a file.  It is `ports.Keeping`."""

    def __init__(self, file: Path, now: Callable[[], float] = time.time) -> None:
        self._rows = Database(file, _SCHEMA)
        self._now = now

    def close(self) -> None:
        """Put everything on the disk."""
        self._rows.close()

    def name(self, tenant: str, decision: str, unit: str | None) -> str:
        """Of a decision, also of one that is asked for a second time.  unit: whom it is about."""
        self._rows.write(
            "INSERT OR IGNORE INTO names VALUES (?, ?, ?, ?, ?)",
            tenant,
            decision,
            self._new(decision),
            unit or "",
            self._now(),
        )
        name = self.known(tenant, decision)
        assert name is not None
        return name

    def known(self, tenant: str, decision: str) -> str | None:
        """The name of a decision; None: it was forgotten, or never asked for."""
        found = self._rows.row("SELECT name FROM names WHERE tenant = ? AND decision = ?", tenant, decision)
        return None if found is None else found[0]

    async def forget(self, tenant: str, unit: str) -> int:
        """Of a person: what there is in the log can not be led back to a message any more."""
        count = self._rows.write("DELETE FROM names WHERE tenant = ? AND unit = ?", tenant, unit)
        await self._rows.settle()
        return count

    async def export(self, tenant: str, unit: str) -> dict[str, Any]:
        """The names under which the last decisions about a person stand in the log."""
        found = self._rows.rows("SELECT name FROM names WHERE tenant = ? AND unit = ? ORDER BY at", tenant, unit)
        return {"decisions_of_the_last_two_days": [name for (name,) in found]}

    def moved(self, tenant: str, before: str, after: str) -> None:
        """A person has a new pseudonym."""
        self._rows.write("UPDATE names SET unit = ? WHERE tenant = ? AND unit = ?", after, tenant, before)

    async def forget_tenant(self, tenant: str) -> None:
        """Of a guild that the bot has left."""
        self._rows.write("DELETE FROM names WHERE tenant = ?", tenant)
        await self._rows.settle()

    async def sweep(self) -> None:
        """Those that have been kept long enough."""
        await self._rows.purge("names", "tenant, decision", "at <= ?", self._now() - KEPT_S)
        await self._rows.settle()

    def _new(self, decision: str) -> str:
        """The kind of the decision, a number that tells the second of now as Discord's ids tell theirs, and chance.

        The second is no secret: the log has the time of every record.  Who searches the log needs it.
        """
        kind = decision.partition("-")[0]
        second = (int(self._now()) * 1000 - _DISCORD_EPOCH_MS) << 22
        return f"{kind}-{second}-{secrets.token_hex(_CHANCE_BYTES)}"


class NamedDeciding:
    """`Deciding` for whom decisions have the ids of messages, by one for whom they have names."""

    def __init__(self, deciding: Deciding, names: Names) -> None:
        self._deciding = deciding
        self._names = names

    async def decide(
        self,
        tenant: str,
        domain: str,
        features: Sequence[float] | NDArray[floating[Any]],
        *,
        fallback: Sequence[str],
        id: str | None = None,  # noqa: A002 - the field's name on the wire
        eligible: Sequence[str] | None = None,
        restrictions: Mapping[str, str] | None = None,
        unit: str | None = None,
        after: str | None = None,
    ) -> Choice:
        """As `Deciding.decide`; the choice has the id that was asked with."""
        decision = id or f"x-{uuid4()}"
        choice = await self._deciding.decide(
            tenant,
            domain,
            features,
            fallback=fallback,
            id=self._names.name(tenant, decision, unit),
            eligible=eligible,
            restrictions=restrictions,
            unit=unit,
            after=None if after is None else self._names.known(tenant, after),
        )
        return msgspec.structs.replace(choice, id=decision)

    async def observe(self, tenant: str, decision: str, observations: Mapping[str, float], *, id: str) -> None:  # noqa: A002
        """As `Deciding.observe`; id: begins with that of the decision.  Of a forgotten decision nothing is sent."""
        if not id.startswith(decision):
            raise ValueError("the id of a reward begins with that of its decision, e.g. r-1-0:thumbs")
        name = self._names.known(tenant, decision)
        if name is None:
            FORGOTTEN.inc()
            return
        await self._deciding.observe(tenant, name, observations, id=name + id.removeprefix(decision))


class NamedFigures:
    """`Figures` likewise."""

    def __init__(self, figures: Figures, names: Names) -> None:
        self._figures = figures
        self._names = names

    async def explanation(self, tenant: str, decision: str) -> Mapping[str, Any] | None:
        """None also when the decision was forgotten."""
        name = self._names.known(tenant, decision)
        return None if name is None else await self._figures.explanation(tenant, name)

    async def guild(self, tenant: str, domains: Sequence[str]) -> Mapping[str, Any]:
        """As it is."""
        return await self._figures.guild(tenant, domains)
