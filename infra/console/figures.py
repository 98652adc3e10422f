"""KPIs for the pages: follows the topic, and adds up what pages ask for, at most every few seconds for all of them."""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any, Final, NamedTuple, TypeVar

from infra.kpis.store import By, KpiStore, Point, Scope
from infra.kpis.targets import EXAMPLE, Judged, Targets, judge, read_targets, seconds_of
from infra.reading.log import Log
from schemas.events import Granularity
from stream_workers.analytics.summary import Summary, merge

from .deployment import Deployment

DAY_S: Final = 86_400
#: What people choose from, and the steps of the charts.
WINDOWS: Final[dict[str, Granularity]] = {"1h": "minute", "24h": "hour", "7d": "hour", "30d": "day", "90d": "day"}
DEFAULT: Final = "24h"

#: What was added up is shown so long, though there are news.
_GOOD_S: Final = 10.0
#: Of all tenants it is added up so often, whoever looks, so that nobody waits for it.
_WARM_S: Final = 15.0
_OLD_S: Final = 60.0
_KEPT: Final = 256
#: Changes that chance makes once in a hundred times, all that are looked at taken together, are told.
_CHANCE: Final = 0.01
_TOLD: Final = 12

Value = TypeVar("Value")


class Changed(NamedTuple):
    """A share that is another than in the window before, by more than chance makes."""

    tenant: str
    domain: str
    what: str
    before: float
    now: float
    before_n: int
    now_n: int
    z: float  # so many standard errors
    worse: bool


class Overview(NamedTuple):
    """Of some tenants."""

    since: int  # seconds since 1970
    until: int
    total: Summary
    before: Summary  # the window before
    judged: dict[str, list[Judged]]  # targets, by their windows
    days: list[Point]  # 30 days
    changed: list[Changed]
    tenants: int


class Figures:
    """Answers for pages."""

    def __init__(
        self, deployment: Deployment, targets: Path | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        """targets: TargetsError when they cannot be read; None: those of the examples, where they are."""
        self._deployment = deployment
        self.clock = clock
        self.targets = _targets(targets)
        self.store: KpiStore | None = None  # None: not read yet
        self._kept: dict[Any, tuple[int, float, Any]] = {}

    async def follow(self) -> None:
        """Read the topic, then follow it; what was read before is shown until all of it is there again."""
        store = KpiStore()
        async with Log.open(self._deployment.servers, self._deployment.prefix) as log:
            following = asyncio.create_task(store.follow(log))
            try:
                await store.caught_up()
                self.use(store)
                self._deployment.well("KPIs")
                await following
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)

    def use(self, store: KpiStore) -> None:
        """Answer from this one."""
        self.store = store
        self._kept.clear()

    async def keep_warm(self) -> None:
        """Add up what the first page shows before anybody asks, and again while there are news."""
        key = ("overview", None, DEFAULT)
        while True:
            store = self.store
            if store is None:
                await asyncio.sleep(0.2)
                continue
            changes, at, _ = self._kept.get(key, (-1, 0.0, None))
            if changes != store.changes or self.clock() - at > _OLD_S:
                self._keep(key, await self._overview(store, None, DEFAULT))
            await asyncio.sleep(_WARM_S)

    async def overview(self, tenants: Sequence[str] | None, window: str) -> Overview | None:
        """tenants: None: all.  window: one of `WINDOWS`.  None: KPIs are not read yet."""
        if self.store is None:
            return None
        key = ("overview", None if tenants is None else tuple(tenants), window)
        if (kept := self._good(key, warm=tenants is None and window == DEFAULT)) is not None:
            found: Overview = kept
            return found
        return self._keep(key, await self._overview(self.store, tenants, window))

    def summaries(
        self, what: tuple[By, ...], tenants: Sequence[str] | None, window: str, *, arms: bool = False
    ) -> dict[Any, Summary]:
        """By names of `SeriesName`."""
        if self.store is None:
            return {}
        key = (what, None if tenants is None else tuple(tenants), window, arms)
        if (kept := self._good(key)) is not None:
            known: dict[Any, Summary] = kept
            return known
        since, until = self.bounds(window)
        found: dict[Any, Summary] = {}
        for scope in _scopes(tenants):
            found |= self.store.by(what, scope, since, until, arms=arms)
        return self._keep(key, found)

    def bounds(self, window: str) -> tuple[int, int]:
        """The window that ends now, as far as its edges are kept."""
        now = self.clock()
        assert self.store is not None, "whoever asks has looked"
        return self.store.window(now - seconds_of(window), now)

    def tenants(self) -> list[str]:
        """All of whom there are KPIs."""
        return [] if self.store is None else self.store.tenants()

    async def _overview(self, store: KpiStore, tenants: Sequence[str] | None, window: str) -> Overview:
        """With breaths in between: others are answered meanwhile."""
        now, seconds = self.clock(), seconds_of(window)
        sums: dict[int, Summary] = {}

        async def whole(begin: int, domain: str | None = None) -> Summary:
            if domain is not None or begin not in sums:
                await asyncio.sleep(0)
                found = _added(store, tenants, now - begin, now, domain)
                if domain is not None:
                    return found
                sums[begin] = found
            return sums[begin]

        judged = {
            each: [judge(target, await whole(seconds_of(each), target.domain)) for target in self.targets.target]
            for each in self.targets.windows
        }
        total = await whole(seconds)
        await asyncio.sleep(0)
        before = merge(store.summary(s, now - 2 * seconds, now - seconds, arms=False) for s in _scopes(tenants))
        await asyncio.sleep(0)
        by: tuple[By, ...] = ("tenant", "domain")
        pairs: list[dict[Any, Summary]] = [{}, {}]
        for scope in _scopes(tenants):
            pairs[0] |= store.by(by, scope, now - 2 * seconds, now - seconds, arms=False)
            await asyncio.sleep(0)
            pairs[1] |= store.by(by, scope, now - seconds, now, arms=False)
        await asyncio.sleep(0)
        since, until = store.window(now - seconds, now)
        days = _days(store, tenants, now)
        count = len({tenant for tenant, _ in pairs[1]})
        return Overview(since, until, total, before, judged, days, changed(*pairs), count)

    def _good(self, key: Any, *, warm: bool = False) -> Any:
        kept = self._kept.get(key)
        if kept is None or self.store is None:
            return None
        changes, at, value = kept
        age = self.clock() - at
        # Windows end now: what nobody adds to is another after a while, too.
        return value if warm or age < _GOOD_S or (changes == self.store.changes and age < _OLD_S) else None

    def _keep(self, key: Any, value: Value) -> Value:
        assert self.store is not None, "it was added up from it"
        self._kept.pop(key, None)
        self._kept[key] = (self.store.changes, self.clock(), value)
        while len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]
        return value


