"""Brings the domains of the bot's tenants into force, and keeps trying while Kafka is away.

What is wanted is collected and published in batches: a bot that starts in thousands of guilds reads `specs` once and
sends what is missing.  It is remembered on disk what was published for a tenant, so that a bot that starts again sends
nothing, and does not undo what an operator has changed since with `croupier domains apply`: a domain is published when
what the bot wants of it has changed, or when it is not in force at all.
"""

import asyncio
import hashlib
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import structlog
from aiokafka.errors import KafkaError
from prometheus_client import Counter, Gauge

from infra.domains import clients
from infra.domains.publish import Key, apply_specs, read_latest
from producers.discord.database import Database
from producers.discord.ports import GuildSettings
from schemas import wire
from schemas.domains import DomainSpec
from schemas.errors import CroupierError
from schemas.events import SpecChange

from .template import Template

PENDING = Gauge("croupier_bot_enrolments_pending", "Tenants whose domains are wanted and not yet in the log")
FAILED = Counter("croupier_bot_enrolment_failures", "Attempts to publish domains that failed, and are repeated")

#: Wanting is collected so long before it is published: guilds come in thousands when the bot starts.
_COLLECT_S: Final = 0.05
_FIRST_WAIT_S: Final = 0.5
_LONGEST_WAIT_S: Final = 30.0
#: Kafka is away, or its topics are not there yet; anything else is a defect.
_EXPECTED: Final = (CroupierError, KafkaError, OSError, TimeoutError)
#: Domains of one batch: some megabytes in flight at most.
_BATCH: Final = 1_000

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS published (
    deployment TEXT NOT NULL, tenant TEXT NOT NULL, domain TEXT NOT NULL, wanted BLOB NOT NULL,
    PRIMARY KEY (deployment, tenant, domain)
) WITHOUT ROWID;
"""

_log = structlog.stdlib.get_logger(__name__)


class Enrolment:
    """`ports.Enrolling`, by way of Kafka; an async context manager that publishes while it is open.

    file: where it is remembered what was published.  prefix: of the deployment's topics.
    """

    def __init__(self, bootstrap: str, prefix: str, template: Template, file: Path) -> None:
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._template = template
        self._published = Database(file, _SCHEMA)
        self._wanted: dict[str, GuildSettings] = {}
        self._done: dict[str, asyncio.Future[None]] = {}
        self._something = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin."""
        self._task = asyncio.create_task(self._publish_for_ever())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; what was not published will be wanted again when the bot starts again."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        for future in self._done.values():
            future.cancel()
        self._published.close()

    @property
    def pending(self) -> int:
        """Tenants that wait."""
        return len(self._done)

    def wants(self, tenant: str, settings: GuildSettings) -> None:
        """The tenant's domains are to be as these settings say."""
        self._wanted[tenant] = settings
        self._done.setdefault(tenant, asyncio.get_running_loop().create_future())
        PENDING.set(self.pending)
        self._something.set()

    async def enrol(self, tenant: str, settings: GuildSettings, within: float = 3.0) -> bool:
        """The same, and wait; whether it was done within so many seconds."""
        self.wants(tenant, settings)
        done, _ = await asyncio.wait([self._done[tenant]], timeout=within)
        return bool(done)

    def least_budget(self, settings: GuildSettings) -> float:
        """USD a month."""
        return self._template.least_budget(settings)

    def usual_prices(self) -> Mapping[str, float]:
        """USD a question, by model."""
        return {arm.name: arm.price for arm in self._template.arms}

    async def _publish_for_ever(self) -> None:
        wait = _FIRST_WAIT_S
        while True:
            await self._something.wait()
            await asyncio.sleep(_COLLECT_S)
            self._something.clear()
            wanted, self._wanted = self._wanted, {}
            try:
                await self._publish(wanted)
            except Exception as error:  # whatever it was: without this task no guild would ever be enrolled again
                FAILED.inc()
                _log.warning(
                    "domains could not be published and will be",
                    tenants=len(wanted),
                    wait_s=wait,
                    error=str(error),
                    exc_info=None if isinstance(error, _EXPECTED) else error,
                )
                self._wanted = {**wanted, **self._wanted}
                self._something.set()
                await asyncio.sleep(wait * random.uniform(0.5, 1.0))
                wait = min(2 * wait, _LONGEST_WAIT_S)
                continue
            wait = _FIRST_WAIT_S
            for tenant in wanted.keys() - self._wanted.keys():  # wanted again meanwhile: not done yet
                if not (future := self._done.pop(tenant)).done():
                    future.set_result(None)
            PENDING.set(self.pending)

    async def _publish(self, wanted: Mapping[str, GuildSettings]) -> None:
        deployment = await self._deployment()
        latest = await read_latest(self._bootstrap, self._prefix)
        missing: dict[Key, tuple[DomainSpec, bytes]] = {}
        for count, (tenant, settings) in enumerate(wanted.items()):
            if count % 100 == 99:
                await asyncio.sleep(0)  # thousands take a while, and people are waiting for answers
            specs = self._template.of(tenant, settings)
            if not any(spec.domain == "model_routing" for spec in specs):
                _log.warning("none of the models that are allowed is in the catalogue", tenant=tenant)
            for spec in specs:
                digest, key = _digest(spec), (tenant, spec.domain)
                if key not in latest or self._digest(deployment, key) != digest:
                    missing[key] = (spec, digest)
        keys = list(missing)
        for begin in range(0, len(keys), _BATCH):
            batch = keys[begin : begin + _BATCH]
            await apply_specs(self._bootstrap, self._prefix, [missing[key][0] for key in batch])
            self._remember(deployment, ((key, missing[key][1]) for key in batch))
        if keys:
            _log.info("domains are in force", tenants=len({tenant for tenant, _ in keys}), domains=len(keys))

    def _digest(self, deployment: str, key: Key) -> bytes | None:
        """Of what was published last."""
        statement = "SELECT wanted FROM published WHERE deployment = ? AND tenant = ? AND domain = ?"
        found = self._published.row(statement, deployment, *key)
        return found[0] if found else None

    def _remember(self, deployment: str, published: Iterable[tuple[Key, bytes]]) -> None:
        with self._published.together():
            for key, digest in published:
                self._published.write("INSERT OR REPLACE INTO published VALUES (?, ?, ?, ?)", deployment, *key, digest)

    async def _deployment(self) -> str:
        """The cluster and the prefix: another one has none of what was published here."""
        async with clients.admin(self._bootstrap) as admin:
            cluster = await admin.describe_cluster()
        return f"{cluster['cluster_id']}/{self._prefix}"


def _digest(spec: DomainSpec) -> bytes:
    """Of all of a specification."""
    change = SpecChange(0, spec.tenant, spec.domain, spec)
    return hashlib.blake2b(wire.encode(change), digest_size=16).digest()
