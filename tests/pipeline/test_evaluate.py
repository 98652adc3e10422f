"""`croupier evaluate` on a running deployment: from the log itself, and from the export of it."""

import asyncio
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from infra.cli import app
from infra.evaluate.export import read_export
from schemas.events import Outcome
from stream_workers.learning.reward import reward_of
from tests.pipeline.conftest import spec

pytestmark = pytest.mark.kafka

N = 80
DOMAIN = spec("acme")


async def croupier(*arguments, code=0):
    """Run a command in a thread: it has an event loop of its own."""
    result = await asyncio.to_thread(CliRunner().invoke, app, ["evaluate", *map(str, arguments)])
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


async def test_the_log_and_its_export_say_the_same(live, tmp_path):
    """Every outcome is evaluated, and an export gives the same answer without the deployment."""
    await live.apply(DOMAIN)
    rng = np.random.default_rng(0)
    for i in range(N):
        await live.context(f"e-{i}", features=rng.standard_normal(2), unit=f"user-{i % 7}")
        await live.reward(f"e-{i}", quality=float(rng.random() < 0.6), cost=0.2)
    outcomes = await live.until("outcomes", Outcome, N)
    where = ("acme", "model_routing", "--bootstrap", live.bootstrap, "--prefix", live.prefix)
    found = json.loads(await croupier(*where, "--policy", "uniform", "--policy", "learned", "--json"))
    assert (found["outcomes"], found["units"], found["skipped"]) == (N, 7, 0)
    worth = [reward_of(DOMAIN, each.observations)[0] for each in outcomes]
    assert found["logged"]["estimate"] == pytest.approx(np.mean(worth))
    uniform = found["policies"][0]
    assert uniform["overlap"] in ("good", "fair")
    path = tmp_path / "acme.jsonl"
    assert f"{N + 1} events" in await croupier(*where, "--export", path)
    assert [each for each in read_export(path) if isinstance(each, Outcome)] == outcomes
    again = json.loads(
        await croupier(*where[:2], "--from", path, "--policy", "uniform", "--policy", "learned", "--json")
    )
    assert again == found
    missing = json.loads(await croupier("acme", "chess", *where[2:], "--json", code=1))
    assert "acme/model_routing" in missing["error"]
