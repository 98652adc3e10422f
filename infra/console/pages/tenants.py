"""Tenants: who uses it, what it costs, how satisfied they are; and their domains."""

from collections.abc import Callable
from typing import Any, Final

from infra.kpis.store import By
from stream_workers.analytics.summary import Summary

from ..figures import DEFAULT, WINDOWS
from ..rendering import View
from ..site import Asked, Page

_PAGE: Final = 100
#: What they can be put in order of, and whether the largest stand first.
ORDERS: Final[dict[str, Callable[[Summary], float]]] = {
    "interactions": lambda s: -s.interactions,
    "cost": lambda s: -s.sums.cost_sum,
    "errors": lambda s: -(s.error_rate or 0.0),
    "satisfaction": lambda s: s.satisfaction.estimate if s.satisfaction else 2.0,
    "success": lambda s: 2.0 if s.success_rate is None else s.success_rate,
}


async def tenants(asked: Asked) -> View:
    """A line for each."""
    return _listed(asked, ("tenant",), "Tenants")


async def domains(asked: Asked) -> View:
    """A line for each domain, with what its learner says of it."""
    report = asked.console.deployment.report
    told = {} if report is None else {(each.get("tenant"), each.get("domain")): each for each in report.domains}
    return _listed(asked, ("tenant", "domain"), "Domains", of_domains=True, told=told)


def _listed(asked: Asked, by: tuple[By, ...], title: str, **more: Any) -> View:
    window = asked.query("window")
    window = window if window in WINDOWS else DEFAULT
    order = asked.query("order")
    order = order if order in ORDERS else "interactions"
    sought = (asked.query("q") or "").lower()
    number = asked.query("page") or "1"
    page = max(1, int(number)) if number.isdecimal() and len(number) < 6 else 1
    figures = asked.console.figures
    found: dict[Any, Any] = figures.summaries(by, asked.person.tenants, window)
    rows = [(key, summary) for key, summary in found.items() if sought in "/".join(key).lower()]
    rows.sort(key=lambda row: (ORDERS[order](row[1]), row[0]))
    begin = (page - 1) * _PAGE
    return View(
        "listed.html",
        {
            "title": title, "at": f"/{title.lower()}", "of_domains": False,
            "rows": rows[begin : begin + _PAGE], "total": len(rows), "page": page, "pages": -(-len(rows) // _PAGE) or 1,
            "window": window, "windows": tuple(WINDOWS), "order": order, "orders": tuple(ORDERS), "q": asked.query("q"),
            "reading": figures.store is None, **more,
        },
    )  # fmt: skip


PAGES = (Page("/tenants", tenants, live=True), Page("/domains", domains, live=True))
