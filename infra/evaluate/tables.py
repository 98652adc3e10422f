"""Answers as tables people like to read."""

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from infra.readable.characters import printable
from infra.readable.quantities import count

from .answer import Answer, Less, PolicyAnswer, Value

#: Estimators, and what people call them.
NAMES = {
    "dm": "direct method",
    "ips": "IPS",
    "ips clipped": "IPS, clipped",
    "snips": "SNIPS",
    "switch-dr": "Switch-DR",
    "dros": "DRos",
    "dr": "doubly robust",
}
_STYLES = {"good": "green", "fair": "green", "thin": "yellow", "poor": "red", "none": "red"}


def tables(answer: Answer) -> RenderableType:
    """Everything, for a person."""
    title = Text(f"{printable(answer.tenant)}/{printable(answer.domain)}", "bold")
    title.append(f"  {count(answer.outcomes, 'outcome')}", "")
    if answer.units < answer.outcomes:
        title.append(f" about {count(answer.units, 'unit')}", "")
    if answer.learned_from:
        title.append(f", after the first {answer.learned_from:,} to learn from", "")
    if answer.skipped:
        title.append(f"; {answer.skipped:,} could not be used", "yellow")
    if answer.unfollowed:
        title.append(f"; {count(answer.unfollowed, 'decision')} nobody acted on: left out", "yellow")
    title.append(f"\nwhat was logged earned {_estimate(answer.logged)}", "")
    parts: list[RenderableType] = [title]
    for policy in answer.policies:
        parts += [_head(policy), _values(policy), _differences(policy)]
    foot = Text(
        "Mean rewards. [a, b] holds at every moment at once, with 95%; (a, b) is the bootstrap's, for one look.", "dim"
    )
    for note in answer.notes:
        foot.append(f"\n{note}")
    return Group(*parts, foot)


def _head(policy: PolicyAnswer) -> Text:
    text = Text("\n")
    text.append(printable(policy.policy), "bold")
    text.append("  overlap ")
    text.append(policy.overlap, _STYLES[policy.overlap])
    text.append(f": {policy.words}")
    if policy.design_effect is not None and policy.design_effect > 1.0:
        wider = policy.design_effect**0.5
        text.append(f"\n  outcomes of one unit are alike: intervals are {wider:.1f} times as wide for it", "dim")
    return text


def _values(policy: PolicyAnswer) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("estimator")
    for name in ("estimate", "at every moment", "bootstrap", "cut at"):
        table.add_column(name, justify="right")
    for value in policy.values:
        table.add_row(
            Text(NAMES.get(value.estimator, value.estimator), "bold" if value.estimator == "dr" else ""),
            "" if value.estimate is None else f"{value.estimate:.4f}",
            _between("[", value.lower, value.upper, "]"),
            _between("(", value.bootstrap_lower, value.bootstrap_upper, ")"),
            _parameter(value),
        )
    return table


def _differences(policy: PolicyAnswer) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_header=False)
    table.add_column()
    for _ in range(3):
        table.add_column(justify="right")
    for less in policy.differences:
        style = "green" if less.lower > 0.0 else "red" if less.upper < 0.0 else ""
        table.add_row(
            Text(f"less {printable(less.than)}"),
            Text(f"{less.estimate:+.4f}", style),
            _between("[", less.lower, less.upper, "]", "+"),
            _between("(", less.bootstrap_lower, less.bootstrap_upper, ")", "+"),
        )
    return table


def _estimate(less: Less) -> str:
    return f"{less.estimate:.4f} {_between('[', less.lower, less.upper, ']')}"


def _between(begin: str, lower: float | None, upper: float | None, end: str, sign: str = "") -> Text:
    if lower is None or upper is None:
        return Text("")
    return Text(f"{begin}{lower:{sign}.4f}, {upper:{sign}.4f}{end}")


def _parameter(value: Value) -> str:
    return "" if value.parameter is None else f"{value.parameter:.3g}"
