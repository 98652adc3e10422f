"""Stopping a consumer whose broker was away."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import NodeNotReadyError

from infra.kafka.topics import create_topics
from producers.connection import stop_consumer as producers_stop
from stream_workers.runtime.clients import stop_consumer


async def waiting_to_repeat(bootstrap, prefix):
    """A consumer whose fetch has failed, and which will try again in a minute."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, retry_backoff_ms=60_000)
    await consumer.start()
    failed = asyncio.Event()
    send = consumer._client.send

    async def refuse_fetches(node, request, **options):
        if "Fetch" in type(request).__name__:
            failed.set()
            raise NodeNotReadyError
        return await send(node, request, **options)

    consumer._client.send = refuse_fetches
    tp = TopicPartition(f"{prefix}contexts", 0)
    consumer.assign([tp])
    consumer.seek(tp, 0)
    await failed.wait()
    await asyncio.sleep(0)
    return consumer


@pytest.mark.kafka
@pytest.mark.parametrize("stop", [stop_consumer, producers_stop])
async def test_a_consumer_that_waits_to_repeat_a_fetch_does_not_cancel_who_stops_it(kafka, deployment_prefix, stop):
    """aiokafka's stop does (shown first: when that changes, ours is not needed any more); ours does not, and closes the
    connections."""
    await create_topics(kafka.bootstrap_servers, prefix=deployment_prefix, partitions=1)
    theirs = await waiting_to_repeat(kafka.bootstrap_servers, deployment_prefix)
    with pytest.raises(asyncio.CancelledError):
        await theirs.stop()
    await theirs._client.close()
    ours = await waiting_to_repeat(kafka.bootstrap_servers, deployment_prefix)
    await stop(ours)
    assert ours._closed
    assert not any(connection.connected() for connection in ours._client._conns.values())
