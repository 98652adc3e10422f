"""What an alert is, and how long its windows are in production and in a rehearsal."""

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct, field

Severity = Literal["page", "ticket", "none"]
Area = Literal["pipeline", "data", "targets", "bot", "monitoring"]

MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86_400.0


class Alert(Struct, frozen=True, kw_only=True):
    """One condition somebody has to know of.

    expr: PromQL, in which `{w}` is the window, `{limit}` the limit, `{short}` and `{long}` the windows of a burn rate.
    window, hold: seconds; hold: how long it must be true before somebody is told.  severity: page: now, whatever the
    hour; ticket: in working hours; none: it tells that telling works.  summary: what is wrong and where, with templates
    of Prometheus; do: what to do.
    """

    name: str
    area: Area
    severity: Severity
    expr: str
    summary: str
    do: str
    window: float = 5 * MINUTE
    hold: float = 0.0
    limit: float = 0.0
    short: float = 0.0
    long: float = 0.0


class Profile(Struct, frozen=True):
    """Which durations and limits the rules are written with.

    factor: 1 in production.  Otherwise windows are `window` seconds, and so are those of burn rates (short) and their
    double (long); what has to hold, holds for `hold` seconds if it had to hold at all.  limits: by name of the alert.
    """

    evaluate: float = 15.0
    window: float | None = None
    hold: float | None = None
    limits: Mapping[str, float] = field(default_factory=dict)

    def expression(self, alert: Alert) -> str:
        """The alert's PromQL."""
        text = alert.expr
        values = {
            "w": duration(alert.window if self.window is None else self.window),
            "short": duration(alert.short if self.window is None else self.window),
            "long": duration(alert.long if self.window is None else 2 * self.window),
            "limit": f"{self.limits.get(alert.name, alert.limit):g}",
        }
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def holds(self, alert: Alert) -> str:
        """How long it has to be true."""
        return duration(alert.hold if self.hold is None or not alert.hold else self.hold)


PRODUCTION: Final = Profile()


def duration(seconds: float) -> str:
    """As Prometheus writes it: the largest unit that it is a whole number of."""
    ms = round(seconds * 1000)
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if ms >= size and ms % size == 0:
            return f"{ms // size}{unit}"
    return f"{ms}ms" if ms else "0s"
