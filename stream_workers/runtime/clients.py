"""The runtime's own Kafka clients, beside Faust's."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from .sending import put_together_once

#: What the changelog topics take in one record (schemas.topics).
_REQUEST_BYTES = 16 * 1024 * 1024


def new_producer(bootstrap_servers: str, batch_bytes: int) -> AIOKafkaProducer:
    """A producer for batches of up to `batch_bytes`, to be started.

    Idempotent: a later batch never lands without the one before it.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers,
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        max_batch_size=batch_bytes,
        max_request_size=_REQUEST_BYTES,
    )
    put_together_once(producer)
    return producer


async def cluster_id(bootstrap_servers: str) -> str:
    """What the cluster calls itself; another cluster, or one made anew, has another id."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        description = await admin.describe_cluster()
    finally:
        await admin.close()
    return str(description["cluster_id"])


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
