"""What each domain spends and earns against its limits: budget, hard cap, quality floor."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from infra.readable.characters import printable


def limits(domains: Sequence[Mapping[str, Any]]) -> Table | None:
    """A line for each limit of each domain; None: there are none."""
    table = Table(box=box.SIMPLE_HEAD)
    for title in ("domain", "limit", "now"):
        table.add_column(title, overflow="fold")
    for domain in domains:
        name = Text(printable(f"{domain.get('tenant')}/{domain.get('domain')}"))
        for limit, now in _of(domain):
            table.add_row(name, limit, now)
            name = Text()
    return table if table.rows else None


def _of(domain: Mapping[str, Any]) -> Iterator[tuple[Text, Text]]:
    if budget := domain.get("budget"):
        debt = budget.get("above_target", 0.0)
        words = f"{abs(debt):.3g} requests' worth {'above' if debt > 0 else 'below'} it, a dollar weighs "
        yield (
            Text(f"${budget.get('cost_per_request', 0.0):g} a request"),
            Text(f"{words}{domain.get('lambda', 0.0):.3g}"),
        )
    if cap := domain.get("hard_cap"):
        amount, charged = cap.get("amount", 0.0), cap.get("charged", 0.0)
        style = "red" if charged >= amount else "yellow" if charged >= 0.9 * amount else ""
        yield Text(f"${amount:g} a {printable(str(cap.get('period')))}"), Text(f"${charged:.6g} charged", style)
    if floor := domain.get("quality"):
        goal = f"{100.0 * floor.get('share', 0.0):g}% of what {printable(str(floor.get('of')))} earns"
        if floor.get("floor") is None:
            yield Text(goal), Text("not known yet: all goes to the strongest but for exploration", "dim")
            return
        style = "green" if floor["earned"] >= floor["floor"] else "yellow"
        yield Text(goal), Text(f"{floor['earned']:.3f} earned of late, the floor is {floor['floor']:.3f}", style)
