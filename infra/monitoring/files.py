"""All files that Prometheus, Alertmanager and Grafana read, written to one directory."""

import json
from pathlib import Path

from . import dashboards, notifying, rules, scraping


def write_files(
    directory: Path,
    discord: str,
    *,
    tickets: str | None = None,
    watchdog: str | None = None,
    compose: bool = False,
) -> list[Path]:
    """The files written.  discord, tickets, watchdog: as for `notifying`; compose: as for `scraping`."""
    where = {"monitor": "monitor:8080", "alertmanager": "alertmanager:9093"} if compose else {}
    texts = {
        "rules.yml": rules.written(rules.rules()),
        "prometheus.yml": rules.written(scraping.scraping("rules.yml", compose=compose, **where)),  # type: ignore[arg-type]
        "alertmanager.yml": rules.written(notifying.notifying(discord, tickets=tickets, watchdog=watchdog)),
        "grafana/provisioning/datasources/prometheus.yml": rules.written(dashboards.source(compose=compose)),
        "grafana/provisioning/dashboards/croupier.yml": rules.written(dashboards.provider(directory)),
        **{
            f"grafana/dashboards/{each['uid']}.json": json.dumps(each, indent=1) + "\n"
            for each in dashboards.dashboards()
        },
    }
    written = []
    for name, text in texts.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    (directory / "alertmanager.yml").chmod(0o600)  # it holds the webhook, with which anybody can post
    return written
