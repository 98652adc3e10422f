"""Alerts and what is recorded for them and for dashboards, as Prometheus reads them."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Final

import yaml

from .alert import PRODUCTION, Alert, Profile, duration
from .alerts import ALERTS

#: Where each alert is explained.
PAGE: Final = "docs/monitoring.md"


def rules(profile: Profile = PRODUCTION, alerts: Iterable[Alert] = ALERTS) -> dict[str, Any]:
    """The rule file, as plain data."""
    alerts = tuple(alerts)
    recorded = list(_recorded(profile, alerts))
    groups = [{"name": "croupier-recorded", "interval": duration(profile.evaluate), "rules": recorded}]
    for area, of_area in groupby(alerts, key=lambda each: each.area):
        groups.append(
            {
                "name": f"croupier-{area}",
                "interval": duration(profile.evaluate),
                "rules": [_rule(each, profile) for each in of_area],
            }
        )
    return {"groups": groups}


def _rule(alert: Alert, profile: Profile) -> Mapping[str, Any]:
    return {
        "alert": alert.name,
        "expr": profile.expression(alert),
        "for": profile.holds(alert),
        "labels": {"severity": alert.severity, "area": alert.area},
        "annotations": {"summary": alert.summary, "description": alert.do, "page": f"{PAGE}#{alert.name.lower()}"},
    }


def _recorded(profile: Profile, alerts: Iterable[Alert]) -> Iterator[Mapping[str, Any]]:
    """Of each window of a burn rate: the share that failed, and of how many; and what dashboards show."""
    windows = dict.fromkeys(
        window
        for alert in alerts
        if alert.short
        for window in (alert.short, alert.long)
    )  # fmt: skip
    names = dict.fromkeys(map(duration, windows)) if profile.window is None else dict.fromkeys(
        (duration(profile.window), duration(2 * profile.window))
    )  # fmt: skip
    for window in names:
        bad = f"sum by (target) (increase(croupier_target_bad_total[{window}]))"
        judged = f"sum by (target) (increase(croupier_target_judged_total[{window}]))"
        yield {"record": f"target:failure_ratio:{window}", "expr": f"{bad} / {judged}"}
        yield {"record": f"target:judged:{window}", "expr": judged}
    yield {
        "record": "role_topic:lag_records:sum",
        "expr": "sum by (role, topic) (croupier_group_lag_records)",
    }
    yield {
        "record": "stage:records_applied:rate",
        "expr": f"sum by (stage) (rate(croupier_records_applied_total[{duration(profile.window or 300.0)}]))",
    }


def written(rules: Mapping[str, Any]) -> str:
    """As YAML."""
    return yaml.safe_dump(rules, sort_keys=False, width=120, allow_unicode=True)
