"""A hard cap on a real broker, while workers are killed."""

import asyncio
import os
import signal

import msgspec
from aiokafka import AIOKafkaProducer

from infra.local import deployment, statuses
from schemas.domains import Arm, Budget
from schemas.events import DeadLetter, Decision

from .conftest import EARLY_MS, Live, spec

CAP = 30.0
MOST = {"small": 0.2, "large": 1.0}
SPEC = spec(
    arms=tuple(Arm(name, most / 2, most=most) for name, most in MOST.items()),
    budget=Budget(0.6, CAP, "month"),
    horizon_ms=600_000,
)
REQUESTS = 600


def kill_workers(home):
    """SIGKILL to every worker of this deployment."""
    for told in statuses(home):
        if told.get("role") == "worker":
            os.kill(told["pid"], signal.SIGKILL)


async def test_never_passed_under_sigkill(kafka, deployment_prefix, tmp_path, monkeypatch):
    """Requests keep coming, feedback says the most or is lost, and all workers are killed three times in between: every
    request is decided or refused with a reason, and what is carried out costs at most the cap."""
    monkeypatch.setenv("CROUPIER_SESSION_TIMEOUT", "30")
    options = ("--early-ms", str(EARLY_MS), "--checkpoint-seconds", "0.5")
    async with deployment(
        kafka, tmp_path, lambda line: None, prefix=deployment_prefix, workers=1, partitions=2, worker_options=options
    ) as running:
        await running.serving()
        producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers)
        await producer.start()
        try:
            live = Live(kafka.bootstrap_servers, deployment_prefix, running, producer)
            await live.apply(SPEC)
            paid = set()
            for number in range(REQUESTS):
                await live.context(f"d{number}", features=(number % 7 / 7.0, 1.0))
                if number % 20 == 19 and number < 200:
                    for decision in await live.events("decisions", Decision):
                        if decision.id not in paid and decision.choice:
                            paid.add(decision.id)
                            await live.reward(decision.id, quality=1.0, cost=MOST[decision.arm])
                if number in (15, 45, 90):
                    await live.until("decisions", Decision, 5)
                    kills = running.supervisor.restarts
                    kill_workers(running.home)
                    await live.context(f"k{number}")
                    async with asyncio.timeout(60):
                        while running.supervisor.restarts == kills:
                            await asyncio.sleep(0.05)
                    await running.serving()
            async with asyncio.timeout(120):
                while True:
                    ids = {each.id for each in await live.events("decisions", Decision)}
                    letters = await live.events("dead-letters", DeadLetter)
                    refused = {msgspec.msgpack.decode(each.value)[1] for each in letters}
                    if len(ids | refused) == REQUESTS + 3:
                        break
                    await asyncio.sleep(0.3)
            assert running.supervisor.restarts >= 3
            assert {each.reason for each in letters} == {"budget-spent"}
            first = {}
            for decision in await live.events("decisions", Decision):
                first.setdefault(decision.id, decision)
            spent = sum(MOST[each.arm] for each in first.values())
            assert CAP - MOST["large"] < spent <= CAP + 1e-9
        finally:
            await producer.stop()
