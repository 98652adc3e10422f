"""A consume-send loop written by hand on aiokafka: fetch, send each record, and once a second flush and commit."""

import asyncio
import time
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.loops.job import Job, begin

COMMIT_SECONDS = 1.0


async def copy(job: Job) -> None:
    consumer = AIOKafkaConsumer(
        job.source,
        bootstrap_servers=job.bootstrap,
        group_id=job.group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    producer = AIOKafkaProducer(bootstrap_servers=job.bootstrap, acks="all", max_batch_size=256 * 1024)
    await consumer.start()
    await producer.start()
    sent: list[Any] = []
    committed = time.monotonic()
    while True:
        fetched = await consumer.getmany(timeout_ms=200)
        for place, records in fetched.items():
            for record in records:
                sent.append(await producer.send(job.sink, record.value, record.key, partition=place.partition))  # noqa: PERF401 - as written by hand
        if time.monotonic() - committed >= COMMIT_SECONDS:
            await producer.flush()
            for future in sent:
                future.result()
            sent.clear()
            await consumer.commit()
            committed = time.monotonic()


if __name__ == "__main__":
    asyncio.run(copy(begin()))
