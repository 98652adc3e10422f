"""The answer as tables for a person."""

from collections.abc import Callable

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from infra.readable.characters import printable

from .answer import RoiAnswer
from .finance import Figure
from .worth import Measured

_STYLES = {"gain": "bold green", "loss": "bold red", "not yet known": "bold yellow", "assumed": "bold yellow"}
Show = Callable[[float], str]


def tables(answer: RoiAnswer) -> RenderableType:
    """Everything."""
    head = Text("return on ", "").append(usd(answer.plan.investment), "bold").append(": ")
    head.append(answer.verdict, _STYLES[answer.verdict])
    if answer.more_interactions is not None:
        head.append(f"; about {answer.more_interactions:,} more interactions will tell, if they are like these")
    elif answer.verdict == "not yet known":
        head.append("; with this estimate no number of interactions will tell")
    found = answer.returns
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    for name in ("estimate", "at least", "at most"):
        table.add_column(name, justify="right")
    for name, figure, show in (
        ("benefit a month", answer.monthly_benefit, usd),
        ("gross return, 12 months", found.gross_return, percent),
        ("net ROI, 12 months", found.net_roi, percent),
        ("payback, months", found.payback_months, lambda each: f"{each:.1f}"),
        ("gross return, 3 years", found.three_year_gross, percent),
        (f"net present value, 3 years at {answer.plan.discount_rate:.0%}", found.npv, usd),
    ):
        table.add_row(name, *_three(figure, show))
    parts: list[RenderableType] = [head, table]
    parts += [_scope(each) for each in answer.scopes]
    if answer.scopes:
        parts.append(
            Text("Intervals hold at every moment at once, with 95 % for all scopes together; doubly robust.", "dim")
        )
    parts += [Text(note, "dim") for note in answer.notes]
    return Group(*parts)


def usd(value: float) -> str:
    """An amount, with more digits where it is small."""
    sign, size = "-" if value < 0 else "", abs(value)
    return f"{sign}${size:,.2f}" if size >= 1.0 else f"{sign}${size:.6f}"


def percent(value: float) -> str:
    """A share."""
    return f"{100.0 * value:,.1f} %"


def _scope(found: Measured) -> Table:
    name = f"{printable(found.tenant)}/{printable(found.domain)} beside {printable(found.against)}"
    title = f"{name}: {found.n:,} interactions"
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    table.add_column("an interaction")
    for name in ("estimate", "at least", "at most"):
        table.add_column(name, justify="right")
    for name, figure, show in (
        ("is worth more by", found.benefit, usd),
        ("costs", found.cost, usd),
        ("would have cost", found.baseline_cost, usd),
        ("cost cut", found.cost_cut, percent),
        ("resolved", found.resolved, percent),
        ("would have been resolved", found.baseline_resolved, percent),
    ):
        table.add_row(name, *_three(figure, show))
    trace = found.trace
    table.caption = (
        f"{found.interactions_per_month:,.0f} a month; decisions {printable(str(trace['first_decision']))} to "
        f"{printable(str(trace['last_decision']))}"
    )
    table.caption_justify = "left"
    return table


def _three(figure: Figure, show: Show) -> list[str]:
    return ["-" if each is None else show(each) for each in (figure.estimate, figure.low, figure.high)]
