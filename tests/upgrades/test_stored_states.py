"""Today's workers on what earlier releases left in Kafka."""

import asyncio
from pathlib import Path

import pytest

from infra.domains.file import read_domains
from infra.local import deployment
from infra.traffic import recordings_for
from infra.verify.verify import verify
from producers.replay.feedback import FeedbackPlan
from producers.replay.player import play

from .stored import STATES, Stored, names

DOMAINS = Path(__file__).with_name("domains.toml")


def test_every_stored_state_is_small_and_leaves_work_open():
    """What makes a stored state worth its bytes: undecided outcomes, remembered ones, a claim after a kill."""
    assert names()
    for name in names():
        assert (STATES / f"{name}.msgpack.xz").stat().st_size < 1_000_000
        stored = Stored.read(name)
        count = {topic: sum(map(len, partitions.values())) for topic, partitions in stored.topics.items()}
        assert 0 < count["outcomes"] < count["decisions"]
        assert count["dead-letters"]
        for changelog in ("joiner-state", "learner-state", "analytics-state"):
            writers = {header[1][8:16] for each in stored.topics[changelog].values() for r in each for header in r[4]}
            assert len(writers) >= (1 if changelog == "analytics-state" else 2), changelog


@pytest.mark.kafka
@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", names())
async def test_a_stored_state_goes_on_under_todays_workers(name, kafka, deployment_prefix, tmp_path):
    """Records, state and offsets of an older release: today's workers end what was open, decide and learn what comes,
    and nothing is lost or doubled; the state is the replay of the whole log, old records included."""
    stored, servers = Stored.read(name), kafka.bootstrap_servers
    specs = read_domains(DOMAINS)
    await stored.load(servers, deployment_prefix)
    playing = asyncio.create_task(
        play(
            servers, deployment_prefix, recordings_for(specs), interactions=200, rate=100.0, seed=2,
            plan=FeedbackPlan(delay_s=0.5, late=0.0, duplicate=0.1, orphan=0.02, lost=0.05), patience_s=120.0,
        )
    )  # fmt: skip
    await stored.finish(servers, deployment_prefix)
    options = ("--early-ms", str(stored.early_ms), "--checkpoint-seconds", "0.5")
    async with deployment(
        kafka, tmp_path, lambda text: None, prefix=deployment_prefix, workers=2, partitions=stored.partitions,
        worker_options=options,
    ) as running:  # fmt: skip
        report = await playing
        await running.settled(120.0)
    assert running.supervisor.restarts == 0
    found = await verify(servers, prefix=deployment_prefix, early_ms=stored.early_ms, settled=True)
    assert found.problems == []
    assert report.undecided == 0
    before = sum(map(len, stored.topics["contexts"].values()))
    assert (found.contexts, found.decisions, found.outcomes) == (before + 200,) * 3
