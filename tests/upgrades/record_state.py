"""Stores what a release leaves in Kafka, so that every later one is tested on it.

    PYTHONPATH=CHECKOUT_OF_THE_RELEASE python tests/upgrades/record_state.py NAME

Runs that release's workers on a Kafka of their own under recorded traffic, kills one of them on the way, stops the
rest while decisions wait for feedback and rewards for decisions, and writes every record of every topic and the
committed offsets to states/NAME.msgpack.xz.  Imports only what releases have had from the first; run it as a file, so
that the packages come from PYTHONPATH alone.
"""

import asyncio
import lzma
import os
import signal
import sys
import tempfile
from pathlib import Path

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from infra.domains.file import read_domains
from infra.domains.publish import apply_specs
from infra.kafka import start_broker
from infra.local import deployment
from infra.traffic import recordings_for
from producers.replay.feedback import FeedbackPlan
from producers.replay.player import play
from schemas import topics

HERE = Path(__file__).parent
PARTITIONS = 4
EARLY_MS = 5_000
PREFIX = "stored-"
GROUPS = (f"{PREFIX}croupier-worker", f"{PREFIX}croupier-analytics")
OPTIONS = ("--early-ms", str(EARLY_MS), "--checkpoint-seconds", "2", "--session-timeout", "6")


async def run(name: str) -> None:
    with start_broker() as broker, tempfile.TemporaryDirectory(prefix="croupier-state-") as directory:
        await _play(broker, Path(directory))
        stored = {
            "name": name,
            "early_ms": EARLY_MS,
            "partitions": PARTITIONS,
            "topics": await _records(broker.bootstrap_servers),
            "committed": await _committed(broker.bootstrap_servers),
        }
    path = HERE / "states" / f"{name}.msgpack.xz"
    path.write_bytes(lzma.compress(msgspec.msgpack.encode(stored), preset=9 | lzma.PRESET_EXTREME))
    counts = {topic: sum(map(len, partitions.values())) for topic, partitions in stored["topics"].items()}
    print(f"{path.name}: {path.stat().st_size:,} bytes; records: {counts}")


async def _play(broker, directory):
    specs = read_domains(HERE / "domains.toml")
    async with deployment(
        broker, directory, print, prefix=PREFIX, workers=2, partitions=PARTITIONS, worker_options=OPTIONS
    ) as running:
        await apply_specs(broker.bootstrap_servers, PREFIX, specs)
        await running.serving()
        plan = FeedbackPlan(delay_s=0.5, late=0.0, duplicate=0.1, orphan=0.1, lost=0.3)
        playing = asyncio.create_task(
            play(
                broker.bootstrap_servers, PREFIX, recordings_for(specs),
                interactions=360, rate=30.0, seed=1, plan=plan, patience_s=60.0,
            )
        )  # fmt: skip
        await asyncio.sleep(4.0)
        os.kill(running.supervisor.pid("worker-1"), signal.SIGKILL)
        await playing


async def _records(bootstrap):
    """By topic and partition: (offset, timestamp, key, value, headers) of every record."""
    found = {}
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        for topic in topics.ALL:
            full = topics.full_name(topic, PREFIX)
            numbers = range(1 if topic.partitions == "one" else PARTITIONS)
            tps = [TopicPartition(full, number) for number in numbers]
            ends = await consumer.end_offsets(tps)
            found[topic.name] = {number: [] for number in numbers}
            for tp in tps:
                consumer.assign([tp])
                consumer.seek(tp, 0)
                while await consumer.position(tp) < ends[tp]:
                    for records in (await consumer.getmany(timeout_ms=200)).values():
                        found[topic.name][tp.partition] += [
                            (each.offset, each.timestamp, each.key, each.value, list(each.headers)) for each in records
                        ]
    finally:
        await consumer.stop()
    return found


async def _committed(bootstrap):
    """By group: (topic, partition, offset) as committed."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        return {
            group.removeprefix(PREFIX): [
                (tp.topic.removeprefix(PREFIX), tp.partition, meta.offset)
                for tp, meta in (await admin.list_consumer_group_offsets(group)).items()
                if tp.topic.startswith(PREFIX)
            ]
            for group in GROUPS
        }
    finally:
        await admin.close()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))
