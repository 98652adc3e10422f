"""Prometheus' own file: whom it asks, and how it learns where they are."""

from collections.abc import Sequence
from typing import Any, Final

from .alert import PRODUCTION, Profile, duration

#: Where the monitor listens unless told otherwise.
MONITOR: Final = "127.0.0.1:9464"

#: In docker-compose.yml: a service, and the role of its containers.
_SERVICES: Final = {"worker": "worker", "analytics": "analytics", "bot": "bot"}


def scraping(
    rule_file: str,
    *,
    monitor: str = MONITOR,
    alertmanager: str | None = "127.0.0.1:9093",
    compose: bool = False,
    profile: Profile = PRODUCTION,
) -> dict[str, Any]:
    """Plain data.  monitor, alertmanager: host and port; compose: processes are containers, found by service.

    Processes of one machine are asked for at the monitor: they take free ports, and keep their name (`instance`) when
    they start again, so that a series goes on.
    """
    every = duration(profile.evaluate)
    jobs: Sequence[dict[str, Any]] = _containers() if compose else [_announced(monitor, every)]
    found: dict[str, Any] = {
        "global": {"scrape_interval": every, "scrape_timeout": duration(min(10.0, profile.evaluate)),
                   "evaluation_interval": every},
        "rule_files": [rule_file],
        "scrape_configs": [*jobs, {"job_name": "croupier-monitor", "static_configs": [
            {"targets": [monitor], "labels": {"instance": "monitor", "role": "monitor"}}]}],
    }  # fmt: skip
    if alertmanager is not None:
        found["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    return found


def _announced(monitor: str, every: str) -> dict[str, Any]:
    return {
        "job_name": "croupier",
        "http_sd_configs": [{"url": f"http://{monitor}/targets", "refresh_interval": every}],
    }


def _containers() -> list[dict[str, Any]]:
    """All under the name `croupier`, which a job's own name must not be twice."""
    return [
        {
            "job_name": f"croupier-{service}",
            "dns_sd_configs": [{"names": [service], "type": "A", "port": 8080, "refresh_interval": "15s"}],
            "relabel_configs": [
                {"target_label": "job", "replacement": "croupier"},
                {"target_label": "role", "replacement": role},
            ],
        }
        for service, role in _SERVICES.items()
    ]
