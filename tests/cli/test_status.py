"""`croupier status` against a real broker, with real consumer groups and a real worker."""

import asyncio
import json
import os
import signal
import subprocess
import sys

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from infra.domains.publish import apply_specs
from infra.status.sample import sources
from schemas.errors import Reason
from schemas.events import DeadLetter
from schemas.partitioning import partition

from .conftest import PARTITIONS, croupier
from .written import SPEC, context, reward

HOME = partition("acme", PARTITIONS)


def status(deployment, code=0, *options):
    return json.loads(
        croupier("status", "--json", "--interval", "0.1", *options, *deployment.options, code=code).stdout
    )


async def commit(deployment, role, offset):
    """Be a member of a role's group that has handled the tenant's contexts and outcomes up to an offset; then look."""
    names = [f"{deployment.prefix}{topic}" for topic in sources(role)]
    assigned = asyncio.Event()

    class Assigned(ConsumerRebalanceListener):
        def on_partitions_revoked(self, revoked):
            pass

        def on_partitions_assigned(self, partitions):
            assigned.set()

    member = AIOKafkaConsumer(
        bootstrap_servers=deployment.bootstrap, group_id=f"{deployment.prefix}croupier-{role}",
        client_id="stand-in", enable_auto_commit=False, auto_offset_reset="earliest",
    )  # fmt: skip
    member.subscribe(names, listener=Assigned())
    await member.start()
    await assigned.wait()
    await member.commit({TopicPartition(names[0], HOME): offset})
    return member


@pytest.mark.kafka
def test_a_new_deployment(deployment):
    """Nothing there, nobody there: healthy, nothing waits, and it is said how to start."""
    found = status(deployment)
    assert (found["healthy"], found["problems"], found["partitions"]) == (True, [], PARTITIONS)
    assert {group["group"] for group in found["groups"]} == {
        f"{deployment.prefix}croupier-worker",
        f"{deployment.prefix}croupier-analytics",
    }
    assert all(place["committed"] is None for group in found["groups"] for place in group["partitions"])
    assert "croupier worker" in croupier("status", "--interval", "0.1", *deployment.options).stdout


@pytest.mark.kafka
def test_lag_and_nobody_there(deployment):
    """Records that nobody reads: exit code 3, and which partition, how many, and what to start."""
    deployment.put(*(("contexts", "acme", context(f"c{n}")) for n in range(7)))
    found = status(deployment, 3)
    (problem,) = found["problems"]
    assert problem.startswith(f"contexts {HOME}: 7 records wait")
    assert "croupier worker" in problem
    result = croupier("status", "--interval", "0.1", *deployment.options, code=3)
    assert "not healthy" in result.stdout


@pytest.mark.kafka
async def test_lag_and_owner_from_the_broker(deployment):
    """Lag is end less committed, the owner is who the group says, and members elsewhere are no fault."""
    await deployment.append(*(("contexts", "acme", context(f"c{n}")) for n in range(7)))
    member = await commit(deployment, "worker", 5)
    try:
        found = await asyncio.to_thread(status, deployment)
    finally:
        await member.stop()
    worker = next(group for group in found["groups"] if group["role"] == "worker")
    assert (worker["state"], worker["lag"]) == ("Stable", 2)
    place = next(each for each in worker["partitions"] if (each["topic"], each["partition"]) == ("contexts", HOME))
    assert (place["end"], place["committed"], place["lag"]) == (7, 5, 2)
    assert set(worker["owners"]) == {str(number) for number in range(PARTITIONS)}
    assert all(owner.startswith("stand-in") for owner in worker["owners"].values())
    assert any("No process announces itself" in note for note in found["notes"])


