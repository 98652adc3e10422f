"""What no worker can tell, as metrics: lag, members and topics as the broker knows them; targets and budgets by KPIs.

Looked at in the background, so that no scrape waits for a broker that is away: then what was seen last is told, and
that the broker is away.
"""

import asyncio
import time
from collections.abc import Iterator
from typing import Any, Final

import structlog
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from infra.domains import clients
from infra.kafka.topics import check_topics, under_replicated
from infra.kpis.store import KpiStore, Scope
from infra.kpis.targets import Judged, Targets, judge
from infra.reading.log import Log
from infra.status.sample import Group, Sample, take
from schemas.errors import CroupierError, TopicsMismatchError

_log = structlog.stdlib.get_logger(__name__)

_DAY: Final = 86_400.0
_HOUR: Final = 3600.0
#: So many domains that cost too much have series of their own.
_MOST_BUDGETS: Final = 50
#: Topics are compared with what they must be only every so many looks: that asks for all their settings.
_TOPICS_EVERY: Final = 5
_EXPECTED: Final = (CroupierError, KafkaError, OSError, TimeoutError)


class Monitor(Collector):
    """Looks every `interval` seconds while `watch` runs; what it saw is read when scraped.

    late: after so many seconds a look has failed.
    """

    def __init__(
        self, bootstrap: str, prefix: str, targets: Targets, *, interval: float = 5.0, late: float = 5.0
    ) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._bootstrap, self._prefix, self._targets = bootstrap, prefix, targets
        self._interval, self._late = interval, late
        self._sample: Sample | None = None
        self._reachable = False
        self._topics_right: bool | None = None
        self._under_replicated = 0
        self._store: KpiStore | None = None
        self.problem: str | None = "it has not looked yet"
        self.registry.register(self)

    async def watch(self) -> None:
        """Look, again and again; never ends by itself.  A defect in either ends both, with its error."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look())
            group.create_task(self._read_kpis())

    async def _look(self) -> None:
        while True:
            try:
                await self._look_on()
            except _EXPECTED as error:
                self._reachable = False
                self.problem = str(error) or type(error).__name__
                _log.warning("the broker does not answer", error=self.problem)
            await asyncio.sleep(self._interval)

    async def _look_on(self) -> None:
        looks = 0
        async with Log.open(self._bootstrap, self._prefix) as log, clients.admin(self._bootstrap) as admin:
            while True:
                async with asyncio.timeout(self._late):
                    self._sample = await take(log, admin, self._prefix)
                    self._under_replicated = await under_replicated(admin, self._prefix)
                self._reachable, self.problem = True, None
                if looks % _TOPICS_EVERY == 0:
                    async with asyncio.timeout(2 * self._late):
                        await self._check_topics()
                looks += 1
                await asyncio.sleep(self._interval)

    async def _check_topics(self) -> None:
        try:
            await check_topics(self._bootstrap, prefix=self._prefix)
        except TopicsMismatchError as error:
            if self._topics_right is not False:
                _log.error("topics are not as they must be", error=str(error))
            self._topics_right = False
        else:
            self._topics_right = True

    async def _read_kpis(self) -> None:
        while True:
            try:
                async with KpiStore.open(self._bootstrap, self._prefix) as store:
                    await store.caught_up()
                    self._store = store
                    await store.ended()
            except _EXPECTED as error:
                _log.warning("the KPIs can not be read", error=str(error) or type(error).__name__)
            self._store = None
            await asyncio.sleep(self._interval)

    def health(self) -> dict[str, Any]:
        """It is well when it can look; what it sees is no matter of its own health."""
        return {"healthy": True, "reason": self.problem}

    # --- what is scraped ----------------------------------------------------------------------------------------

    def collect(self) -> Iterator[Metric]:
        """What was seen last."""
        yield GaugeMetricFamily("croupier_monitor_broker_up", "1 while the broker answers", float(self._reachable))
        if self._topics_right is not None:
            yield GaugeMetricFamily(
                "croupier_monitor_topics_right", "1 while topics are as they must be", float(self._topics_right)
            )
        yield GaugeMetricFamily(
            "croupier_monitor_kpis_read", "1 while the KPIs are followed", float(self._store is not None)
        )
        if self._sample is not None:
            yield from _of_sample(self._sample)
            yield GaugeMetricFamily(
                "croupier_partitions_under_replicated", "Of the deployment's topics", self._under_replicated
            )
        if self._store is not None:
            yield from _of_kpis(self._store, self._targets, time.time())


def _of_sample(sample: Sample) -> Iterator[Metric]:
    records = CounterMetricFamily("croupier_topic_records", "Records ever appended", labels=["topic"])
    for topic, count in sample.ends.items():
        records.add_metric([topic], count)
    yield records
    lag = GaugeMetricFamily("croupier_group_lag_records", "Not yet handled durably", labels=["role", "topic"])
    done = CounterMetricFamily("croupier_group_committed", "Offsets committed, summed", labels=["role", "topic"])
    members = GaugeMetricFamily("croupier_group_members", "Processes in the group", labels=["role"])
    unowned = GaugeMetricFamily(
        "croupier_group_partitions_unowned", "Partitions of its topics that nobody in the group owns", labels=["role"]
    )
    for group in sample.groups:
        for topic in dict.fromkeys(place.topic for place in group.places):
            places = [place for place in group.places if place.topic == topic]
            lag.add_metric([group.role, topic], sum(place.lag for place in places))
            done.add_metric([group.role, topic], sum(place.committed or 0 for place in places))
        members.add_metric([group.role], len(group.members))
        unowned.add_metric([group.role], _unowned(group))
    yield from (lag, done, members, unowned)


def _unowned(group: Group) -> int:
    owned = sum(len(member.owns) for member in group.members)
    return max(0, len(group.places) - owned)


def _of_kpis(store: KpiStore, targets: Targets, now: float) -> Iterator[Metric]:
    by_domain = store.by("domain", Scope(), 0.0, now + _DAY)
    interactions = CounterMetricFamily("croupier_kpi_interactions", "That have ended", labels=["domain"])
    observed = CounterMetricFamily("croupier_kpi_observed", "Of those, with any observation", labels=["domain"])
    for domain, summary in by_domain.items():
        interactions.add_metric([domain], summary.interactions)
        observed.add_metric([domain], summary.sums.observed)
    yield from (interactions, observed)
    judged = CounterMetricFamily(
        "croupier_target_judged", "Interactions that a target is about", labels=["target", "domain"]
    )
    bad = CounterMetricFamily("croupier_target_bad", "Of those, that failed it", labels=["target", "domain"])
    allowed = GaugeMetricFamily("croupier_target_allowed_ratio", "Share that may fail", labels=["target"])
    met = GaugeMetricFamily("croupier_target_met", "1: met over the last day; 0: missed", labels=["target"])
    value = GaugeMetricFamily("croupier_target_value", "Its measure over the last day", labels=["target"])
    today = store.by("domain", Scope(), now - _DAY, now)
    everything = store.summary(Scope(), now - _DAY, now)
    for target in targets.target:
        of_day = judge(target, everything if target.domain is None else today.get(target.domain, everything))
        if of_day.value is not None:
            met.add_metric([target.name], float(of_day.status == "met"))
            value.add_metric([target.name], of_day.value)
        share: Judged | None = None
        for domain, summary in by_domain.items():
            if target.domain not in (None, domain):
                continue
            found = judge(target, summary)
            if found.budget is None:
                continue
            share = found
            judged.add_metric([target.name, domain], found.n)
            bad.add_metric([target.name, domain], found.budget.spent)
        if share is not None and share.budget is not None:
            allowed.add_metric([target.name], share.budget.allowed / share.n)
    yield from (judged, bad, allowed, met, value)
    over = GaugeMetricFamily(
        "croupier_budget_use_ratio",
        "Cost of the last hour by what a domain's budget gives; only of those that spend more than that, the worst",
        labels=["tenant", "domain"],
    )
    used = store.by(("tenant", "domain"), Scope(), now - _HOUR, now)
    worst = sorted(
        ((summary.budget_use, *name) for name, summary in used.items() if (summary.budget_use or 0.0) > 1.0),
        reverse=True,
    )  # fmt: skip
    for ratio, tenant, domain in worst[:_MOST_BUDGETS]:
        over.add_metric([tenant, domain], ratio)
    yield over
