"""What each domain's champion is ahead of: its baseline, its challengers; and how much the log says about those."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from infra.readable.characters import printable

#: How overlap is shown.
_STYLES = {"good": "green", "fair": "green", "thin": "yellow", "poor": "red", "none": "red"}


def comparisons(domains: Sequence[Mapping[str, Any]]) -> Table | None:
    """A line for each comparison of each domain; None: there are none."""
    table = Table(box=box.SIMPLE_HEAD)
    for title in ("domain", "champion less", "difference", "overlap"):
        table.add_column(title, overflow="fold")
    for domain in domains:
        name = Text(printable(f"{domain.get('tenant')}/{domain.get('domain')}"))
        for than, difference, overlap in _of(domain):
            table.add_row(name, Text(printable(than)), _difference(difference), _overlap(overlap))
            name = Text()
    if not table.rows:
        return None
    table.caption = Text(
        "In brackets: 95%, at every moment at once. Overlap: how many decisions of its own would have told as much."
    )
    table.caption_style = "dim"
    table.caption_justify = "left"
    return table


def _of(domain: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Of what, the difference, and the overlap with it."""
    if (difference := domain.get("champion_less_baseline")) and difference.get("estimate") is not None:
        yield f"always {domain.get('baseline')}", difference, {}
    for policy in domain.get("policies", []):
        difference = policy.get("champion_less_this")
        if difference and difference.get("estimate") is not None:
            yield policy["name"], difference, policy.get("overlap", {})


def _difference(difference: Mapping[str, Any]) -> Text:
    text = Text(f"{difference['estimate']:+.3f}")
    lower, upper = difference.get("lower"), difference.get("upper")
    if lower is not None and upper is not None:
        text.stylize("green" if lower > 0.0 else "red" if upper < 0.0 else "")
        text.append(f" [{lower:+.3f}, {upper:+.3f}]", "dim")
    return text


def _overlap(overlap: Mapping[str, Any]) -> Text:
    if not overlap:
        return Text()
    grade = str(overlap.get("grade", ""))
    text = Text(grade, _STYLES.get(grade, ""))
    text.append(f" ({overlap.get('effective', 0.0):,.0f} of {overlap.get('n', 0):,})", "dim")
    return text
