"""Each part of the scale measurement runs on a real broker, and its figures agree with each other."""

import pytest

from benchmarks.load import Load
from benchmarks.scale import Sizes, _tenants
from benchmarks.scaling.idle import idle
from benchmarks.scaling.workers import with_workers
from benchmarks.steady import steady

SMALL = Load(partitions=4, tenants=4, trained=20)


@pytest.mark.kafka
async def test_two_workers_share_the_partitions_and_decide_everything(kafka):
    """The measurement ends only when each worker owned its part before, and every context was decided."""
    found = await with_workers(kafka, SMALL, 2, 20_000)
    assert (found["workers"], found["records"]) == (2, 20_000)
    assert found["records_per_second"] > 0
    assert found["cpu_microseconds_per_record"] > 0


@pytest.mark.kafka
async def test_tenants_are_compared_by_microseconds(kafka):
    """Ratio and bytes per tenant are those of the rows they are taken from, and are named after the numbers."""
    told: list[str] = []
    report = await _tenants(kafka, Sizes(10_000, 1, 1.0, [8, 1_000], told.append))
    few, many = report["tenants"]
    assert (few["tenants"], many["tenants"]) == (8, 1_000)
    assert report["tenants_1k_over_8"] == round(many["router_microseconds"] / few["router_microseconds"], 2)
    assert report["bytes_per_tenant"] == round((many["resident_megabytes"] - few["resident_megabytes"]) * 1e6 / 992)
    assert len(told) == 2


@pytest.mark.kafka
async def test_a_steady_rate_writes_state_at_every_checkpoint(kafka):
    """What is learned and joined reaches changelog and files, and every context is decided within the run."""
    found = await steady(kafka, SMALL, 300, 1.5, 0.25)
    assert found["state_bytes_per_second"] > 0
    assert found["file_bytes_per_second"] > 0
    assert 0 < found["p50"] <= found["p99"]


@pytest.mark.kafka
async def test_an_idle_worker_is_measured_alive(kafka):
    """It owns its partitions, has caught up, and uses some memory and no more than the time there is."""
    found = await idle(kafka, SMALL, 1.0)
    assert 0 <= found["idle_cpu_percent"] < 100
    assert found["idle_megabytes"] > 10
