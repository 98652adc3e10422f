"""The example program that docs and README show, against a live deployment."""

import asyncio
import sys
from pathlib import Path

import pytest

from infra.domains.file import read_domains
from schemas.events import Outcome

ROOT = Path(__file__).parents[2]


@pytest.mark.kafka
@pytest.mark.timeout(120)
async def test_the_example_program_gets_decisions_and_its_feedback_counts(live):
    """Run as a user runs it: three decisions come, and three outcomes end complete with both components."""
    specs = [each for each in read_domains(ROOT / "examples" / "domains.toml") if each.tenant == "mmlu"]
    await live.apply(*specs)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "examples" / "send_events.py"), "--bootstrap", live.bootstrap, "--prefix",
        live.prefix, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    printed, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    assert printed.decode().count("reward sent") == 3
    outcomes = await live.until("outcomes", Outcome, 3)
    assert {each.ended for each in outcomes} == {"complete"}
    assert all(set(each.observations) == {"cost", "success"} for each in outcomes)
