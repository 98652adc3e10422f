"""Kafka clients that are started and stopped again; Kafka's errors become ones that say where and what to do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from schemas.errors import BrokerUnavailableError
from schemas.topics import SPECS
from stream_workers.runtime.clients import stop_consumer

_FETCH_WAIT_MS = 50


@asynccontextmanager
async def consumer(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer without a group."""
    client = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        # At the end of one partition a fetch waits so long for more, and reading another waits for that fetch.
        fetch_max_wait_ms=_FETCH_WAIT_MS,
    )
    async with _explained(bootstrap):
        try:
            await client.start()
            yield client
        finally:
            await stop_consumer(client)


@asynccontextmanager
async def producer(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    """A producer whose records are on every in-sync replica, once, when acknowledged."""
    client = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, max_request_size=SPECS.max_message_bytes
    )
    async with _explained(bootstrap):
        try:
            await client.start()
            yield client
        finally:
            await client.stop()


@asynccontextmanager
async def admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """A client for questions about topics and groups."""
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    async with _explained(bootstrap):
        try:
            await client.start()
            yield client
        finally:
            await client.close()


@asynccontextmanager
async def _explained(bootstrap: str) -> AsyncIterator[Any]:
    try:
        yield
    except (KafkaError, OSError, TimeoutError) as error:
        raise BrokerUnavailableError(
            f"the broker at {bootstrap} cannot be used: {type(error).__name__}: {error}. Is it running, and is this "
            "its address? `croupier up` starts one on this machine."
        ) from error
