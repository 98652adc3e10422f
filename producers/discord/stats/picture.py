"""A guild's figures as a PNG: what it cost and would have cost, who answered, questions by day.

Colours are Okabe and Ito's, which people with any colour vision tell apart, on a dark ground that reads well in
Discord's dark and light themes; everything that colour says is written beside it as well.
"""

import io
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from msgspec import Struct

GROUND: Final = "#1e1f22"
TEXT: Final = "#f2f3f5"
FAINT: Final = "#9a9ca3"
ORANGE: Final = "#E69F00"
BLUE: Final = "#56B4E9"
GREEN: Final = "#009E73"

_MOST_ARMS: Final = 6
_MOST_NAME: Final = 28
_DPI: Final = 100
_SIZE: Final = (10.0, 5.6)  # inches
#: matplotlib keeps fonts and styles for the whole process.
_drawing = threading.Lock()


class Labels(Struct, frozen=True):
    """What is written on it, in the guild's language."""

    title: str
    cost: str
    spent: str
    strongest: str
    unknown: str  # in place of the second bar, where it is not known
    arms: str
    others: str
    days: str


def picture(figures: Mapping[str, Any], labels: Labels) -> bytes:
    """The PNG.  figures: of one domain, as `Figures.guild` has them.  Takes a third of a second."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with _drawing:
        figure = Figure(figsize=_SIZE, dpi=_DPI, facecolor=GROUND, layout="constrained")
        FigureCanvasAgg(figure)
        cost, arms, days = figure.subplot_mosaic([["cost", "arms"], ["days", "days"]], height_ratios=[3, 2]).values()
        figure.suptitle(_plain(labels.title), color=TEXT, fontsize=15, fontweight="bold")
        _costs(cost, figures, labels)
        _arms(arms, figures["arms"], labels)
        _days(days, figures["days"], labels)
        written = io.BytesIO()
        figure.savefig(written, format="png", facecolor=GROUND, metadata={"Software": None})
    return written.getvalue()


def _costs(axes: Any, figures: Mapping[str, Any], labels: Labels) -> None:
    """Two bars: what was spent, and what the strongest model would have cost, with its interval."""
    spent, cut = figures["cost"], figures["cost_cut"]
    _style(axes, labels.cost)
    names, amounts, colours = [labels.spent], [spent], [GREEN]
    if cut is not None and cut["estimate"] < 1.0:
        amount = spent / (1.0 - cut["estimate"])
        names.append(labels.strongest)
        amounts.append(amount)
        colours.append(ORANGE)
        low, high = (spent / (1.0 - cut[side]) if cut[side] < 1.0 else amount for side in ("lower", "upper"))
        axes.errorbar([amount], [1], xerr=[[max(amount - low, 0.0)], [max(high - amount, 0.0)]], color=TEXT, capsize=5)
    axes.barh(range(len(names)), amounts, color=colours, height=0.55)
    axes.set_yticks(range(len(names)), [_plain(each) for each in names])
    for place, amount in enumerate(amounts):
        axes.annotate(
            f" ${amount:,.2f}" if amount >= 1 else f" ${amount:.3g}", (0, place), xytext=(4, 0),
            textcoords="offset points", va="center", color=GROUND if amount > 0.25 * max(amounts) else TEXT,
            fontsize=12, fontweight="bold",
        )  # fmt: skip
    if len(names) == 1:
        axes.set_ylim(-0.5, 1.5)
        axes.text(0.0, 1.0, _plain(labels.unknown), color=FAINT, fontsize=10, va="center", wrap=True)
    axes.set_xlim(left=0.0)
    axes.invert_yaxis()


def _arms(axes: Any, arms: Sequence[Mapping[str, Any]], labels: Labels) -> None:
    _style(axes, labels.arms)
    shown = [(each["name"], each["share"]) for each in arms[:_MOST_ARMS]]
    if rest := sum(each["share"] for each in arms[_MOST_ARMS:]):
        shown.append((labels.others, rest))
    axes.barh(range(len(shown)), [share for _, share in shown], color=BLUE, height=0.6)
    axes.set_yticks(range(len(shown)), [_plain(_short(name)) for name, _ in shown])
    for place, (_, share) in enumerate(shown):
        axes.annotate(
            f"{share:.0%}", (share, place), xytext=(4, 0), textcoords="offset points", va="center", color=TEXT
        )
    axes.set_xlim(0.0, max([share for _, share in shown], default=1.0) * 1.2)
    axes.invert_yaxis()


def _days(axes: Any, days: Sequence[Mapping[str, Any]], labels: Labels) -> None:
    _style(axes, labels.days, values=True)
    begins = [datetime.fromtimestamp(each["begin_ms"] / 1000, UTC) for each in days]
    axes.bar(range(len(days)), [each["outcomes"] for each in days], color=BLUE, width=0.8)
    step = max(1, len(days) // 8)
    axes.set_xticks(range(0, len(days), step), [f"{each:%m-%d}" for each in begins[::step]])
    axes.yaxis.get_major_locator().set_params(integer=True, nbins=4)
    axes.set_xlim(-0.6, max(len(days), 7) - 0.4)


def _style(axes: Any, title: str, *, values: bool = False) -> None:
    axes.set_facecolor(GROUND)
    axes.set_title(_plain(title), color=TEXT, loc="left", fontsize=12)
    axes.tick_params(colors=TEXT, length=0, labelsize=10)
    if not values:
        axes.set_xticks([])
    for side, spine in axes.spines.items():
        spine.set_visible(values and side in ("left", "bottom"))
        spine.set_color(FAINT)


def _short(name: str) -> str:
    return name if len(name) <= _MOST_NAME else name[: _MOST_NAME - 1] + "\u2026"


def _plain(text: str) -> str:
    """As it is: between two dollar signs matplotlib would read mathematics."""
    return text.replace("$", r"\$")
