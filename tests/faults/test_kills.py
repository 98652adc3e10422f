"""Workers killed with SIGKILL at random moments, on a real broker, under recorded traffic.

Run by itself, many times in a row: `python -m tests.faults.repeat 20`.
"""

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest

from infra.domains.file import read_domains
from infra.domains.publish import apply_specs
from infra.local import deployment
from infra.traffic import recordings_for
from infra.verify.verify import verify
from producers.replay.feedback import FeedbackPlan
from producers.replay.player import play

DOMAINS = Path(__file__).parents[2] / "examples" / "domains.toml"
EARLY_MS = 3_000
KILLS = 6


@pytest.mark.kafka
@pytest.mark.timeout(400)
async def test_nothing_is_lost_or_doubled_when_workers_are_killed(kafka, deployment_prefix, tmp_path):
    """Six SIGKILLs at random moments, two workers: every context has its decision, every decision counts one outcome
    equal to an independent join, and the learners' state is, byte for byte, the offline replay of the outcomes log."""
    seed = int(os.environ.get("CROUPIER_KILL_SEED", "1"))
    rng = random.Random(seed)
    specs = read_domains(DOMAINS)
    said: list[str] = []
    options = ("--early-ms", str(EARLY_MS), "--session-timeout", "6", "--checkpoint-seconds", "0.5")
    async with deployment(
        kafka, tmp_path, said.append, prefix=deployment_prefix, workers=2, worker_options=options
    ) as running:
        await apply_specs(kafka.bootstrap_servers, deployment_prefix, specs)
        await running.serving()
        plan = FeedbackPlan(delay_s=0.5, late=0.02, duplicate=0.05, orphan=0.02, lost=0.02)
        playing = asyncio.create_task(
            play(
                kafka.bootstrap_servers, deployment_prefix, recordings_for(specs),
                interactions=6_000, rate=150.0, seed=seed, plan=plan, patience_s=120.0,
            )
        )  # fmt: skip
        killed = 0
        while killed < KILLS:
            await asyncio.sleep(rng.uniform(0.5, 8.0))
            pid = running.supervisor.pid(rng.choice(["worker-1", "worker-2"]))
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
                killed += 1
        report = await playing
        await running.settled(180.0)
        found = await verify(
            kafka.bootstrap_servers, prefix=deployment_prefix, early_ms=EARLY_MS, settled=True, wait_s=30.0
        )
    assert found.problems == []
    assert report.undecided == 0
    assert running.supervisor.restarts >= KILLS
    assert (found.contexts, found.decisions, found.outcomes) == (6_000, 6_000, 6_000)
    assert (found.decisions_lost, found.outcomes_doubled) == (0, 0)
    assert found.rewards["late"] > 0
    assert found.rewards["duplicate"] > 0
    assert found.rewards["orphan"] > 0
    assert found.state_mismatches == 0
    assert found.state_keys >= len(specs)
