"""One domain: shares and values of its arms over time, champion and challengers, cost against reward, what if."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec
from starlette.exceptions import HTTPException

from infra.domains.publish import read_latest
from infra.kpis.store import Point, Scope
from infra.kpis.targets import seconds_of
from schemas.domains import DomainSpec
from schemas.errors import CroupierError
from schemas.events import UNFOLLOWED_ARM
from stream_workers.analytics.summary import ArmSummary, Summary, wilson_interval

from ..charts import Dot, Series, Spot, frontier_of, lines, plane
from ..deployment import within_patience
from ..figures import DEFAULT, WINDOWS, Figures
from ..rendering import View
from ..site import Asked, Page
from ..what_if import Question
from .showing import day, minute, money, percent, ratio

#: So many arms are drawn, those chosen most; the tables have all.
_DRAWN: Final = 8


class Chart(NamedTuple):
    """A picture, and its numbers."""

    title: str
    said: str
    picture: Any
    names: list[str]
    rows: list[tuple[str, list[str]]]  # by step: a value for each name, with its interval


class ArmRow(NamedTuple):
    """An arm in the window."""

    name: str
    share: float
    share_low: float
    share_high: float
    summary: Summary  # of the decisions that chose it
    arm: ArmSummary


async def domain(asked: Asked) -> View:
    """Everything about it."""
    tenant, name = asked.tenant(asked.query("tenant")), asked.query("domain") or ""
    window = asked.query("window")
    window = window if window in WINDOWS else DEFAULT
    report = asked.console.deployment.report
    told = next(
        (each for each in (report.domains if report else ()) if (each["tenant"], each["domain"]) == (tenant, name)),
        None,
    )
    figures = asked.console.figures
    scope = Scope(tenant, name)
    known = figures.store is not None and bool(figures.store.names("arm", scope))
    if told is None and not known and figures.store is not None and report is not None:
        await _declared(asked, tenant, name)
    context: dict[str, Any] = {
        "tenant": tenant, "domain": name, "window": window, "windows": tuple(WINDOWS), "told": told,
        "known": known,
        "alarms": [each for each in (report.alarms if report else ()) if (each.tenant, each.domain) == (tenant, name)],
        "reading": figures.store is None,
    }  # fmt: skip
    return View("domain.html", context | (_figures(figures, scope, window) if known else {}))


async def what_if(asked: Asked) -> View:
    """Other weights, or other prices."""
    tenant, name = asked.tenant(asked.query("tenant")), asked.query("domain") or ""
    spec = await _declared(asked, tenant, name)
    weights, prices = _asked(asked, spec)
    context: dict[str, Any] = {
        "tenant": tenant, "domain": name, "spec": spec, "weights": weights, "prices": prices,
        "job": None, "found": None,
    }  # fmt: skip
    if asked.query("ask") is None:
        return View("what_if.html", context)
    deployment = asked.console.deployment
    question = Question(deployment.servers, deployment.prefix, tenant, name, weights, prices)
    given = msgspec.json.encode(question)
    job = asked.console.jobs.ask(("what if", given), ("-m", "infra.console.what_if"), given)
    found = None if job.answer is None else job.answer["found"]
    return View("what_if.html", {**context, "job": job, "found": found})


async def _declared(asked: Asked, tenant: str, name: str) -> DomainSpec:
    deployment = asked.console.deployment
    async with within_patience():
        latest = await read_latest(deployment.servers, deployment.prefix)
    spec = latest.get((tenant, name), (0, None))[1]
    if spec is None:
        raise HTTPException(404, f"{tenant} has no domain {name}.")
    return spec


def _asked(asked: Asked, spec: DomainSpec) -> tuple[dict[str, float], dict[str, float]]:
    """The weights and prices that are other than declared."""
    weights = _numbers(asked, "weight.", {part: each.weight for part, each in spec.reward.items()})
    prices = _numbers(asked, "price.", {arm.name: arm.price for arm in spec.arms})
    if not any(weights.get(part, each.weight) for part, each in spec.reward.items()):
        raise CroupierError("All weights are 0: then nothing is worth anything. Give one a weight.")
    return weights, prices


def _numbers(asked: Asked, prefix: str, declared: Mapping[str, float]) -> dict[str, float]:
    found = {}
    for name, value in declared.items():
        text = asked.query(f"{prefix}{name}")
        if text is None:
            continue
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if not 0.0 <= number <= 1e9:
            raise CroupierError(f"{prefix}{name} is {text!r}; a number of 0 or more is expected")
        if number != value:
            found[name] = number
    return found


def _figures(figures: Figures, scope: Scope, window: str) -> dict[str, Any]:
    store = figures.store
    assert store is not None, "somebody has looked"
    now = figures.clock()
    since, until = figures.bounds(window)
    total = store.summary(scope, since, until)
    points = store.series(scope, now - seconds_of(window), now, WINDOWS[window])
    by_arm = store.by("arm", scope, since, until, arms=False)
    rows = _rows(total, by_arm)
    policies = store.by(("policy", "spec"), scope, since, until, arms=False)
    step = points[0].seconds if points else 1
    show_x = day if step >= 86_400 else minute
    drawn = [row.name for row in rows[:_DRAWN]]
    return {
        "since": since, "until": until, "total": total, "rows": rows, "step": step,
        "unfollowed": by_arm.get(UNFOLLOWED_ARM), "policies": sorted(policies.items()),
        "charts": _charts(points, drawn, show_x), "frontier": _frontier(total, rows),
    }  # fmt: skip


def _rows(total: Summary, by_arm: Mapping[str, Summary]) -> list[ArmRow]:
    followed = sum(s.interactions for name, s in by_arm.items() if name != UNFOLLOWED_ARM)
    rows = []
    for arm in total.arms:
        if arm.name.arm == UNFOLLOWED_ARM or arm.name.arm not in by_arm:
            continue
        summary = by_arm[arm.name.arm]
        low, high = wilson_interval(summary.interactions, followed) or (0.0, 1.0)
        share = summary.interactions / followed if followed else 0.0
        rows.append(ArmRow(arm.name.arm, share, low, high, summary, arm))
    return sorted(rows, key=lambda row: (-row.share, row.name))


def _charts(points: list[Point], arms: list[str], show_x: Any) -> list[Chart]:
    """What was so, step by step."""
    gap = 2.5 * (points[0].seconds if points else 1)
    shares = {name: [] for name in arms}  # type: dict[str, list[Spot]]
    values = {name: [] for name in arms}  # type: dict[str, list[Spot]]
    for point in points:
        found = {each.name.arm: each for each in point.summary.arms}
        followed = sum(each.sums.interactions for name, each in found.items() if name != UNFOLLOWED_ARM)
        for name in arms:
            chosen = found[name].sums.interactions if name in found else 0
            if (bounds := wilson_interval(chosen, followed)) is not None:
                shares[name].append(Spot(point.start, chosen / followed, *bounds))
            value = found[name].value if name in found else None
            if value is not None and value.lower > float("-inf"):
                values[name].append(Spot(point.start, *value))
    explored = [(p.start, p.summary.exploration) for p in points]
    costs = [(p.start, p.summary.cost_per_interaction) for p in points]
    wanted = (
        (
            "Share of each arm", "Of the decisions that were followed; bands: 95% (Wilson), for each step alone.",
            [Series(name, shares[name]) for name in arms], percent, (0.0, None),
        ),
        (
            "Value of each arm",
            "The reward, had it always been chosen: doubly robust; bands: 95%, for each step alone.",
            [Series(name, values[name]) for name in arms], ratio, (None, None),
        ),
        (
            "Exploration", "Mean probability with which another arm than the likeliest was drawn.",
            [Series("exploration", [Spot(at, each) for at, each in explored if each is not None])],
            percent, (0.0, None),
        ),
        (
            "Cost of an interaction", "Of those whose cost was observed.",
            [Series("cost", [Spot(at, each) for at, each in costs if each is not None])], money, (0.0, None),
        ),
    )  # fmt: skip
    return [
        Chart(
            title,
            said,
            lines(series, title, show, show_x, limits=limits, gap=gap),
            [each.name for each in series],
            _numbers_of(series, show, show_x),
        )
        for title, said, series, show, limits in wanted
        if any(each.spots for each in series)
    ]


def _numbers_of(series: list[Series], show: Any, show_x: Any) -> list[tuple[str, list[str]]]:
    """The latest step first; what is not known is empty."""
    by_step: dict[float, dict[str, str]] = {}
    for each in series:
        for spot in each.spots:
            interval = "" if spot.low is None or spot.high is None else f" ({show(spot.low)} to {show(spot.high)})"
            by_step.setdefault(spot.x, {})[each.name] = f"{show(spot.y)}{interval}"
    names = [each.name for each in series]
    return [(show_x(x), [told.get(name, "") for name in names]) for x, told in sorted(by_step.items(), reverse=True)]


def _frontier(total: Summary, rows: list[ArmRow]) -> Any:
    """Reward and cost of always each arm, and of what acts."""
    dots = []
    for row in rows:
        value, cost = row.arm.value, row.arm.cost_if_always
        if value is not None and cost is not None:
            bounds = (value.lower, value.upper) if value.lower > float("-inf") else (None, None)
            dots.append(Dot(row.name, cost, value.estimate, *bounds))
    best = frontier_of((dot.x, dot.y) for dot in dots)
    if total.reward is not None and total.cost_per_interaction is not None:
        dots.append(Dot("what acts", total.cost_per_interaction, total.reward, strong=True))
    return plane(dots, best, "Reward against cost of an interaction", ratio, money) if len(dots) > 1 else None


PAGES = (Page("/domain", domain, live=True, pace=3), Page("/what-if", what_if, live=True))
