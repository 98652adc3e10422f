"""How fast a deployment's log is verified, and in how much memory: `python -m benchmarks.verification`.

A worker and analytics decide, join, learn and count `contexts` contexts with one reward each, on a real Kafka.  Then
`croupier verify` reads all of it, as a process of its own, whose peak resident memory is asked of the kernel.
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.deployment import Deployment
from benchmarks.load import Load, Row
from infra.domains.publish import apply_specs
from infra.kafka import start_broker
from infra.local import deployment
from schemas.events import Decision, Reward
from schemas.wire import decode, encode

EARLY_MS = 1_000
_CHUNK = 50_000


async def rewarded(filled: Deployment, contexts: int) -> int:
    """A reward for every decision, as they come; how many."""
    places = [TopicPartition(filled.topic("decisions"), number) for number in range(filled.partitions)]
    consumer = AIOKafkaConsumer(bootstrap_servers=filled.bootstrap, enable_auto_commit=False)
    await consumer.start()
    count = 0
    try:
        consumer.assign(places)
        await consumer.seek_to_beginning()
        while count < contexts:
            rows = []
            for place, records in (await consumer.getmany(timeout_ms=500, max_records=_CHUNK)).items():
                for record in records:
                    event = decode("decisions", record.value)
                    if isinstance(event, Decision):
                        observed = {"success": float(event.choice % 2), "cost": 0.001, "latency_ms": 100.0 + count % 99}
                        reward = Reward(f"r{event.id}", event.tenant, event.id, observed)
                        rows.append(Row(place.partition, record.key, encode(reward)))
                        count += 1
            if rows:
                await asyncio.to_thread(filled.fill, filled.topic("rewards"), rows)
    finally:
        await consumer.stop()
    return count


def _run(command: list[str]) -> tuple[dict[str, Any], resource.struct_rusage, int]:
    """What a command prints, what it used, and its exit code."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    said = json.loads(process.stdout.read())
    _, status, usage = os.wait4(process.pid, 0)
    return said, usage, os.waitstatus_to_exitcode(status)


async def measure(contexts: int, tenants: int) -> dict[str, object]:
    """Fill, settle, verify."""
    load = Load(tenants=tenants, trained=0)
    with start_broker() as broker, tempfile.TemporaryDirectory(prefix="croupier-bench-") as home:
        prefix = f"verification-{os.getpid()}-"
        filled = Deployment(broker.bootstrap_servers, prefix, load.partitions)
        options = ("--early-ms", str(EARLY_MS), "--session-timeout", "60")
        async with deployment(
            broker, Path(home), lambda text: print(text, file=sys.stderr), prefix=prefix, workers=1,
            partitions=load.partitions, worker_options=options,
        ) as running:  # fmt: skip
            await apply_specs(broker.bootstrap_servers, prefix, load.specs)
            await running.serving()
            rewarding = asyncio.create_task(rewarded(filled, contexts))
            await asyncio.to_thread(lambda: filled.fill(filled.topic("contexts"), load.contexts(contexts)))
            await rewarding
            await running.settled(900.0)
        command = [
            sys.executable, "-m", "infra.cli", "verify", "--json", "--prefix", prefix,
            "--bootstrap", broker.bootstrap_servers, "--early-ms", str(EARLY_MS), "--settled",
        ]  # fmt: skip
        said, usage, code = await asyncio.to_thread(_run, command)
    return {
        **{name: said[name] for name in ("proven", "contexts", "decisions", "outcomes", "records", "seconds")},
        "faults": said["faults"],
        "pending": said["pending"],
        "exit_code": code,
        "records_per_second": round(said["records"] / said["seconds"]),
        "peak_resident_mb": usage.ru_maxrss // 1024,
    }


def main() -> None:
    """Print a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contexts", type=int, default=1_000_000)
    parser.add_argument("--tenants", type=int, default=32)
    given = parser.parse_args()
    print(json.dumps(asyncio.run(measure(given.contexts, given.tenants))))


if __name__ == "__main__":
    main()
