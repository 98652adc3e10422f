import asyncio
import sys
from pathlib import Path

import pytest
from scripted_router import read_all, scripted_router

from infra.kafka.topics import create_topics
from schemas import wire

ROOT = Path(__file__).parents[2]
ARMS = ("gpt-4-1106-preview", "mixtral-8x7b-instruct")


@pytest.mark.kafka
async def test_the_example_asks_and_rewards(kafka, deployment_prefix):
    """The program that newcomers copy runs as it is: every question is decided, and rewarded in two parts."""
    await create_topics(kafka.bootstrap_servers, prefix=deployment_prefix, partitions=2)
    async with scripted_router(kafka.bootstrap_servers, deployment_prefix, lambda _: ARMS[0], ARMS) as router:
        program = await asyncio.create_subprocess_exec(
            sys.executable,
            str(ROOT / "examples/send_events.py"),
            "--bootstrap",
            kafka.bootstrap_servers,
            "--prefix",
            deployment_prefix,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await program.communicate()
    assert program.returncode == 0, err.decode()
    assert out.decode().count("reward sent") == 3
    records = await read_all(kafka.bootstrap_servers, f"{deployment_prefix}rewards")
    rewards = [wire.decode("rewards", each.value) for each in records]
    asked = {context.id for _, _, context in router.seen}
    assert {(each.decision, name) for each in rewards for name in each.observations} == {
        (id_, name) for id_ in asked for name in ("cost", "success")
    }