def changed(before: dict[tuple[str, str], Summary], now: dict[tuple[str, str], Summary]) -> list[Changed]:
    """Shares of domains that differ by more than chance makes, the surest first (two-sided z, Bonferroni)."""
    looked: list[Changed] = []
    for key, summary in now.items():
        if (other := before.get(key)) is None:
            continue
        a, b = other.sums, summary.sums
        for what, was, was_n, is_, is_n, more_is_worse in (
            ("success", a.success_sum, a.success_count, b.success_sum, b.success_count, False),
            ("errors", a.error_sum, a.error_count, b.error_sum, b.error_count, True),
            ("satisfaction", a.thumbs_sum, a.thumbs_count, b.thumbs_sum, b.thumbs_count, False),
            ("feedback", a.with_feedback, a.interactions, b.with_feedback, b.interactions, False),
            ("fallbacks", a.fallback_sum, a.observed, b.fallback_sum, b.observed, True),
        ):
            if not was_n or not is_n:
                continue
            pooled = (was + is_) / (was_n + is_n)
            spread = (pooled * (1.0 - pooled) * (1.0 / was_n + 1.0 / is_n)) ** 0.5
            if spread > 0.0:
                first, second = was / was_n, is_ / is_n
                z = (second - first) / spread
                looked.append(Changed(*key, what, first, second, was_n, is_n, z, (z > 0.0) == more_is_worse))
    if not looked:
        return []
    limit = NormalDist().inv_cdf(1.0 - _CHANCE / 2.0 / len(looked))
    return sorted((each for each in looked if abs(each.z) > limit), key=lambda each: -abs(each.z))[:_TOLD]


def _added(
    store: KpiStore, tenants: Sequence[str] | None, since: float, until: float, domain: str | None
) -> Summary:  # fmt: skip
    found = [store.summary(scope._replace(domain=domain), since, until) for scope in _scopes(tenants)]
    return found[0] if len(found) == 1 else merge(found)


def _days(store: KpiStore, tenants: Sequence[str] | None, now: float) -> list[Point]:
    found: dict[int, list[Summary]] = {}
    for scope in _scopes(tenants):
        for point in store.series(scope, now - 30 * DAY_S, now, "day", arms=False):
            found.setdefault(point.start, []).append(point.summary)
    return [
        Point(start, DAY_S, parts[0] if len(parts) == 1 else merge(parts)) for start, parts in sorted(found.items())
    ]


def _scopes(tenants: Sequence[str] | None) -> list[Scope]:
    return [Scope()] if tenants is None else [Scope(tenant) for tenant in tenants]


def _targets(path: Path | None) -> Targets:
    if path is None and not EXAMPLE.exists():
        return Targets(())
    return read_targets(path or EXAMPLE)
