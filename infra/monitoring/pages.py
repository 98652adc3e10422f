"""What docs/monitoring.md shows of the alerts."""

import re
from typing import Final

from .alert import PRODUCTION
from .alerts import ALERTS

_TEMPLATE: Final = re.compile(r"\{\{\s*(?:\$labels\.(\w+)|\$value[^}]*)\s*\}\}")


def alert_table() -> str:
    """A row for each: severity, how long it must hold, what it says, what to do."""
    lines = ["| alert | severity | holds for | says | do |", "| --- | --- | --- | --- | --- |"]
    for alert in ALERTS:
        says = _TEMPLATE.sub(lambda found: f"*{found[1]}*" if found[1] else "*so much*", alert.summary)
        says, do = (each.replace("|", "\\|") for each in (says, alert.do))
        anchor = f'<a id="{alert.name.lower()}"></a>'
        lines.append(f"| {anchor}`{alert.name}` | {alert.severity} | {PRODUCTION.holds(alert)} | {says} | {do} |")
    return "\n".join(lines)
