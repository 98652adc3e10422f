"""KPIs and targets as tables for a person."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from infra.readable.characters import printable
from infra.readable.plain import iso
from infra.readable.quantities import usd
from stream_workers.analytics.summary import Summary

from .report import Report
from .targets import Judged

_STYLES: Final = {"met": "green", "missed": "bold red", "no data": "dim"}


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f} ms"


def _money(value: float | None) -> str:
    return "-" if value is None else usd(value)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _interval(found: Any, show: Callable[[float | None], str]) -> str:
    return "-" if found is None else f"{show(found.estimate)} ({show(found.lower)} to {show(found.upper)})"


_ROWS: Final[tuple[tuple[str, Callable[[Summary], str]], ...]] = (
    ("interactions", lambda s: f"{s.interactions:,}"),
    ("reward", lambda s: _number(s.reward)),
    ("success", lambda s: _share(s.success_rate)),
    ("errors", lambda s: _share(s.error_rate)),
    ("fallbacks", lambda s: _share(s.fallback_rate)),
    ("not followed", lambda s: _share(s.unfollowed_rate)),
    ("availability", lambda s: _share(s.availability)),
    ("response p50", lambda s: _ms(s.latency(0.50))),
    ("response p95", lambda s: _ms(s.latency(0.95))),
    ("response p99", lambda s: _ms(s.latency(0.99))),
    ("cost", lambda s: _money(s.sums.cost_sum if s.sums.cost_count else None)),
    ("cost an interaction", lambda s: _money(s.cost_per_interaction)),
    ("cost a resolved one", lambda s: _money(s.cost_per_resolved)),
    ("satisfaction", lambda s: _interval(s.satisfaction, _share)),
    ("response rate", lambda s: _share(s.response_rate)),
    ("feedback whole", lambda s: _share(s.feedback_rate)),
    ("feedback delay p50", lambda s: _ms(s.feedback_delay(0.50))),
    ("exploration", lambda s: _share(s.exploration)),
    ("budget use", lambda s: _share(s.budget_use)),
    ("regret, best fixed arm", lambda s: _interval(s.regret, _number)),
)


def tables(found: Report) -> RenderableType:
    """Everything."""
    whose = printable(found.tenant if found.domain is None else f"{found.tenant}/{found.domain}")
    head = Text(whose, "bold").append(
        f"  {found.window}: {iso(found.since * 1000)[:16]}Z to {iso(found.until * 1000)[:16]}Z", "not bold"
    )
    parts: list[RenderableType] = [head, _kpis(found), _arms(found)]
    if found.targets:
        parts.append(_targets(found.targets))
        parts += [
            Text(f"{each.target.name}: {printable(each.trace)}", "dim")
            for each in next(iter(reversed(found.targets.values())))
        ]
    return Group(*parts)


def _kpis(found: Report) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    columns = {"all": found.total, **found.domains} if len(found.domains) > 1 else found.domains
    for name in columns:
        table.add_column(printable(name), justify="right")
    for title, show in _ROWS:
        table.add_row(title, *map(show, columns.values()))
    return table


def _arms(found: Report) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("domain", "arm"):
        table.add_column(name)
    for name in ("interactions", "share", "reward", "if always", "success", "response p95", "cost each"):
        table.add_column(name, justify="right")
    for (domain, arm), summary in sorted(found.arms.items()):
        of_domain = found.domains[domain].interactions
        value = summary.arms[0].value if summary.arms else None
        table.add_row(
            printable(domain), printable(arm), f"{summary.interactions:,}",
            _share(summary.interactions / of_domain if of_domain else None), _number(summary.reward),
            _interval(value, _number), _share(summary.success_rate), _ms(summary.latency(0.95)),
            _money(summary.cost_per_interaction),
        )  # fmt: skip
    return table


def _targets(by_window: Mapping[str, list[Judged]]) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("target")
    for window in by_window:
        table.add_column(window, justify="right")
    for row in zip(*by_window.values(), strict=True):
        target = row[0].target
        limit = f"at least {target.at_least:.4g}" if target.at_least is not None else f"at most {target.at_most:.4g}"
        table.add_row(f"{printable(target.name)}, {limit}", *map(_judged, row))
    return table


def _judged(found: Judged) -> Text:
    text = Text(found.status, _STYLES[found.status])
    if found.value is not None:
        text.append(f" {found.value:.2%}", "default")
        if found.lower is not None and not found.certain:
            text.append(" (too few to be sure)", "yellow")
    if found.budget is not None:
        text.append(f"\n{found.budget.left:.0%} of budget left", "dim" if found.budget.left >= 0 else "red")
    return text
