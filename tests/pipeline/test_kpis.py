"""What analytics publishes, on a live deployment."""

import asyncio

import pytest

from infra.verify.verify import verify
from schemas.events import Decision, Kpi
from stream_workers.analytics.summary import latest, merge
from tests.pipeline.conftest import EARLY_MS, spec


@pytest.mark.kafka
@pytest.mark.timeout(120)
async def test_kpis_add_up_to_what_an_independent_reader_finds(live):
    """Two tenants, some feedback missing: the merged buckets have the audit's interactions, mean reward and cost."""
    tenants = ("acme", "other")
    await live.apply(*(spec(tenant, weights=(3.0, 1.0)) for tenant in tenants))
    for number in range(30):
        for tenant in tenants:
            await live.context(f"c{number}", tenant)
    for decision in await live.until("decisions", Decision, 60):
        if decision.id != "c7":
            quality = 0.9 if decision.arm == "large" else 0.4
            await live.reward(decision.id, decision.tenant, quality=quality, cost=0.25, latency_ms=120.0)
    async with asyncio.timeout(60):
        while True:
            buckets = latest(await live.events("kpis", Kpi)).values()
            if sum(each.interactions for each in buckets) == 60:
                break
            await asyncio.sleep(0.2)
    found = await verify(live.bootstrap, prefix=live.prefix, early_ms=EARLY_MS, settled=True, wait_s=30.0)
    assert found.problems == []
    for tenant in found.tenants:
        summary = merge(each for each in buckets if each.tenant == tenant.tenant)
        assert summary.interactions == tenant.interactions == 30
        assert summary.reward == pytest.approx(tenant.reward_mean)
        assert summary.cost_per_interaction == pytest.approx(tenant.cost_mean)
        assert summary.with_feedback == 29
        assert summary.latency_ms_p50 == pytest.approx(120.0, rel=0.01)
