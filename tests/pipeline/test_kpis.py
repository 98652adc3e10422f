"""What analytics publishes, on a live deployment."""

import asyncio
import json
import time

import pytest
from typer.testing import CliRunner

from infra.cli import app
from infra.kpis.store import KpiStore, Scope
from infra.local import statuses
from infra.verify.verify import verify
from schemas.events import Decision, Kpi
from stream_workers.analytics.summary import latest, merge
from tests.pipeline.conftest import EARLY_MS, spec


@pytest.mark.kafka
@pytest.mark.timeout(120)
async def test_kpis_add_up_to_what_an_independent_reader_finds(live):
    """Two tenants, some feedback missing, a decision that nobody followed, and arms that were restricted: what the
    store sums up has the audit's interactions, mean reward and cost, and the learners' states are those of their logs.
    """
    tenants = ("acme", "other")
    await live.apply(*(spec(tenant, weights=(3.0, 1.0)) for tenant in tenants))
    for number in range(30):
        for tenant in tenants:
            only = {"eligible": ("small",), "restrictions": {"large": "unhealthy"}} if number == 5 else {}
            await live.context(f"c{number}", tenant, **only)
    for decision in await live.until("decisions", Decision, 60):
        if decision.id != "c7":
            quality = 0.9 if decision.arm == "large" else 0.4
            astray = {"unfollowed": 1.0, "answered_by": 1.0 - decision.choice} if decision.id == "c9" else {}
            await live.reward(decision.id, decision.tenant, quality=quality, cost=0.25, latency_ms=120.0, **astray)
        assert (decision.restrictions == {"large": "unhealthy"}) == (decision.id == "c5")
    async with asyncio.timeout(60), KpiStore.open(live.bootstrap, live.prefix) as store:
        while store.summary(Scope(), 0, time.time() + 60).interactions < 60:
            await asyncio.sleep(0.1)
        summaries = store.by("tenant", Scope(), 0, time.time() + 60)
    told = json.loads((await _kpis(live, "acme", "--window", "1h", "--json")).stdout)
    assert told["kpis"]["interactions"] == 30
    assert [each["name"] for each in told["targets"]["24h"]][:2] == ["satisfaction", "response time"]
    assert told["targets"]["24h"][1]["status"] == "met"
    (domain,) = told["domains"]
    assert f"acme/{domain}" in (await _kpis(live, "acme", domain)).stdout
    nobody = await _kpis(live, "acme", "nothing")
    assert (nobody.exit_code, domain in nobody.stderr) == (1, True)
    buckets = latest(await live.events("kpis", Kpi)).values()
    found = await verify(live.bootstrap, prefix=live.prefix, early_ms=EARLY_MS, settled=True, wait_s=30.0)
    assert found.problems == []
    learned = [domain["counts"] for told in statuses(live.running.home) for domain in told.get("domains", [])]
    assert sorted(counts["outcomes"] for counts in learned) == [30, 30]
    assert [counts["unfollowed"] for counts in learned] == [1, 1]
    for tenant in found.tenants:
        summary = summaries[tenant.tenant]
        for granularity in ("minute", "hour", "day"):
            parts = [each for each in buckets if (each.tenant, each.granularity) == (tenant.tenant, granularity)]
            assert merge(parts).interactions == 30
        assert summary.interactions == tenant.interactions == 30
        assert summary.reward == pytest.approx(tenant.reward_mean)
        assert summary.cost_per_interaction == pytest.approx(tenant.cost_mean)
        assert summary.sums.with_feedback == 29
        assert summary.sums.unfollowed == tenant.unfollowed == 1
        assert summary.latency(0.5) == pytest.approx(120.0, rel=0.01)


async def _kpis(live, *words):
    options = ["--bootstrap", live.bootstrap, "--prefix", live.prefix]
    return await asyncio.to_thread(CliRunner().invoke, app, ["kpis", *words, *options])
