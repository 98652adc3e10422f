"""Follows the kpis topic and answers for any window: the reading side of all that shows KPIs.

    async with KpiStore.open(bootstrap, prefix) as store:
        await store.caught_up()
        store.summary(Scope(tenant="guild-1"), since, until).cost_per_interaction

Everything is in memory, in columns (`table`): a thousand tenants' hours of a month take a few hundred megabytes, and a
summary of all of them some milliseconds.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from infra.reading.log import Log
from schemas import wire
from schemas.errors import BadRecordError
from schemas.events import Granularity, Kpi
from schemas.topics import KPIS
from stream_workers.analytics import sketch
from stream_workers.analytics.bucket import GRANULARITIES, SECONDS, BucketId
from stream_workers.analytics.summary import ArmName, ArmSummary, Summary, added
from stream_workers.analytics.sums import Sums

from .table import BucketTable
from .window import covered, pieces, steps

By = Literal["tenant", "domain", "arm", "policy", "spec"]

#: So many records are taken before the loop goes on with something else.
_PIECE: Final = 500


class SeriesName(NamedTuple):
    """Whose buckets."""

    tenant: str
    domain: str
    arm: str
    policy: str
    spec: int


class Scope(NamedTuple):
    """What a question is about; None: all of them."""

    tenant: str | None = None
    domain: str | None = None
    arm: str | None = None
    policy: str | None = None
    spec: int | None = None


class Point(NamedTuple):
    """One step of a series over time."""

    start: int  # seconds since 1970
    seconds: int
    summary: Summary


class KpiStore:
    """The newest value of every bucket.  `put` and `drop` take records, `follow` those of a deployment."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """clock: seconds since 1970, to know which minutes and hours are kept still."""
        self._clock = clock
        self._tables: dict[Granularity, BucketTable] = {name: BucketTable() for name in GRANULARITIES}
        self._names: list[SeriesName] = []
        self._numbers: dict[SeriesName, int] = {}
        self._of_tenant: defaultdict[str, list[int]] = defaultdict(list)
        self._declared: dict[ArmName, tuple[int, float, bool]] = {}  # by version of the specification: price, baseline
        self._behind: dict[int, int] = {}  # by partition: where the log ended when reading began
        self._caught_up = asyncio.Event()
        self._failed: BaseException | None = None
        self._following: asyncio.Task[None] | None = None
        self.applied: dict[int, int] = {}  # by partition: up to this offset of outcomes
        self.changes = 0  # grows whenever something is news: whoever caches answers can tell whether they hold
        self.skipped = 0  # records that are no KPI of this release

    @classmethod
    @asynccontextmanager
    async def open(
        cls, bootstrap: str, prefix: str = "", partitions: Callable[[Log], Iterable[int]] | None = None
    ) -> AsyncIterator[Self]:
        """Read a deployment's KPIs from their beginning, and follow them until the end of the context.

        partitions: of the topic that are wanted; None: all.
        """
        store = cls()
        async with Log.open(bootstrap, prefix) as log:
            following = store._following = asyncio.create_task(store.follow(log, partitions and partitions(log)))
            try:
                yield store
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)

    async def follow(self, log: Log, partitions: Iterable[int] | None = None) -> None:
        """Take every record from the beginning on, without end; what ends it, `caught_up` raises, too."""
        try:
            bounds = await log.bounds(KPIS.name, partitions)
            self._behind = {number: end for number, (begin, end) in bounds.items() if end > begin}
            if not self._behind:
                self._caught_up.set()
            async for records in log.batches(KPIS.name, bounds):
                self.take(records)
                await asyncio.sleep(0)
            self._caught_up.set()
            taken = 0
            async for record in log.follow(KPIS.name, {number: end for number, (_, end) in bounds.items()}):
                self.take([record])
                taken += 1
                if taken % _PIECE == 0:
                    await asyncio.sleep(0)
        except BaseException as error:
            self._failed = error
            self._caught_up.set()
            raise

    async def caught_up(self) -> None:
        """Wait until all that was in the topic at the beginning is here."""
        await self._caught_up.wait()
        if self._failed is not None:
            raise self._failed

    async def ended(self) -> None:
        """Wait until following ends, which only a fault makes it do; raises that."""
        if self._following is not None:
            await asyncio.shield(self._following)

    @property
    def reading(self) -> bool:
        """Whether the beginning is still being read."""
        return not self._caught_up.is_set()

    def take(self, records: Iterable[Any]) -> None:
        """Take records of the topic, a partition's in order."""
        for record in records:
            if record.value is None:
                try:
                    self.drop(BucketId.of_record_key(record.key or b""))
                except ValueError:
                    self.skipped += 1
                continue
            try:
                event = wire.decode(KPIS.name, record.value)
            except BadRecordError:
                self.skipped += 1
                continue
            if isinstance(event, Kpi):
                self.put(event)
                self.applied[record.partition] = max(self.applied.get(record.partition, 0), event.applied)
            else:
                self.skipped += 1

    def put(self, kpi: Kpi) -> None:
        """Take one bucket's value."""
        name = SeriesName(kpi.tenant, kpi.domain, kpi.arm, kpi.policy, kpi.spec)
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = len(self._names)
            self._names.append(name)
            self._of_tenant[kpi.tenant].append(number)
        if self._tables[kpi.granularity].put(number, kpi):
            self.changes += 1
            arm = ArmName(kpi.tenant, kpi.domain, kpi.arm)
            if kpi.spec >= self._declared.get(arm, (0, 0.0, False))[0]:
                self._declared[arm] = (kpi.spec, kpi.price, kpi.baseline)

    def drop(self, bucket: BucketId) -> None:
        """Forget a bucket that is kept no longer."""
        number = self._numbers.get(SeriesName(*bucket[2:]))
        if number is not None:
            self._tables[bucket.granularity].drop(number, bucket.start)
            self.changes += 1

    def tenants(self) -> list[str]:
        """All tenants there are KPIs of, in order."""
        return sorted(self._of_tenant)

    def names(self, by: By, scope: Scope = Scope()) -> list[Any]:  # noqa: B008 - immutable
        """The domains, arms, ... that there are within a scope, in order."""
        at = SeriesName._fields.index(by)
        found = self._series(scope)
        numbers = range(len(self._names)) if found is None else found
        return sorted({self._names[number][at] for number in numbers})

    def summary(self, scope: Scope, since: float, until: float, *, arms: bool = True) -> Summary:
        """What the window [since, until) adds up to (`window.covered` says where its edges are).  arms: as of `by`."""
        return self._grouped(scope, since, until, None, arms=arms).get((), Summary())

    def by(
        self, what: By | tuple[By, ...], scope: Scope, since: float, until: float, *, arms: bool = True
    ) -> dict[Any, Summary]:
        """The same for each tenant, domain, arm, policy or spec; for several of them, by tuples.

        arms: without them it is faster where there are many, and nothing is known of regret and of what is saved.
        """
        found = self._grouped(scope, since, until, (what,) if isinstance(what, str) else what, arms=arms)
        return {key[0]: summary for key, summary in found.items()} if isinstance(what, str) else found

    def series(self, scope: Scope, since: float, until: float, by: Granularity, *, arms: bool = True) -> list[Point]:
        """Step by step, the oldest first; steps without anything are left out.

        by: where minutes or hours of that time are not kept any more, the steps are longer.  arms: as of `by`.
        """
        now = self._clock()
        granularity = steps(since, until, now, by)
        step, table = SECONDS[granularity], self._tables[granularity]
        begin, end = int(since // step * step), int(-(-until // step) * step)
        rows = table.rows(self._series(scope), begin, end)
        starts, groups = np.unique(table.starts_of(rows), return_inverse=True)
        found = self._summaries([(table, rows, groups)], len(starts), arms=arms)
        return [Point(start, step, summary) for start, summary in zip(starts.tolist(), found, strict=True)]

    def window(self, since: float, until: float) -> tuple[int, int]:
        """The window that `summary` and `by` answer for, when asked for this one."""
        return covered(since, until, self._clock())

    def newest(self, scope: Scope = Scope()) -> int | None:  # noqa: B008 - immutable
        """Start of the newest minute, or else hour or day, with decisions; seconds since 1970."""
        for granularity in GRANULARITIES:
            table = self._tables[granularity]
            rows = table.rows(self._series(scope), 0, 2**62)
            if len(rows):
                return int(table.starts_of(rows).max())
        return None

    def size(self) -> Mapping[str, int]:
        """Buckets by granularity, series, and bytes of columns."""
        return {
            **{name: len(table) for name, table in self._tables.items()},
            "series": len(self._names),
            "bytes": sum(table.nbytes() for table in self._tables.values()),
        }

    def _series(self, scope: Scope) -> list[int] | None:
        """The numbers of the series in a scope; None: all."""
        if scope == Scope():
            return None
        numbers: Iterable[int] = range(len(self._names)) if scope.tenant is None else self._of_tenant.get(
            scope.tenant, ()
        )  # fmt: skip
        wanted = [(i, value) for i, value in enumerate(scope) if value is not None]
        return [n for n in numbers if all(self._names[n][i] == value for i, value in wanted)]

    def _grouped(
        self, scope: Scope, since: float, until: float, by: tuple[By, ...] | None, *, arms: bool
    ) -> dict[Any, Summary]:
        series = self._series(scope)
        places = [SeriesName._fields.index(each) for each in by or ()]
        keys: dict[tuple[Any, ...], int] = {}
        of_series: dict[int, int] = {}
        parts = []
        for piece in pieces(since, until, self._clock()):
            table = self._tables[piece.granularity]
            rows = table.rows(series, piece.since, piece.until)
            if not len(rows):
                continue
            numbers, inverse = np.unique(table.series_of(rows), return_inverse=True)
            for number in numbers.tolist():
                if number not in of_series:
                    key = tuple(self._names[number][place] for place in places)
                    of_series[number] = keys.setdefault(key, len(keys))
            parts.append((table, rows, np.array([of_series[number] for number in numbers.tolist()])[inverse]))
        return dict(zip(keys, self._summaries(parts, len(keys), arms=arms), strict=True))

    def _summaries(
        self, parts: list[tuple[BucketTable, NDArray[np.int64], NDArray[np.int64]]], count: int, *, arms: bool
    ) -> list[Summary]:
        """One for each group.  parts: rows of a table, and the group of each."""
        of_arms, whole = self._of_arms(parts, count) if arms else ([()] * count, self._whole(parts, count))
        latencies: list[list[sketch.Bins]] = [[] for _ in range(count)]
        delays: list[list[sketch.Bins]] = [[] for _ in range(count)]
        for table, rows, groups in parts:
            for i, (latency, delay) in enumerate(zip(*table.sketches(rows, groups, count), strict=True)):
                latencies[i].append(latency)
                delays[i].append(delay)
        return [
            Summary(sums, _one(latency), _one(delay), own)
            for sums, latency, delay, own in zip(whole, latencies, delays, of_arms, strict=True)
        ]

    def _whole(self, parts: list[tuple[BucketTable, NDArray[np.int64], NDArray[np.int64]]], count: int) -> list[Sums]:
        found = [table.sums(rows, groups, count) for table, rows, groups in parts]
        return [each[0] if len(each) == 1 else added(each) for each in zip(*found, strict=True)]

    def _of_arms(
        self, parts: list[tuple[BucketTable, NDArray[np.int64], NDArray[np.int64]]], count: int
    ) -> tuple[list[tuple[ArmSummary, ...]], list[Sums]]:
        """Of each group its arms, and their sum."""
        arms: list[dict[ArmName, list[Sums]]] = [{} for _ in range(count)]
        for table, rows, groups in parts:
            series = table.series_of(rows)
            pairs, inverse = np.unique(groups * len(self._names) + series, return_inverse=True)
            for pair, sums in zip(pairs.tolist(), table.sums(rows, inverse, len(pairs)), strict=True):
                group, number = divmod(pair, len(self._names))
                arms[group].setdefault(ArmName(*self._names[number][:3]), []).append(sums)
        found = [
            tuple(
                ArmSummary(name, sums[0] if len(sums) == 1 else added(sums), *self._declared[name][1:])
                for name, sums in sorted(each.items())
            )
            for each in arms
        ]
        return found, [added([arm.sums for arm in each]) for each in found]


def _one(sketches: list[sketch.Bins]) -> sketch.Bins:
    return sketches[0] if len(sketches) == 1 else sketch.merged(sketches)
