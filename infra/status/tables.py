"""A report as tables people like to read."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from infra.readable.characters import printable
from infra.readable.quantities import count

from .comparisons import comparisons
from .limits import limits
from .report import GroupReport, ProcessReport, Report

#: More partitions than this are not listed one by one unless records wait in them.
_SHOWN_PARTITIONS = 32
#: More alarms than this are counted.
_SHOWN_ALARMS = 20

#: Tallies of the joiner, and what they are called here.
_TALLIES = {
    "decisions": "decisions",
    "outcomes_complete": "complete",
    "outcomes_horizon": "by horizon",
    "rewards_joined": "joined",
    "rewards_early": "early",
    "rewards_duplicate": "duplicate",
    "rewards_surplus": "surplus",
    "rewards_late": "late",
    "rewards_orphan": "orphan",
    "duplicate_decisions": "decided again",
    "bad": "bad",
}


def tables(report: Report) -> RenderableType:
    """Everything, for a person."""
    parts: list[RenderableType] = [_verdict(report), *_alarms(report), _topics(report), _partitions(report)]
    if report.processes:
        parts.append(_processes(report))
    parts.append(_dead_letters(report))
    if report.tenants:
        parts.append(_tenants(report))
    if report.domains:
        parts.append(_domains(report))
        parts += [table for table in (comparisons(report.domains), limits(report.domains)) if table is not None]
    return Group(*parts)


def _verdict(report: Report) -> Text:
    text = Text()
    text.append("healthy", "bold green") if report.healthy else text.append("not healthy", "bold red")
    for problem in report.problems:
        text.append(f"\n  - {printable(problem)}", "red")
    for note in report.notes:
        text.append(f"\n  {printable(note)}", "dim")
    return text


def _alarms(report: Report) -> Iterator[Text]:
    """What the data of which domain does not keep, and what to do."""
    for alarm in report.alarms[:_SHOWN_ALARMS]:
        text = Text(f"{printable(alarm.tenant)}/{printable(alarm.domain)}: {printable(alarm.what)}", "yellow")
        text.append(f" ({alarm.kind}, last at {alarm.at})", "dim")
        text.append(f"\n    {alarm.do}", "")
        yield text
    more = len(report.alarms[_SHOWN_ALARMS:]) + report.alarms_untold
    if more:
        yield Text(f"{count(more, 'more alarm')}: croupier status --json, croupier_domains_alarmed", "yellow")


def _topics(report: Report) -> Table:
    lags = {group.role: _lag_by_topic(group) for group in report.groups}
    table = _table("topic", "records", "records/s", *(f"{role} lag" for role in lags))
    for topic in report.topics:
        table.add_row(
            topic.topic,
            f"{topic.records:,}",
            f"{topic.appended_per_second:,.0f}",
            *(_lag(each.get(topic.topic)) for each in lags.values()),
        )
    table.add_section()
    handled = (f"{group.applied_per_second:,.0f}/s" for group in report.groups)
    table.add_row("handled", "", "", *handled, style="dim")
    return table


def _partitions(report: Report) -> RenderableType:
    """A line for each partition: what waits in it for each role, and whose it is."""
    table = _table("")
    for group in report.groups:
        for topic in _lag_by_topic(group):
            table.add_column(topic, justify="right")
        table.add_column(group.role)
    lags = {
        (group.role, place.topic, place.partition): place.lag for group in report.groups for place in group.partitions
    }
    waiting = {number for (_, _, number), lag in lags.items() if lag}
    numbers = range(report.partitions)
    shown = [n for n in numbers if report.partitions <= _SHOWN_PARTITIONS or n in waiting]
    for number in shown:
        cells: list[RenderableType] = []
        for group in report.groups:
            cells += (_lag(lags.get((group.role, topic, number))) for topic in _lag_by_topic(group))
            cells.append(Text(_owner(report, group, number)))
        table.add_row(str(number), *cells)
    hidden = report.partitions - len(shown)
    if not hidden:
        return table
    return Group(table, Text(f"{count(hidden, 'partition')} where nothing waits", "dim"))


def _owner(report: Report, group: GroupReport, number: int) -> str:
    """The process id, here, of what has the partition; else the member of the group as the broker knows it."""
    for process in report.processes:
        if process.role == group.role and process.state == "running" and number in process.partitions:
            return str(process.pid)
    return printable(group.owners.get(number, "nobody"))


def _processes(report: Report) -> Table:
    table = _table("process", "partitions", "checkpoint")
    table.add_column("")
    table.add_column("address")
    for process in report.processes:
        age = process.checkpoint_age_seconds
        table.add_row(
            f"{process.role} {process.pid}",
            str(len(process.partitions)),
            "" if age is None else f"{age:.1f} s ago",
            _state(process),
            Text(printable(process.address)),
        )
    return table


def _state(process: ProcessReport) -> Text:
    if process.state == "running" and process.healthy:
        if not process.recovering:
            return Text("healthy", "green")
        read, of = process.recovering.get("read", 0), process.recovering.get("of", 0)
        return Text(f"recovering {100 * read // of if of else 100}%", "yellow")
    return Text("gone", "dim") if process.state == "gone" else Text("not healthy", "bold red")


def _dead_letters(report: Report) -> Text:
    if not report.dead_letters:
        return Text("No dead letters.\n")
    text = Text(count(report.dead_letters, "dead letter"), "yellow")
    last = report.last_dead_letter or {}
    if event := last.get("event"):
        text.append(f"; the last at {last['time']}: {printable(event['reason'])}: {printable(event['detail'])}", "")
    text.append("\n  croupier tail dead-letters\n", "dim")
    return text


def _tenants(report: Report) -> Table:
    known = [name for name in _TALLIES if any(tally.get(name) for tally in report.tenants.values())]
    shown = [name for name in _TALLIES if name in known or name in ("decisions", "rewards_joined", "rewards_late")]
    table = _table("tenant", *(_TALLIES[name] for name in shown))
    for tenant, tally in report.tenants.items():
        table.add_row(Text(printable(tenant) or "(no tenant)"), *(f"{tally.get(name, 0):,}" for name in shown))
    return table


def _domains(report: Report) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("domain", overflow="fold")
    table.add_column("outcomes", justify="right")
    unfollowed = any(domain.get("counts", {}).get("unfollowed") for domain in report.domains)
    if unfollowed:
        table.add_column("not followed", justify="right")
    for name in ("champion", "best fixed arm", "ahead by", "predictions off by"):
        table.add_column(name, overflow="fold")
    for domain in report.domains:
        champion: Mapping[str, Any] = next(iter(domain.get("policies", [])), {})
        best = domain.get("best_fixed") or ""
        arm: Mapping[str, Any] = next((each for each in domain.get("arms", []) if each["name"] == best), {})
        table.add_row(
            Text(printable(f"{domain.get('tenant')}/{domain.get('domain')}")),
            f"{domain.get('counts', {}).get('outcomes', 0):,}",
            *([f"{domain.get('counts', {}).get('unfollowed', 0):,}"] if unfollowed else []),
            _valued(champion.get("name", ""), champion.get("value")),
            _valued(best, arm.get("value")),
            _valued("", domain.get("champion_less_best_fixed")),
            _off_by(domain.get("checks", {})),
        )
    table.caption = "Estimated mean rewards, with 95% intervals that hold at every moment at once."
    if unfollowed:
        table.caption += "\nNot followed: fallback arms answered; these are counted, and nothing learns from them."
    table.caption_style = "dim"
    table.caption_justify = "left"
    return table


def _valued(name: str, value: Mapping[str, Any] | None) -> Text:
    """A name with its estimate, and half the width of its interval."""
    text = Text(printable(name))
    if value and value.get("estimate") is not None:
        text.append(f"{' ' if name else ''}{value['estimate']:.3f}")
        if value.get("lower") is not None:
            text.append(f" ±{(value['upper'] - value['lower']) / 2:.3f}", "dim")
    return text


def _off_by(checks: Mapping[str, Any]) -> Text:
    """The champion's expected calibration error, and the limits of its interval."""
    found: Mapping[str, Any] = next(iter(checks.get("calibration", [])), {})
    if found.get("error") is None:
        return Text()
    text = Text(f"{found['error']:.3f}")
    text.append(f" ({found['lower']:.2f} to {found['upper']:.2f})", "dim")
    return text


def _lag_by_topic(group: GroupReport) -> dict[str, int]:
    lags: dict[str, int] = {}
    for place in group.partitions:
        lags[place.topic] = lags.get(place.topic, 0) + place.lag
    return lags


def _lag(lag: int | None) -> Text:
    return Text("" if lag is None else f"{lag:,}", "yellow" if lag else "")


def _table(first: str, *numbers: str) -> Table:
    """A column of names, then columns of numbers."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(first)
    for name in numbers:
        table.add_column(name, justify="right")
    return table
