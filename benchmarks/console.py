"""How long people wait for the console's pages, with many tenants and a month of KPIs.

    python -m benchmarks.console [--json] [--tenants 1000] [--days 30] [--arms 3] [--port 0]

The KPIs of a month (days, hours and the last two days' minutes of some) are put into the store that the console reads
the topic into, and the console is served by its own server on this machine; pages are asked for by HTTP, one after
another.  `first_page_ms` is what the first person waits for the first page after what is kept warm was added up (the
console does that by itself, before anybody asks); `cold_ms` what adding it up takes.  No broker is part of it: pages
of KPIs ask none.
"""

import asyncio
import json
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Final

import httpx
import typer
import uvicorn

from infra.console.console import Console, make_app, make_console
from infra.console.database import open_database
from infra.console.figures import DEFAULT
from infra.console.settings import Settings
from infra.kpis.store import KpiStore
from schemas.events import Granularity, Kpi
from stream_workers.analytics.bucket import SECONDS

_ASKED: Final = 20
_HOURS: Final = 48  # of which a first page needs some, at the edges of its windows


def kpi(tenant: int, arm: str, granularity: Granularity, start: int) -> Kpi:
    n = 10 + (tenant * 7 + start // 60) % 13
    share = {"a": 0.7, "b": 0.9}.get(arm, 0.8)
    return Kpi(
        tenant=f"guild-{tenant}", domain="model_routing", arm=arm, policy="learned", spec=1, granularity=granularity,
        start=start, applied=1, interactions=n, observed=n, with_feedback=n - 1, unfollowed=0, reward_sum=share * n,
        cost_sum=0.01 * n, cost_count=n, success_sum=share * n, success_count=n, error_sum=0.01 * n, error_count=n,
        fallback_sum=0.0, answered_sum=float(n), resolved_sum=share * n, resolved_count=n, paid_resolved_sum=share * n,
        thumbs_sum=share * (n // 2), thumbs_count=n // 2, explored_sum=0.05 * n, budget_sum=0.0, budgeted_cost_sum=0.0,
        eligible=3 * n, value_sum=3 * share * n, value_squares=3 * share * n, regret_sum=0.02 * n,
        regret_squares=0.4 * n,
        weight_sum=3.0 * n, weight_squares=12.0 * n, weighted_cost_sum=0.03 * n, price=0.01, baseline=arm == "b",
        latency_ms=((300, n // 2), (330, n - n // 2)), feedback_ms=((400, n - 1),),
    )  # fmt: skip


def month(tenants: int, days: int, arms: int) -> KpiStore:
    store, now = KpiStore(), time.time()
    backs: tuple[tuple[Granularity, int], ...] = (("day", days), ("hour", _HOURS))
    for tenant in range(tenants):
        for arm in "abcdefgh"[:arms]:
            for granularity, back in backs:
                step = SECONDS[granularity]
                for i in range(back):
                    store.put(kpi(tenant, arm, granularity, (int(now // step) - i) * step))
    return store


async def added_up(console: Console) -> float:
    begun = time.perf_counter()
    await console.figures.overview(None, DEFAULT)
    return 1000.0 * (time.perf_counter() - begun)


def waited(address: str, cookie: dict[str, str], path: str) -> tuple[float, float]:
    """Milliseconds: the first time, and the median of some."""
    with httpx.Client(base_url=address, cookies=cookie, timeout=60.0) as client:
        times = []
        for _ in range(_ASKED):
            begun = time.perf_counter()
            assert client.get(path).status_code == 200, path
            times.append(1000.0 * (time.perf_counter() - begun))
    return times[0], median(times)


def main(
    as_json: Annotated[bool, typer.Option("--json")] = False, tenants: int = 1000, days: int = 30, arms: int = 3
) -> None:
    """Measure."""
    store = month(tenants, days, arms)
    with tempfile.TemporaryDirectory(prefix="croupier-console-") as home, open_database(Path(home)) as database:
        console = make_console(Settings(Path(home), "127.0.0.1:1"), database)
        console.accounts.add("reader", "a password of some length", "viewer", None)
        console.figures.use(store)
        cold = asyncio.run(added_up(console))
        person = console.accounts.find("reader")
        assert person is not None
        cookie = {console.settings.cookie: console.sessions.begin(person)}
        config = uvicorn.Config(make_app(console), host="127.0.0.1", port=0, log_level="critical", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        paths = {
            "first_page": "/", "tenant": "/?tenant=guild-1", "tenants": "/tenants", "domains": "/domains",
            "domain": "/domain?tenant=guild-1&domain=model_routing",
        }  # fmt: skip
        found: dict[str, Any] = {"tenants": tenants, "days": days, "arms": arms, **store.size(), "cold_ms": cold}
        for name, path in paths.items():
            first, usual = waited(address, cookie, path)
            found |= {f"{name}_ms": round(first, 1), f"{name}_again_ms": round(usual, 1)}
        server.should_exit = True
        thread.join()
    if as_json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:>24}  {value:,.1f}" if isinstance(value, float) else f"{name:>24}  {value:,}")


if __name__ == "__main__":
    typer.run(main)
