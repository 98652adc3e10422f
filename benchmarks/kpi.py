"""KPIs against a recomputation from the log, under two SIGKILLs; how fast they are made, and how large they are.

    python -m benchmarks.kpi [--json] [--outcomes 200000] [--tenants 50] [--days 3]

Days of outcomes, late and doubled ones among them, lie in a real Kafka.  `croupier analytics` sums them up, is killed
twice on the way, and started again.  Then everything is made anew from the records of `outcomes`: every bucket of
every granularity by `infra.verify.kpis`, which shares no code with analytics and compares all sums to the last bit,
and windows of random lengths by plain numpy over all outcomes, which the reading side (`infra.kpis.store`) must agree
with.  `kpi_mismatches` counts both.  Speed is measured on a second copy of the log that nobody disturbs.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import numpy as np
import typer
from aiokafka import AIOKafkaProducer, TopicPartition
from rich.console import Console

from benchmarks.kpi_log import DAY_MS, events
from infra.domains import clients
from infra.kafka import start_broker
from infra.kafka.topics import create_topics
from infra.kpis.store import KpiStore, Scope
from infra.reading.groups import committed
from infra.reading.log import Log
from infra.verify.findings import Fault, Findings
from infra.verify.kpis import KpiCheck
from infra.verify.state import ChangelogState
from infra.verify.table import Tables
from schemas import topics, wire
from schemas.errors import CroupierError
from schemas.events import Outcome
from schemas.partitioning import partition
from stream_workers.analytics.bucket import BucketId
from stream_workers.analytics.sketch import bin_of
from stream_workers.learning.reward import reward_of

PARTITIONS: Final = 4
_ROOT: Final = Path(__file__).resolve().parents[1]
_PATIENCE_S: Final = 600.0
_WINDOWS: Final = 30
_RESTART: Final = (70, 75)


class Analytics:
    """The real process."""

    def __init__(self, servers: str, prefix: str, directory: Path) -> None:
        self.command = [
            sys.executable, "-m", "infra.cli", "analytics", "--bootstrap", servers, "--prefix", prefix,
            "--state-dir", str(directory / "state"),
        ]  # fmt: skip
        self._log = (directory / "log").open("wb")
        self.restarts = 0
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, cwd=_ROOT, stdout=self._log, stderr=self._log)

    def said(self) -> str:
        return Path(self._log.name).read_text(errors="replace")[-2000:]

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
        self._log.close()


async def write(servers: str, prefix: str, log: list[tuple[int, bytes, bytes]]) -> list[int]:
    """Append to outcomes; how many records each partition has."""
    topic = topics.full_name(topics.OUTCOMES, prefix)
    counts = [0] * PARTITIONS
    async with AIOKafkaProducer(bootstrap_servers=servers, max_batch_size=1 << 20, linger_ms=20) as producer:
        for number, key, value in log:
            await producer.send(topic, value, key=key, partition=number)
            counts[number] += 1
    return counts


async def counted(servers: str, prefix: str) -> int:
    """Records of outcomes that checkpoints cover."""
    topic = topics.full_name(topics.OUTCOMES, prefix)
    async with clients.admin(servers) as admin:
        found = await committed(admin, f"{prefix}croupier-analytics")
    return sum(found.get(TopicPartition(topic, number), 0) for number in range(PARTITIONS))


async def reach(servers: str, prefix: str, records: int, running: Analytics) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while await counted(servers, prefix) < records:
        if (code := running.process.poll()) is not None:
            if code not in _RESTART:
                raise CroupierError(f"analytics ended with {code}:\n{running.said()}")
            running.restarts += 1  # it was held up for too long by others on this machine, and ended as it should
            running.start()
        if time.monotonic() > deadline:
            raise CroupierError(f"analytics had not counted {records} records after {_PATIENCE_S:.0f} s")
        await asyncio.sleep(0.05)


class Recomputed:
    """All outcomes that count, in columns, as they stand in the log."""

    def __init__(self) -> None:
        self.rows: dict[str, list[tuple[float, ...]]] = defaultdict(list)
        self.bins: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._seen: set[tuple[int, int]] = set()
        self.specs: dict[tuple[str, str], Any] = {}

    def first(self, number: int, outcome: Outcome) -> bool:
        fresh = (number, outcome.ordinal) not in self._seen
        self._seen.add((number, outcome.ordinal))
        return fresh

    def add(self, outcome: Outcome) -> None:
        seen, tenant = outcome.observations, outcome.decision.tenant
        at = outcome.decided_at_ms // 1000
        reward, _ = reward_of(self.specs[tenant, outcome.decision.domain], seen)
        self.rows[tenant].append(
            (at, 1.0, reward, seen.get("cost", 0.0), "cost" in seen, seen.get("success", 0.0), seen.get("error", 0.0),
             seen.get("thumbs", 0.0), "thumbs" in seen, bool(seen), seen.get("unfollowed", 0.0))
        )  # fmt: skip
        if "latency_ms" in seen:
            self.bins[tenant].append((at, bin_of(seen["latency_ms"])))

    def mismatches(self, store: KpiStore, end_s: int, days: float, seed: int = 0) -> int:
        """Windows of random place and length, each tenant by itself: figures that differ."""
        rng = np.random.default_rng(seed)
        rows = {tenant: np.array(each) for tenant, each in self.rows.items()}
        bins = {tenant: np.array(each) for tenant, each in self.bins.items()}
        wrong = 0
        for _ in range(_WINDOWS):
            length = int(np.exp(rng.uniform(np.log(60), np.log(days * 86_400))))
            since = end_s - length - int(rng.integers(days * 86_400 - length + 1))
            begin, end = store.window(since, since + length)
            found = store.by("tenant", Scope(), since, since + length)
            for tenant, of_tenant in rows.items():
                inside = of_tenant[(of_tenant[:, 0] >= begin) & (of_tenant[:, 0] < end)]
                if not len(inside):
                    wrong += tenant in found and found[tenant].interactions > 0
                    continue
                sums = found[tenant].sums
                told = (sums.interactions, sums.reward_sum, sums.cost_sum, sums.cost_count, sums.success_sum,
                        sums.error_sum, sums.thumbs_sum, sums.thumbs_count, sums.observed, sums.unfollowed)  # fmt: skip
                wrong += int((~np.isclose(told, inside[:, 1:].sum(axis=0), rtol=1e-9, atol=1e-9)).sum())
                at, number = bins[tenant].T
                wrong += Counter(number[(at >= begin) & (at < end)].tolist()) != Counter(found[tenant].latency_ms)
        return wrong


async def compare(servers: str, prefix: str, end_ms: int, days: float) -> dict[str, Any]:
    """Everything again, from the topics alone."""
    findings = Findings(settled=True)
    again, store = Recomputed(), KpiStore(clock=lambda: end_ms / 1000)
    buckets = 0
    bytes_of_day: Counter[str] = Counter()
    async with Log.open(servers, prefix) as log:
        for number in range(PARTITIONS):
            ends = {t: (await log.bounds(t, [number]))[number] for t in ("kpis", "outcomes", "analytics-state")}
            with Tables() as tables:
                check = KpiCheck(number, tables, ends["outcomes"][1], None, findings)
                async for records in log.batches("kpis", {number: ends["kpis"]}):
                    store.take(records)
                    for record in records:
                        check.published(record)
                async for records in log.batches("outcomes", {number: ends["outcomes"]}):
                    for record in records:
                        event = wire.decode("outcomes", record.value)
                        if not isinstance(event, Outcome):
                            check.change(event)
                            again.specs[event.tenant, event.domain] = event.spec
                        elif again.first(number, event):
                            check.take(record.offset, event)
                            again.add(event)
                check.finish()
                buckets += check.buckets
                state = ChangelogState(
                    "analytics-state", number, tables.table("state"), Fault.ANALYTICS_STATE, findings
                )
                async for records in log.batches("analytics-state", {number: ends["analytics-state"]}):
                    state.feed(records)
                for key, _, value in state.scan(b"bucket/"):
                    bucket = BucketId.of_key(key)
                    if end_ms - DAY_MS <= bucket.start * 1000 < end_ms or bucket.granularity == "day":
                        bytes_of_day[bucket.granularity] += len(key) + len(value)
    tenants = len(again.rows)
    by_day = {
        name: bytes_of_day[name] / tenants / (np.ceil(days) if name == "day" else 1.0)
        for name in ("minute", "hour", "day")
    }
    for sentence in list(findings.problems())[:20]:
        Console(stderr=True).print(sentence, style="red", markup=False)
    return {
        "kpi_mismatches": sum(findings.counts.values()) + again.mismatches(store, end_ms // 1000, days),
        "buckets_compared": buckets,
        "windows_compared": _WINDOWS * tenants,
        "bytes_per_tenant_day": round(sum(by_day.values())),
        **{f"bytes_per_tenant_day_{name}s": round(each) for name, each in by_day.items()},
        "store_bytes_per_bucket": round(
            store.size()["bytes"] / max(1, sum(store.size()[name] for name in ("minute", "hour", "day")))
        ),
    }


async def measure(
    servers: str, directory: Path, outcomes: int, tenants: int, days: float, *, calm: bool = True
) -> dict[str, Any]:
    """calm: measure the speed, too."""
    end_ms = int(time.time() * 1000) // DAY_MS * DAY_MS
    names = [f"guild-{number}" for number in range(tenants)]
    log = []
    ordinals: Counter[int] = Counter()
    renumbered: dict[str, int] = {}
    for event in events(outcomes, names, days, end_ms):
        if isinstance(event, Outcome):
            number = partition(event.decision.tenant, PARTITIONS)
            if event.decision.id not in renumbered:  # ordinals are of the partition, without holes
                renumbered[event.decision.id] = ordinals[number]
                ordinals[number] += 1
            numbered = msgspec.structs.replace(event, ordinal=renumbered[event.decision.id])
            log.append((number, event.decision.tenant.encode(), wire.encode(numbered)))
        else:
            log.append((partition(event.tenant, PARTITIONS), event.tenant.encode(), wire.encode(event)))
    found: dict[str, Any] = {"outcomes": outcomes, "records": len(log), "tenants": tenants, "days": days, "kills": 2}

    prefix = f"kpi-{os.getpid()}-"
    await create_topics(servers, prefix=prefix, partitions=PARTITIONS)
    await write(servers, prefix, log)
    (directory / "killed").mkdir()
    running = Analytics(servers, prefix, directory / "killed")
    try:
        for share in (0.2, 0.6):
            await reach(servers, prefix, int(share * len(log)), running)
            running.kill()
            running.start()
        await reach(servers, prefix, len(log), running)
    finally:
        running.stop()
    found |= await compare(servers, prefix, end_ms, days)

    if not calm:
        return found
    prefix = f"kpi-calm-{os.getpid()}-"
    await create_topics(servers, prefix=prefix, partitions=PARTITIONS)
    await write(servers, prefix, log)
    (directory / "calm").mkdir()
    running = Analytics(servers, prefix, directory / "calm")
    try:
        await reach(servers, prefix, 1, running)
        begun, first = time.monotonic(), await counted(servers, prefix)
        await reach(servers, prefix, len(log), running)
        found["events_per_s"] = round((len(log) - first) / (time.monotonic() - begun))
    finally:
        running.stop()
    found["restarts_while_timed"] = running.restarts
    return found


def main(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    outcomes: Annotated[int, typer.Option(min=100)] = 200_000,
    tenants: Annotated[int, typer.Option(min=1)] = 50,
    days: Annotated[float, typer.Option(min=0.5)] = 3.0,
) -> None:
    """Measure KPIs."""
    errors = Console(stderr=True)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="croupier-kpi-") as directory,
            start_broker(progress=lambda text: errors.print(text, style="dim")) as broker,
        ):
            found = asyncio.run(measure(broker.bootstrap_servers, Path(directory), outcomes, tenants, days))
    except CroupierError as error:
        errors.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    print(json.dumps(found) if as_json else "\n".join(f"{name}: {value}" for name, value in found.items()))
    if found["kpi_mismatches"]:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
