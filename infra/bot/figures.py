"""What /why and /stats know from the log: bounded in time, and kept for a moment, so that asking often costs little."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import structlog
from msgspec import Struct

from infra.explain.explanation import explain
from infra.explain.gather import gather
from infra.reading.log import Log
from schemas.errors import BrokerUnavailableError, CroupierError
from schemas.events import Outcome
from stream_workers.joining.rules import Spans

from .recent import recent, specifications
from .summing import DAY_MS, summed

_log = structlog.get_logger(__name__)

_SNOWFLAKES_BEGIN_MS: Final = 1_420_070_400_000
_CLOCKS_APART_MS: Final = 5 * 60 * 1000


class FiguresLimits(Struct, frozen=True):
    """How far is read, and how long answers are kept."""

    explanation_s: float = 5.0
    guild_s: float = 4.0  # of reading outcomes; connecting and computing come on top
    connecting_s: float = 4.0
    days: int = 30
    most_outcomes: int = 2_000
    ended_kept_s: float = 600.0  # a decision whose outcome is there does not change any more
    open_kept_s: float = 5.0
    guild_kept_s: float = 60.0
    kept: int = 256


class KafkaFigures:
    """`Figures` of a deployment.  Reads without a group, two questions at a time."""

    def __init__(
        self, bootstrap: str, prefix: str = "", limits: FiguresLimits | None = None, spans: Spans | None = None
    ) -> None:
        """spans: of the joiner, as the workers have them."""
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._limits = limits or FiguresLimits()
        self._spans = spans or Spans()
        self._turns = asyncio.Semaphore(2)
        self._kept: OrderedDict[tuple[str, str], tuple[float, Mapping[str, Any]]] = OrderedDict()
        self._asked: dict[tuple[str, str], asyncio.Task[Mapping[str, Any] | None]] = {}

    async def explanation(self, tenant: str, decision: str) -> Mapping[str, Any] | None:
        """As `croupier explain --json` has it; None: there is no such decision, or Kafka can not be asked in time."""
        try:
            return await self._once(("explanation", f"{tenant}/{decision}"), lambda: self._explain(tenant, decision))
        except (CroupierError, TimeoutError) as error:
            _log.warning("a decision cannot be explained from the log", reason=type(error).__name__)
            return None

    async def guild(self, tenant: str, domains: Sequence[str]) -> Mapping[str, Any]:
        """Figures of the tenant's last outcomes: `days`, `whole` and, in `domains`, by name as in `DomainFigures`.

        BrokerUnavailableError: Kafka can not be asked in time.
        """
        try:
            found = await self._once(("guild", tenant), lambda: self._sum(tenant))
        except TimeoutError:
            raise BrokerUnavailableError(
                f"the broker at {self._bootstrap} did not give a tenant's outcomes in time. Is it overloaded?"
            ) from None
        assert found is not None
        return {**found, "domains": {name: found["domains"][name] for name in domains if name in found["domains"]}}

    async def _once(
        self, key: tuple[str, str], ask: Callable[[], Awaitable[Mapping[str, Any] | None]]
    ) -> Mapping[str, Any] | None:
        """What is kept, or what is being asked for already, or the answer."""
        until, found = self._kept.get(key, (0.0, None))
        if found is not None and time.monotonic() < until:
            return found
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.ensure_future(self._bounded(ask))
            task.add_done_callback(lambda _: self._asked.pop(key, None))
        found = await asyncio.shield(task)
        if found is not None:
            self._keep(key, found)
        return found

    async def _bounded(self, ask: Callable[[], Awaitable[Mapping[str, Any] | None]]) -> Mapping[str, Any] | None:
        async with self._turns:
            return await ask()

    def _keep(self, key: tuple[str, str], found: Mapping[str, Any]) -> None:
        limits = self._limits
        if key[0] == "guild":
            seconds = limits.guild_kept_s
        else:
            seconds = limits.ended_kept_s if found.get("ended_at") is not None else limits.open_kept_s
        self._kept[key] = (time.monotonic() + seconds, found)
        self._kept.move_to_end(key)
        while len(self._kept) > limits.kept:
            self._kept.popitem(last=False)

    async def _explain(self, tenant: str, decision: str) -> Mapping[str, Any] | None:
        asked_ms = asked_at_ms(decision)
        since_ms = None if asked_ms is None else asked_ms - _CLOCKS_APART_MS
        async with asyncio.timeout(self._limits.connecting_s + self._limits.explanation_s):
            async with Log.open(self._bootstrap, self._prefix) as log:
                evidence = await gather(log, decision, tenant, since_ms, self._spans, lambda topic, read: None)
        if evidence is None:
            return None
        plain: Mapping[str, Any] = msgspec.to_builtins(explain(evidence, self._spans, time.time_ns() // 1_000_000))
        return plain

    async def _sum(self, tenant: str) -> Mapping[str, Any]:
        limits = self._limits
        since_ms = time.time_ns() // 1_000_000 - limits.days * DAY_MS
        async with asyncio.timeout(limits.connecting_s + 2 * limits.guild_s):
            async with Log.open(self._bootstrap, self._prefix) as log:
                specs = await specifications(log, tenant)
                found = await recent(log, tenant, since_ms, limits.most_outcomes, limits.guild_s)
        by_domain: dict[str, list[Outcome]] = {name: [] for name in specs}
        for outcome in found.outcomes:
            by_domain.setdefault(outcome.decision.domain, []).append(outcome)
        figures = await asyncio.to_thread(
            lambda: [summed(name, outcomes, specs.get(name)) for name, outcomes in by_domain.items()]
        )
        return {
            "tenant": tenant,
            "days": limits.days,
            "whole": found.whole,
            "domains": {each.domain: msgspec.to_builtins(each) for each in figures},
        }


def asked_at_ms(decision: str) -> int | None:
    """When the message was written that the bot's decision is about: its id is in the decision's.

    >>> asked_at_ms("r-175928847299117063-0")
    1462015105796
    """
    parts = decision.split("-")
    if len(parts) != 3 or not parts[1].isdecimal() or len(parts[1]) > 20:
        return None
    return (int(parts[1]) >> 22) + _SNOWFLAKES_BEGIN_MS
