"""What an application uses: ask for a decision, act on it, say later what came of it.

async with CroupierClient("localhost:9092") as croupier:
    decision = await croupier.decide("acme", "model_routing", features)
    answer = await ask(decision.arm)
    await croupier.reward(decision, {"success": 1.0, "cost": answer.usd, "latency_ms": answer.ms})
"""

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

import numpy as np
from aiokafka.errors import KafkaError
from numpy.typing import NDArray

from schemas import wire
from schemas.errors import BrokerUnavailableError, CroupierError
from schemas.events import Context, Decision, Reward
from schemas.topics import CONTEXTS, REWARDS, full_name

from .connection import decision_in, open_decisions, open_producer, stop_consumer

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer


class CroupierClient:
    """Connection of one application to a deployment; an async context manager, for use on one event loop.

    prefix: of the deployment's topics.  security: aiokafka's settings for TLS and SASL.
    """

    def __init__(self, bootstrap_servers: str, *, prefix: str = "", security: Mapping[str, Any] | None = None) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._prefix = prefix
        self._security = security
        self._producer: AIOKafkaProducer = None
        self._consumer: AIOKafkaConsumer = None
        self._reader: asyncio.Task[None] | None = None
        self._awaited: dict[tuple[str, str], asyncio.Future[Decision]] = {}  # by tenant and id

    async def __aenter__(self) -> Self:
        """Connect.  BrokerUnavailableError, TopicsMismatchError: see their text."""
        self._consumer = await open_decisions(self._bootstrap_servers, self._prefix, self._security)
        try:
            self._producer = await open_producer(self._bootstrap_servers, self._security)
        except BaseException:
            await stop_consumer(self._consumer)
            raise
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait until what was sent is acknowledged, and disconnect."""
        assert self._reader is not None
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        self._reader = None
        self._fail_awaited(ConnectionError("the client was closed while a decision was awaited"))
        try:
            await self._producer.stop()
        finally:
            await stop_consumer(self._consumer)

    async def decide(
        self,
        tenant: str,
        domain: str,
        features: Sequence[float] | NDArray[np.floating[Any]],
        *,
        id: str | None = None,  # noqa: A002 - the field's name on the wire
        eligible: Sequence[str] | None = None,
        unit: str | None = None,
        after: Decision | str | None = None,
        restrictions: Mapping[str, str] | None = None,
        missing: bool = False,
        timeout: float = 10.0,
    ) -> Decision:
        """Ask for a decision and wait for it.

        features: as many finite numbers as the domain declares.  id: becomes the decision's; unique within the tenant
        (default: a random one).  eligible: narrows the domain's arms.  unit: who it is about, as a pseudonym that says
        nothing of them (a keyed hash); requests about one are counted as one when values are estimated.  after: the
        tenant's decision, of another domain, that this request follows from, or its id.  restrictions: why arms are
        not among `eligible`, by arm.  missing: a feature that is NaN or None is one that is not known; the domain must
        say missing = "mean".  timeout: seconds.
        TimeoutError: no decision came; the request may still be decided, and asking again with the same id can not
        decide it twice.
        ValueError: the request is not valid, nothing was sent.
        """
        context = Context(
            str(uuid4()) if id is None else id,
            tenant,
            domain,
            pack(features, missing=missing),
            None if eligible is None else tuple(eligible),
            unit,
            after.id if isinstance(after, Decision) else after,
            None if restrictions is None else dict(restrictions),
        )
        value = wire.encode(context)
        _check(CONTEXTS.name, value)
        key = (tenant, context.id)
        if key in self._awaited:
            raise ValueError(f"a decision with the id {context.id!r} is being awaited already; ids are used once")
        self._connected()
        future: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        self._awaited[key] = future
        try:
            async with asyncio.timeout(timeout):
                await self._send(CONTEXTS.name, tenant, value)
                return await future
        except TimeoutError:
            raise TimeoutError(
                f"no decision about {context.id!r} came within {timeout} s. Are workers running, and is the domain "
                f"{domain!r} of tenant {tenant!r} applied? What could not be decided is in the topic dead-letters."
            ) from None
        finally:
            del self._awaited[key]

    async def reward(
        self,
        decision: Decision,
        observations: Mapping[str, float],
        *,
        id: str | None = None,  # noqa: A002
    ) -> None:
        """Say what was observed about a decision, all at once or a part at a time; returns when Kafka has it.

        id: of this reward, for tracing; sending the same again changes nothing.  ValueError: nothing was sent.
        """
        reward = Reward(str(uuid4()) if id is None else id, decision.tenant, decision.id, dict(observations))
        value = wire.encode(reward)
        _check(REWARDS.name, value)
        self._connected()
        await self._send(REWARDS.name, decision.tenant, value)

    def _connected(self) -> None:
        if self._reader is None:
            raise ConnectionError("not connected: use `async with CroupierClient(...) as croupier:`")
        if self._reader.done():
            raise ConnectionError("decisions can no longer be read; open a new client") from self._reader.exception()

    async def _send(self, topic: str, tenant: str, value: bytes) -> None:
        try:
            await self._producer.send_and_wait(full_name(topic, self._prefix), value, tenant.encode())
        except KafkaError as error:
            raise BrokerUnavailableError(
                f"the broker did not take a record for {topic} ({type(error).__name__}: {error})"
            ) from error

    async def _read(self) -> None:
        """Hand every decision to the one who awaits it; the first with an id wins, others find nobody waiting."""
        try:
            async for record in self._consumer:
                if not self._awaited:
                    continue
                decision = decision_in(record.value)
                future = self._awaited.get((decision.tenant, decision.id)) if decision is not None else None
                if future is not None and decision is not None and not future.done():
                    future.set_result(decision)
        except KafkaError as error:
            self._fail_awaited(ConnectionError(f"decisions can no longer be read ({type(error).__name__}: {error})"))
            raise

    def _fail_awaited(self, error: Exception) -> None:
        for future in self._awaited.values():
            if not future.done():
                future.set_exception(error)


def pack(features: Sequence[float] | NDArray[np.floating[Any]], *, missing: bool = False) -> bytes:
    """Features as they travel: little-endian float32.  ValueError: not one row of finite numbers (NaN if missing)."""
    values = np.asarray(features, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"features have the shape {values.shape}; one row of numbers is expected")
    with np.errstate(over="ignore"):
        packed = values.astype("<f4")
    wrong = np.isinf(packed) if missing else ~np.isfinite(packed)
    if wrong.any():
        where = int(np.flatnonzero(wrong)[0])
        raise ValueError(f"feature {where} is {values[where]}; a finite number (as float32) is expected")
    return packed.tobytes()


def _check(topic: str, value: bytes) -> None:
    """Refuse here what the readers would refuse: they check the very same."""
    try:
        wire.decode(topic, value)
    except CroupierError as error:
        raise ValueError(f"not sent to {topic}: {error}") from error
