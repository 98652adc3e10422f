"""What `croupier kpis` says: a tenant's KPIs over one window, and its targets over several."""

import time
from typing import Any

from msgspec import Struct

from schemas.errors import CroupierError
from schemas.partitioning import partition
from schemas.topics import KPIS
from stream_workers.analytics.summary import Summary

from .store import KpiStore, Scope
from .targets import Judged, Targets, judge, seconds_of


class UnknownNameError(CroupierError):
    """There are no KPIs of that tenant or domain."""


class Report(Struct, frozen=True):
    """Times: seconds since 1970; what the buckets cover of the window that was asked for."""

    tenant: str
    domain: str | None
    window: str
    since: int
    until: int
    total: Summary
    domains: dict[str, Summary]
    arms: dict[tuple[str, str], Summary]  # by domain and arm
    targets: dict[str, list[Judged]]  # by window

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "tenant": self.tenant,
            "domain": self.domain,
            "window": self.window,
            "since": self.since,
            "until": self.until,
            "kpis": self.total.figures(),
            "domains": {name: summary.figures() for name, summary in self.domains.items()},
            "arms": [
                {"domain": domain, "arm": arm, **summary.figures()} for (domain, arm), summary in self.arms.items()
            ],
            "targets": {window: [each.as_json() for each in judged] for window, judged in self.targets.items()},
        }


def report(store: KpiStore, tenant: str, domain: str | None, window: str, targets: Targets, now: float) -> Report:
    """UnknownNameError: nothing is known of them.  now: where windows end, seconds since 1970."""
    scope = Scope(tenant, domain)
    if not store.names("domain", scope):
        if known := store.names("domain", Scope(tenant)):
            raise UnknownNameError(
                f"there are no KPIs of domain {domain!r} of tenant {tenant!r}; its domains are {', '.join(known)}"
            )
        raise UnknownNameError(
            f"there are no KPIs of tenant {tenant!r}: is the name right (croupier status), and has a decision of it "
            "ended (croupier tail outcomes --tenant ...)?"
        )
    since, until = store.window(now - seconds_of(window), now)
    judged = {}
    for each in targets.windows:
        begin = now - seconds_of(each)
        judged[each] = [
            judge(target, store.summary(Scope(tenant, target.domain or domain), begin, now))
            for target in targets.target
            if domain is None or target.domain in {None, domain}
        ]
    return Report(
        tenant, domain, window, since, until, store.summary(scope, since, until),
        store.by("domain", scope, since, until), store.by(("domain", "arm"), scope, since, until), judged,
    )  # fmt: skip


async def read_report(
    bootstrap: str, prefix: str, tenant: str, domain: str | None, window: str, targets: Targets
) -> Report:
    """From a deployment's log as it is now."""
    seconds_of(window)
    async with KpiStore.open(
        bootstrap, prefix, lambda log: [partition(tenant, log.partitions(KPIS.name))]
    ) as store:  # fmt: skip
        await store.caught_up()
        return report(store, tenant, domain, window, targets, time.time())
