"""The histories that a plan is about."""

from collections.abc import Callable, Iterable

from infra.evaluate.gather import event_of, records
from infra.evaluate.history import History, history_of
from infra.reading.log import Log

from .plan import Plan

Name = tuple[str, str]  # tenant, domain


def wanted_of(plan: Plan) -> list[Name]:
    """Tenant and domain of every scope, and of every control group."""
    names: dict[Name, None] = {}
    for scope in plan.scope:
        names[scope.tenant, scope.domain] = None
        if scope.control is not None:
            tenant, _, domain = scope.control.partition("/")
            names[tenant, domain] = None
    return list(names)


async def logged(
    servers: str, prefix: str, names: Iterable[Name], progress: Callable[[str], None]
) -> dict[Name, History]:
    """From a deployment's outcomes; each tenant's are read once."""
    found: dict[Name, History] = {}
    async with Log.open(servers, prefix) as log:
        by_tenant: dict[str, list[str]] = {}
        for tenant, domain in names:
            by_tenant.setdefault(tenant, []).append(domain)
        for tenant, domains in by_tenant.items():
            read = records(log, tenant, lambda count: progress(f"reading outcomes: {count:,}"))
            events = [event async for record in read if (event := event_of(record)) is not None]
            found |= {(tenant, domain): history_of(events, tenant, domain) for domain in domains}
    return found
