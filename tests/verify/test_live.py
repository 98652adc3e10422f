"""Verifying while everything runs: what is under way is pending, and nothing is taken for a fault."""

import asyncio
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
EARLY_MS = 2_000


@pytest.mark.kafka
@pytest.mark.timeout(280)
async def test_no_false_alarm_while_traffic_flows(kafka, deployment_prefix, tmp_path):
    """Two workers under traffic with late, repeated, lost and orphaned feedback: verified again and again, never
    refuted, at least once with something pending; and proven, with nothing pending, after the last horizon."""
    servers = kafka.bootstrap_servers
    specs = read_domains(DOMAINS)
    options = ("--early-ms", str(EARLY_MS), "--checkpoint-seconds", "0.5", "--session-timeout", "30")
    async with deployment(
        kafka, tmp_path, lambda text: None, prefix=deployment_prefix, workers=2, partitions=4, worker_options=options
    ) as running:
        await apply_specs(servers, deployment_prefix, specs)
        await running.serving()
        plan = FeedbackPlan(delay_s=0.5, late=0.02, duplicate=0.05, orphan=0.02, lost=0.02)
        playing = asyncio.create_task(
            play(servers, deployment_prefix, recordings_for(specs), interactions=2_000, rate=150.0, seed=7, plan=plan)
        )
        seen = []
        while not playing.done():
            found = await verify(servers, prefix=deployment_prefix, early_ms=EARLY_MS)
            assert found.problems == []
            seen.append(found)
        await playing
        await running.settled()
        last = await verify(servers, prefix=deployment_prefix, early_ms=EARLY_MS, settled=True, wait_s=60.0)
    assert last.problems == []
    assert last.pending == {}
    assert (last.contexts, last.decisions, last.outcomes) == (2_000, 2_000, 2_000)
    assert len(seen) >= 2
    assert any(each.pending and 0 < each.contexts < 2_000 for each in seen)
    assert last.rewards["orphan"] > 0
