"""The benchmark finds no difference in what real analytics made under two SIGKILLs, and finds one that is made."""

import pytest

from benchmarks.kpi import Recomputed, measure
from benchmarks.kpi_log import DAY_MS, events, specification
from infra.kpis.store import KpiStore
from schemas.events import Outcome
from tests.analytics.logs import Run, log


@pytest.mark.kafka
@pytest.mark.timeout(180)
async def test_two_kills_change_nothing(kafka, tmp_path):
    """Every bucket to the last bit, and every window."""
    found = await measure(kafka.bootstrap_servers, tmp_path, 2_000, 3, 1.0, calm=False)
    assert found["kpi_mismatches"] == 0
    assert found["buckets_compared"] > 2_000
    assert found["windows_compared"] == 90
    assert found["bytes_per_tenant_day"] > 0


def test_a_difference_is_found():
    """A store that lacks one outcome of some hundreds, or counts one twice, disagrees with the recomputation."""
    end_ms = 20_000 * DAY_MS
    told = [each for each in events(400, ["guild-0"], 1.0, end_ms) if not isinstance(each, Outcome)]
    once = list({e.ordinal: e for e in events(400, ["guild-0"], 1.0, end_ms) if isinstance(e, Outcome)}.values())
    for counted, differs in ((once, False), (once[:200] + once[201:], True)):
        again, store = Recomputed(), KpiStore(clock=lambda: end_ms / 1000)
        again.specs["guild-0", "model_routing"] = specification("guild-0")
        for each in once:
            again.add(each)
        for kpi in Run().whole(log([*told, *counted])).last().values():
            store.put(kpi)
        assert (again.mismatches(store, end_ms // 1000, 1.0) > 0) == differs
