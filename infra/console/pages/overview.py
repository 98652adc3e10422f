"""The first page: KPIs against targets, what changed, what needs attention."""

from typing import NamedTuple

from ..charts import Series, Spot, lines
from ..figures import DEFAULT, WINDOWS, Overview
from ..rendering import View, address
from ..site import Asked, Page
from .health import within
from .showing import day, money, percent, ratio


class Attention(NamedTuple):
    """Something that somebody should look at."""

    text: str
    where: str
    serious: bool


async def overview(asked: Asked) -> View:
    """Of all tenants that somebody sees, or of one."""
    tenant = asked.query("tenant")
    if tenant is not None:
        asked.tenant(tenant)
    window = asked.query("window")
    window = window if window in WINDOWS else DEFAULT
    tenants = asked.person.tenants if tenant is None else (tenant,)
    found = await asked.console.figures.overview(tenants, window)
    context = {
        "tenant": tenant, "window": window, "windows": tuple(WINDOWS), "found": found,
        "attention": _attention(asked, found, tenant), "charts": [] if found is None else _charts(found),
        "targets": asked.console.figures.targets,
    }  # fmt: skip
    return View("overview.html", context)


def _attention(asked: Asked, found: Overview | None, tenant: str | None) -> list[Attention]:
    """The most serious first."""
    told: list[Attention] = []
    report = asked.console.deployment.report
    if report is not None:
        seen = within(report, asked.person)
        told += [Attention(each, "/health", serious=True) for each in seen.problems]
        told += [
            Attention(
                f"{each.tenant}/{each.domain}: {each.what}",
                address("/domain", tenant=each.tenant, domain=each.domain),
                serious=each.kind in ("propensity", "floor"),
            )
            for each in seen.alarms
            if tenant in (None, each.tenant)
        ]
        told += [each for each in _caps(seen.domains) if tenant is None or each.text.startswith(f"{tenant}/")]
        if asked.person.everywhere and report.dead_letters and tenant is None:
            told.append(Attention(f"Dead letters: {report.dead_letters:,}", "/dead-letters", serious=False))
    if found is not None:
        for window, judged in found.judged.items():
            told += [
                Attention(
                    f"{each.target.name}: the target is missed over {window}"
                    + ("" if each.certain or each.lower is None else ", which may be chance"),
                    "#targets",
                    serious=each.certain,
                )
                for each in judged
                if each.status == "missed"
            ]
    return sorted(told, key=lambda each: not each.serious)


def _caps(domains: list[dict[str, object]]) -> list[Attention]:
    told = []
    for each in domains:
        cap = each.get("hard_cap")
        if isinstance(cap, dict) and cap.get("charged", 0.0) >= 0.9 * cap.get("amount", 0.0):
            text = (
                f"{each['tenant']}/{each['domain']}: {money(cap['charged'])} of its hard cap of {money(cap['amount'])}"
            )
            told.append(
                Attention(
                    f"{text} a {cap.get('period')} are spent",
                    address("/domain", tenant=each["tenant"], domain=each["domain"]),
                    serious=cap["charged"] >= cap["amount"],
                )
            )
    return told


def _charts(found: Overview) -> list[tuple[str, object]]:
    """Thirty days, day by day."""
    days = [(point.start, point.summary) for point in found.days]
    wanted = (
        ("Interactions a day", [Spot(at, s.interactions) for at, s in days], lambda v: f"{v:,.0f}", (0.0, None)),
        (
            "Satisfaction: thumbs up of those given",
            [Spot(at, *s.satisfaction) for at, s in days if s.satisfaction is not None], percent, (None, None),
        ),
        (
            "Cost of an interaction",
            [Spot(at, s.cost_per_interaction) for at, s in days if s.cost_per_interaction is not None],
            money, (0.0, None),
        ),
        ("Reward", [Spot(at, s.reward) for at, s in days if s.reward is not None], ratio, (None, None)),
    )  # fmt: skip
    return [
        (title, lines([Series(title, spots)], title, show, day, limits=limits, gap=1.5 * 86_400))
        for title, spots, show, limits in wanted
        if spots
    ]


PAGES = (Page("/", overview, live=True, pace=3),)
