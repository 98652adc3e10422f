"""How producers reach Kafka: writing so that nothing is lost or doubled on the way, reading decisions from now on."""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from schemas import wire
from schemas.errors import BadRecordError, BrokerUnavailableError, TopicsMismatchError
from schemas.events import Decision
from schemas.topics import CONTEXTS, DECISIONS, REWARDS, full_name

_LINGER_MS = 2
_REQUEST_TIMEOUT_MS = 40_000
_ABANDON_SECONDS = 5.0


async def open_producer(
    bootstrap_servers: str, security: Mapping[str, Any] | None = None, *, request_timeout_ms: int = _REQUEST_TIMEOUT_MS
) -> AIOKafkaProducer:
    """A started producer that waits for all replicas and retries without doubling.

    security: aiokafka's settings for TLS and SASL (`security_protocol`, `ssl_context`, ...).  request_timeout_ms: a
    connection whose broker answers nothing for so long is given up.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers,
        acks="all",
        enable_idempotence=True,
        linger_ms=_LINGER_MS,
        request_timeout_ms=request_timeout_ms,
        **(security or {}),
    )
    try:
        await producer.start()
    except (KafkaError, OSError) as error:
        await producer.stop()
        raise _unavailable(bootstrap_servers, error) from error
    except BaseException:
        await producer.stop()
        raise
    return producer


async def abandon_producer(producer: AIOKafkaProducer) -> None:
    """Close a producer without waiting for what is not acknowledged: with the broker away that would be for ever."""
    producer._closed = True
    sender = producer._sender.sender_task
    if sender is not None:
        sender.cancel()
    await producer.client.close()
    if sender is not None:
        await asyncio.wait([sender], timeout=_ABANDON_SECONDS)


async def open_decisions(
    bootstrap_servers: str,
    prefix: str,
    security: Mapping[str, Any] | None = None,
    *,
    request_timeout_ms: int = _REQUEST_TIMEOUT_MS,
) -> AIOKafkaConsumer:
    """A started consumer of every partition of decisions that returns what is appended from now on."""
    await _check_topics(bootstrap_servers, prefix, security)
    consumer = AIOKafkaConsumer(
        full_name(DECISIONS, prefix),
        bootstrap_servers=bootstrap_servers,
        group_id=None,  # every partition is ours, whatever others read
        enable_auto_commit=False,
        auto_offset_reset="latest",
        request_timeout_ms=request_timeout_ms,
        **(security or {}),
    )
    try:
        await consumer.start()
        await consumer.seek_to_end()
        for partition in consumer.assignment():
            await consumer.position(partition)  # now is fixed here, not at the first fetch
    except (KafkaError, OSError) as error:
        await stop_consumer(consumer)
        raise _unavailable(bootstrap_servers, error) from error
    except BaseException:
        await stop_consumer(consumer)
        raise
    return consumer


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer.

    aiokafka's own `stop` awaits a task that it cancelled: one that waits to repeat a fetch (the broker was away), or
    has not begun, cancels whoever stops the consumer, and leaves its connections open.
    """
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise  # it was meant for us
        await consumer._client.close()


def decision_in(value: bytes | None) -> Decision | None:
    """The decision in a record of decisions; None for clocks and for what cannot be read (not ours to judge)."""
    try:
        event = wire.decode(DECISIONS.name, value)
    except BadRecordError:
        return None
    return event if type(event) is Decision else None


async def _check_topics(bootstrap_servers: str, prefix: str, security: Mapping[str, Any] | None) -> None:
    """Look before asking for a topic by its name: brokers may create one that is asked for."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, **(security or {}))
    try:
        await admin.start()
        names = await admin.list_topics()
    except (KafkaError, OSError) as error:
        raise _unavailable(bootstrap_servers, error) from error
    finally:
        await admin.close()
    wanted = [full_name(topic, prefix) for topic in (CONTEXTS, DECISIONS, REWARDS)]
    absent = [name for name in wanted if name not in names]
    if absent:
        raise TopicsMismatchError(
            f"the broker at {bootstrap_servers} has no topic {', '.join(absent)}; expected those of a deployment with "
            f"the prefix {prefix!r}. Create them with `croupier topics create`, or give the prefix it runs with"
        )


def _unavailable(bootstrap_servers: str, error: Exception) -> BrokerUnavailableError:
    return BrokerUnavailableError(
        f"no Kafka answers at {bootstrap_servers} ({type(error).__name__}: {error}). Is it running, and is this the "
        "address it advertises?"
    )
