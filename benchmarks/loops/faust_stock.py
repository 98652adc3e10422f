"""Faust as its documentation teaches it: an agent that counts in a RocksDB table and sends every event on."""

import asyncio

import faust

from benchmarks.loops.job import Job, begin


def build(job: Job) -> faust.App:
    app = faust.App(
        f"{job.prefix}faust",
        broker=f"kafka://{job.bootstrap}",
        store="rocksdb://",
        datadir=job.directory,
        topic_partitions=job.partitions,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
    )
    source = app.topic(job.source, key_type=str, value_type=bytes, value_serializer="raw")
    sink = app.topic(job.sink, key_type=str, value_type=bytes, value_serializer="raw")
    counts = app.Table("counts", key_type=str, default=int, partitions=job.partitions)

    @app.agent(source)  # type: ignore[untyped-decorator]
    async def pass_on(stream: faust.StreamT[bytes]) -> None:
        async for key, value in stream.items():
            counts[key] += 1
            await sink.send(key=key, value=value)

    return app


async def run(job: Job) -> None:
    # Embedded, not by the `faust worker` command: that sets the root logger to DEBUG and filters in its handler, so
    # that every event pays for five log records nobody sees (a fifth more time).
    app = build(job)
    await app.start()
    await app.wait_until_stopped()


if __name__ == "__main__":
    asyncio.run(run(begin()))
