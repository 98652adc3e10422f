"""Deciding for an application that must answer: within a deadline, whatever happens to Kafka.

async with DecisionPath("localhost:9092", Path("state/path")) as path:
    choice = await path.decide("guild-1", "model_routing", features, fallback=["small"], id="r-17-0")
    answer = await ask(choice.ranking)
    await path.observe("guild-1", choice.id, {"cost": answer.usd, "success": 1.0}, id=f"{choice.id}:answer")
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self
from uuid import uuid4

import numpy as np
import structlog
from numpy.typing import NDArray
from prometheus_client import REGISTRY, CollectorRegistry

from schemas import wire
from schemas.errors import CroupierError
from schemas.events import Context, Decision, Reward
from schemas.observations import ANSWERED_BY, UNFOLLOWED
from schemas.topics import CONTEXTS, REWARDS

from ..client import pack
from ..connection import decision_in
from .choice import Choice, Deciding
from .link import Link
from .metrics import PathMetrics
from .spool import DEFAULT_BYTES, Entry, Spool

DEADLINE_MS: Final = 250.0

_START_SECONDS: Final = 5.0
_GOODBYE: Final = 2.0
#: Seconds in which a record can be handed over, or goes to the disk.
_HAND_OVER: Final = 0.05
#: Decisions that were not waited for any longer, of which it is remembered that they are not followed.
_REMEMBERED: Final = 50_000
_TELL_EVERY: Final = 30.0

How = Literal["decided", "late", "unreachable"]
_Name = tuple[str, str]  # tenant, id

_log = structlog.get_logger(__name__)


class DecisionPath:
    """`choice.Deciding`; an async context manager, for use on one event loop.

    directory: where events wait while Kafka is away, of this process alone; spool_bytes: how many at most.
    deadline_ms: how long a decision is waited for.  prefix: of the deployment's topics.  security: aiokafka's settings
    for TLS and SASL.  It starts, and answers, without Kafka.  CroupierError: the directory can not be used.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        directory: Path,
        *,
        prefix: str = "",
        security: Mapping[str, Any] | None = None,
        deadline_ms: float = DEADLINE_MS,
        spool_bytes: int = DEFAULT_BYTES,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._deadline = deadline_ms / 1000.0
        self._metrics = PathMetrics(registry)
        self._spool = Spool(directory, spool_bytes, self._metrics)
        self._link = Link(
            bootstrap_servers, prefix, security, self._spool, self._metrics, self._heard, self._nothing_comes
        )
        #: None: it will not come.
        self._awaited: dict[_Name, asyncio.Future[Decision | None]] = {}
        self._unfollowed: OrderedDict[_Name, None] = OrderedDict()
        self._expected: OrderedDict[_Name, str] = (
            OrderedDict()
        )  # of these, decisions that may still come: what was done
        self._saying: set[asyncio.Task[None]] = set()
        self._deciding = 0
        self._closing = False
        self._late = 0
        self._told_late_at = time.monotonic()

    async def __aenter__(self) -> Self:
        """Take up what an earlier run left on disk, and connect; a Kafka that is away is not waited for."""
        await self._spool.open()
        await self._link.start(_START_SECONDS)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Answer whoever waits, and leave nothing but what is in Kafka or on disk."""
        self._closing = True
        self._nothing_comes()
        try:
            async with asyncio.timeout(_GOODBYE):
                while self._deciding or self._saying:
                    await asyncio.sleep(0.001)
        except TimeoutError:
            pass
        try:
            await self._link.stop()
        finally:
            await self._spool.close()

    @property
    def reachable(self) -> bool:
        """Whether Kafka answers, as far as is known."""
        return self._link.reachable

    @property
    def backlog(self) -> int:
        """Events that wait on disk for Kafka."""
        return self._spool.backlog

    async def decide(
        self,
        tenant: str,
        domain: str,
        features: Sequence[float] | NDArray[np.floating[Any]],
        *,
        fallback: Sequence[str],
        id: str | None = None,  # noqa: A002 - the field's name on the wire
        eligible: Sequence[str] | None = None,
        restrictions: Mapping[str, str] | None = None,
        unit: str | None = None,
        after: str | None = None,
    ) -> Choice:
        """See `choice.Deciding`.

        An `after` that was itself answered by a fallback is left out: what follows from it does not follow from the
        decision.
        """
        begun = time.perf_counter()
        if not fallback:
            raise ValueError("fallback names no arm: without one there is nothing to do when no decision comes")
        if after is not None and (tenant, after) in self._unfollowed:
            after = None
        context, entry = _request(tenant, domain, features, id, eligible, restrictions, unit, after)
        if (tenant, context.id) in self._awaited:
            raise ValueError(f"a decision with the id {context.id!r} is being awaited already; ids are used once")
        self._deciding += 1
        try:
            return await self._decide(context, entry, fallback, _Times(begun))
        finally:
            self._deciding -= 1

    async def observe(self, tenant: str, decision: str, observations: Mapping[str, float], *, id: str) -> None:  # noqa: A002
        """See `choice.Deciding`.  ValueError: the observations are not valid; nothing is recorded."""
        await self._link.record(_reward(tenant, decision, observations, id))

    async def _decide(self, context: Context, entry: Entry, fallback: Sequence[str], times: "_Times") -> Choice:
        name = (context.tenant, context.id)
        if not self._link.reachable or self._closing:
            return await self._fall_back(context, fallback, "unreachable", times, known=self._link.offer(entry))
        future: asyncio.Future[Decision | None] = asyncio.get_running_loop().create_future()
        self._awaited[name] = future
        sent: asyncio.Future[Any] | None = None
        try:
            async with asyncio.timeout(self._deadline):
                sent = await self._link.send(entry)
                times.asked = time.perf_counter()
                await future
        except (TimeoutError, ConnectionError):
            pass
        except asyncio.CancelledError:
            self._say(self._unfollowing(name, fallback[0]))
            raise
        finally:
            del self._awaited[name]
        times.resumed = time.perf_counter()
        decision = future.result() if future.done() and not future.cancelled() else None
        if decision is not None:
            return self._follow(decision, times)
        if sent is not None and sent.done() and not sent.cancelled() and sent.exception() is None:
            return await self._fall_back(context, fallback, "late", times, known=True)
        known = sent is not None or self._link.offer(entry)
        if not self._closing:
            self._link.doubt(f"a request was not acknowledged within {self._deadline:g} s")
        return await self._fall_back(context, fallback, "unreachable", times, known=known)

    def _follow(self, decision: Decision, times: "_Times") -> Choice:
        arms = decision.arms
        scores = np.frombuffer(decision.scores, "<f4")
        order = np.argsort(-scores, kind="stable") if len(scores) == len(arms) else np.arange(len(arms))
        others = (arms[place] for place in order.tolist() if place != decision.choice)
        return self._told(
            Choice(
                decision.id, decision.tenant, decision.domain, decision.arm, (decision.arm, *others), "decided",
                decision, *times.milliseconds(),
            )
        )  # fmt: skip

    async def _fall_back(
        self, context: Context, fallback: Sequence[str], how: How, times: "_Times", *, known: bool
    ) -> Choice:
        """known: the context is, or will be, in the log; otherwise nothing is to be said of its decision."""
        unfollowing = self._unfollowing((context.tenant, context.id), fallback[0])
        if known:
            await self._hand_over(unfollowing)
        if how == "late":
            self._tell_late()
        return self._told(
            Choice(
                context.id, context.tenant, context.domain, fallback[0], tuple(fallback), how, None,
                *times.milliseconds(),
            )
        )  # fmt: skip

    def _told(self, choice: Choice) -> Choice:
        metrics = self._metrics
        metrics.decisions.labels(choice.domain, choice.how).inc()
        metrics.wait_seconds.observe(choice.waited_ms / 1000.0)
        metrics.own_seconds.observe(choice.own_ms / 1000.0)
        return choice

    def _unfollowing(self, name: _Name, arm: str) -> Entry:
        """What tells the log that, whatever is decided about this request, nobody acts on it."""
        tenant, decision = name
        self._unfollowed[name], self._expected[name] = None, arm
        for remembered in (self._unfollowed, self._expected):
            if len(remembered) > _REMEMBERED:
                remembered.popitem(last=False)
        return _reward(tenant, decision, {UNFOLLOWED: 1.0}, f"{decision[:100]}:{UNFOLLOWED}")

    async def _hand_over(self, entry: Entry) -> None:
        """Give Kafka a reward, or keep it for Kafka, before anything that comes later."""
        if self._link.reachable and not self._spool.backlog:
            try:
                async with asyncio.timeout(_HAND_OVER):
                    await self._link.send(entry)
            except (TimeoutError, ConnectionError):
                pass
            else:
                return
        self._link.offer(entry)

    def _say(self, entry: Entry) -> None:
        """The same, soon."""
        task = asyncio.get_running_loop().create_task(self._hand_over(entry))
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)

    def _nothing_comes(self) -> None:
        """The connection is gone: whoever waits is answered."""
        for future in self._awaited.values():
            if not future.done():
                future.set_result(None)

    def _heard(self, value: bytes | None) -> None:
        """A record of decisions has come: it is for whoever awaits it, or comes too late."""
        if not self._awaited and not self._expected:
            return
        decision = decision_in(value)
        if decision is None or decision.choice >= len(decision.arms):
            return
        name = (decision.tenant, decision.id)
        future = self._awaited.get(name)
        if future is not None:
            if not future.done():
                future.set_result(decision)
            return
        arm = self._expected.pop(name, None)
        if arm is not None:
            answered = decision.arms.index(arm) if arm in decision.arms else -1
            seen = {UNFOLLOWED: 1.0, ANSWERED_BY: float(answered)}
            self._say(_reward(decision.tenant, decision.id, seen, f"{decision.id[:100]}:{ANSWERED_BY}"))

    def _tell_late(self) -> None:
        self._late += 1
        now = time.monotonic()
        if now - self._told_late_at >= _TELL_EVERY:
            _log.warning(
                "decisions come too late, and fallback arms answer: are workers running (croupier status), do they "
                "keep up, and are the tenants' domains applied? What can not be decided is in the topic dead-letters",
                requests=self._late,
                deadline_ms=self._deadline * 1000.0,
            )
            self._late, self._told_late_at = 0, now


class _Times:
    """Of one request, on `perf_counter`: between `asked` and `resumed` it waited for Kafka."""

    __slots__ = ("asked", "begun", "resumed")

    def __init__(self, begun: float) -> None:
        self.begun = begun
        self.asked = self.resumed = begun

    def milliseconds(self) -> tuple[float, float]:
        """Since it began, and without the wait."""
        whole = time.perf_counter() - self.begun
        return whole * 1000.0, (whole - (self.resumed - self.asked)) * 1000.0


def _request(
    tenant: str,
    domain: str,
    features: Sequence[float] | NDArray[np.floating[Any]],
    id_: str | None,
    eligible: Sequence[str] | None,
    restrictions: Mapping[str, str] | None,
    unit: str | None,
    after: str | None,
) -> tuple[Context, Entry]:
    if restrictions:
        if eligible is None:
            raise ValueError("restrictions without eligible: name the arms that are left")
        both = [arm for arm in restrictions if arm in eligible]
        if both:
            raise ValueError(f"{both[0]!r} is eligible and restricted ({restrictions[both[0]]!r}) at once")
    context = Context(
        str(uuid4()) if id_ is None else id_,
        tenant,
        domain,
        pack(features, missing=True),
        None if eligible is None else tuple(eligible),
        unit,
        after,
        dict(restrictions) if restrictions else None,
    )
    return context, _entry(CONTEXTS.name, tenant, context)


def _reward(tenant: str, decision: str, observations: Mapping[str, float], id_: str) -> Entry:
    return _entry(REWARDS.name, tenant, Reward(id_, tenant, decision, dict(observations)))


def _entry(topic: str, tenant: str, event: Context | Reward) -> Entry:
    """Refuse here what the readers would refuse: they check the very same."""
    value = wire.encode(event)
    try:
        wire.decode(topic, value)
    except CroupierError as error:
        raise ValueError(f"not sent to {topic}: {error}") from error
    return Entry(topic, tenant, value)


if TYPE_CHECKING:
    _agreed: type[Deciding] = DecisionPath
