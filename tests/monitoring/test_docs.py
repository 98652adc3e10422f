"""docs/monitoring.md, the failure modes and the dashboards against what there is."""

import json
import re
import time

import pytest

from infra.kpis.store import KpiStore
from infra.monitoring import dashboards
from infra.monitoring.alerts import ALERTS
from infra.monitoring.failure_modes import failure_modes, table
from infra.monitoring.files import write_files
from infra.monitoring.pages import alert_table
from infra.monitoring.rules import rules
from schemas.events import Bins, Granularity, Kpi
from stream_workers.analytics.bucket import SECONDS
from tests.docs.pages import code, rows, text

from . import known as there

PAGE = text("monitoring.md")
_NAME = re.compile(r"\b(?:croupier_\w+|process_\w+|up|ALERTS|\w+:\w+:\w+)\b")
_SELECTED = re.compile(r"((?:croupier_|process_)\w+|up)\{([^}]*)\}")
_GROUPED = re.compile(r"\bby \(([^)]*)\)")


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    store = KpiStore()
    nothing = {name: 0 for name in Kpi.__struct_fields__ if Kpi.__annotations__[name] not in (Granularity, Bins)}
    given = {"tenant": "acme", "domain": "model_routing", "arm": "small", "policy": "champion", "spec": 1, "applied": 1}
    counted = {"interactions": 10, "observed": 10, "error_sum": 1.0, "error_count": 10}
    spent = {"budgeted_cost_sum": 3.0, "budget_sum": 1.0, "baseline": False, "latency_ms": (), "feedback_ms": ()}
    for granularity in ("minute", "hour", "day"):
        when = {"granularity": granularity, "start": int(time.time() // SECONDS[granularity] * SECONDS[granularity])}
        store.put(Kpi(**{**nothing, **given, **counted, **spent, **when}))
    return there.known(tmp_path_factory.mktemp("state"), store)


def _asked():
    for group in rules()["groups"]:
        for rule in group["rules"]:
            yield rule.get("alert") or rule["record"], rule["expr"]
    for query in dashboards.queries():
        yield "a dashboard", query


def test_every_query_is_about_metrics_and_labels_that_some_process_serves(known):
    """A rule on a metric that does not exist never fires, and no other test would say so."""
    for name, query in _asked():
        bare = re.sub(r'"[^"]*"', '""', query)
        for metric in _NAME.findall(re.sub(r"\{[^}]*\}", "", bare)):
            assert metric in known, f"{name}: {metric}"
        for metric, matchers in _SELECTED.findall(query):
            labels = set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", matchers))
            assert labels <= known[metric] | there.ADDED, f"{name}: {metric} has {sorted(known[metric])}"
        of_query = set().union(*(known[m] for m in _NAME.findall(re.sub(r"\{[^}]*\}", "", bare)))) | there.ADDED
        for group in _GROUPED.findall(query):
            assert set(group.split(", ")) <= of_query, f"{name}: by ({group})"


def test_every_alert_catches_a_failure_mode_and_every_mode_has_an_alert():
    """Nothing is watched that is not explained, and nothing is explained that is not watched."""
    named = {name for mode in failure_modes() for name in mode.alerts}
    assert named == {alert.name for alert in ALERTS}
    for mode in failure_modes():
        assert (mode.injected is None) != (mode.why_not is None), mode.what


def test_the_page_has_the_failure_modes_and_the_alerts():
    """Both tables are those of the data."""
    assert table() in PAGE
    assert alert_table() in PAGE


def test_the_page_has_every_metric_of_the_monitor_and_of_supervisors(known):
    """With its labels."""
    own = ("croupier_monitor_", "croupier_topic_", "croupier_group_", "croupier_partitions_", "croupier_kpi_",
           "croupier_target_", "croupier_budget_", "croupier_supervisor_")  # fmt: skip
    served = {
        name: labels
        for name, labels in known.items()
        if name.startswith(own) and name != "croupier_group_generation" and not name.endswith("_created")
    }
    told = {code(name)[0]: set(labels.split(", ")) - {""} for name, labels, _ in rows(PAGE, "metric", "labels", "is")}
    assert told == served


def test_files_are_written_whole(tmp_path):
    """Dashboards are JSON whose panels do not overlap; the file with the webhook is the owner's alone."""
    written = {path.name: path for path in write_files(tmp_path, "https://discord.test/api/webhooks/1/x")}
    assert written["alertmanager.yml"].stat().st_mode & 0o077 == 0
    for path in written.values():
        if path.suffix == ".json":
            taken = set()
            for panel in json.loads(path.read_text())["panels"]:
                place = panel["gridPos"]
                cells = {
                    (place["x"] + i, place["y"] + j) for i in range(place["w"]) for j in range(place["h"])
                }  # fmt: skip
                assert not cells & taken and place["x"] + place["w"] <= 24, panel["title"]
                taken |= cells
