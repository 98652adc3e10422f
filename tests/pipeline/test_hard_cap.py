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
MORE = 200


def kill_workers(home):
    """SIGKILL to every worker of this deployment."""
    for told in statuses(home):
        if told.get("role") == "worker":
            os.kill(told["pid"], signal.SIGKILL)


async def counted(live):
    """The first decision with each id, by id: after a SIGKILL there may be another, of another arm."""
    first = {}
    for decision in await live.events("decisions", Decision):
        first.setdefault(decision.id, decision)
    return first


async def answered(live, requests):
    """Wait until so many have a decision or a refusal; the ids of the refused."""
    async with asyncio.timeout(120):
        while True:
            ids = {each.id for each in await live.events("decisions", Decision)}
            letters = await live.events("dead-letters", DeadLetter)
            refused = {msgspec.msgpack.decode(each.value)[1] for each in letters}
            if len(ids | refused) == requests:
                return refused
            await asyncio.sleep(0.3)


async def test_never_passed_under_sigkill(kafka, deployment_prefix, tmp_path, monkeypatch):
    """Requests keep coming, feedback says the most or is lost, and all workers are killed three times in between: every
    request is decided or refused with a reason, and what is carried out costs at most the cap, and at rest no less than
    the cap allows."""
    monkeypatch.setenv("CROUPIER_SESSION_TIMEOUT", "10")
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
                    for decision in (await counted(live)).values():
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
            await answered(live, REQUESTS + 3)
            # What was in flight when workers were killed is reserved until it is read back, and requests of that moment
            # may be refused though the money was not spent.  At rest nothing is: the next ones get what is left.
            for number in range(MORE):
                if f"x{number - 1}" in await answered(live, REQUESTS + 3 + number):
                    break
                await live.context(f"x{number}", features=(0.5, 1.0))
            letters = await live.events("dead-letters", DeadLetter)
            assert running.supervisor.restarts >= 3
            assert {each.reason for each in letters} == {"budget-spent"}
            spent = sum(MOST[each.arm] for each in (await counted(live)).values())
            assert CAP - MOST["large"] < spent <= CAP + 1e-9
        finally:
            await producer.stop()