@pytest.mark.kafka
def test_dead_letters_are_counted_and_the_last_is_shown(deployment):
    """The count is of all partitions, and the last one's reason is on the page."""
    letters = [
        DeadLetter("router", reason, f"because {n}", "contexts", 0, n, 0, None, b"x")
        for n, reason in enumerate([Reason.INVALID, Reason.UNKNOWN_DOMAIN])
    ]
    deployment.put(*(("dead-letters", f"tenant-{n}", letter) for n, letter in enumerate(letters)))
    found = status(deployment)
    assert found["dead_letters"] == 2
    assert found["last_dead_letter"]["event"]["detail"] == "because 1"
    text = croupier("status", "--interval", "0.1", *deployment.options).stdout
    assert "2 dead letters" in text
    assert "unknown-domain" in text


@pytest.mark.kafka
async def test_watching(deployment):
    """--watch --json prints a report an interval until it is interrupted, then exits with 130."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "infra.cli", "status", "--watch", "--json", "--interval", "0.1", *deployment.options,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    first = json.loads(await process.stdout.readline())
    second = json.loads(await process.stdout.readline())
    assert first["healthy"]
    assert second["topics"] == first["topics"]
    process.send_signal(signal.SIGINT)
    assert await process.wait() == 130


@pytest.fixture
def worker(deployment, tmp_path, monkeypatch):
    """A real worker of this deployment, which announces itself where `croupier status` looks."""
    monkeypatch.setenv("CROUPIER_HOME", str(tmp_path / "home"))
    asyncio.run(apply_specs(deployment.bootstrap, deployment.prefix, [SPEC]))
    process = subprocess.Popen(
        [sys.executable, "-m", "infra.cli", "worker", *deployment.options, "--checkpoint-seconds", "0.1",
         "--session-timeout", "6"],
        env={**os.environ, "CROUPIER_STATE_DIR": str(tmp_path / "state")},
        stderr=(tmp_path / "worker.log").open("wb"),
    )  # fmt: skip
    yield process
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.wait()


async def until(condition, deployment, *codes):
    """Look again and again until it is so; pytest's timeout ends what never is."""
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "infra.cli", "status", "--json", "--interval", "0.1", *deployment.options,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, _ = await process.communicate()
        found = json.loads(output)
        assert process.returncode == (0 if found["healthy"] else 3)
        if condition(found):
            return found


@pytest.mark.kafka
@pytest.mark.timeout(120)
async def test_a_real_worker(deployment, worker):
    """Owner, tallies and domains of a worker; stopped it is silent, killed it is gone and what waits is named."""
    sent = ("contexts", "acme", context("c1")), ("rewards", "acme", reward("r1", "c1", success=1, cost=0.001))
    await deployment.append(*sent)
    found = await until(lambda each: each["tenants"].get("acme", {}).get("outcomes_complete"), deployment)
    (process,) = found["processes"]
    assert (process["pid"], process["state"], process["healthy"]) == (worker.pid, "running", True)
    assert process["partitions"] == list(range(PARTITIONS))
    assert found["tenants"]["acme"]["rewards_joined"] == 1
    found = await until(lambda each: each["domains"] and each["domains"][0]["counts"]["outcomes"], deployment)
    assert (found["domains"][0]["tenant"], found["domains"][0]["domain"]) == ("acme", "routing")
    # Committed, too: then nothing but the next context will wait.
    await until(lambda each: not any(group["lag"] for group in each["groups"] if group["role"] == "worker"), deployment)
    worker.send_signal(signal.SIGSTOP)
    found = await until(lambda each: each["processes"][0]["state"] == "silent", deployment)
    assert any(f"worker {worker.pid}" in problem for problem in found["problems"])
    worker.kill()
    worker.wait()
    await deployment.append(("contexts", "acme", context("c2")))
    # When its session has ended; the group of analytics, which has no process here at all, is named all the time.
    waits = f"contexts {HOME}: 1 record waits, and no process is in the group"
    found = await until(lambda each: any(problem.startswith(waits) for problem in each["problems"]), deployment)
    assert found["processes"][0]["state"] == "gone"
