"""Grafana's dashboards, as data: panels with their queries, and the JSON made of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

_COLUMNS: Final = 24
_SOURCE: Final = {"type": "prometheus", "uid": "croupier-prometheus"}


class Panel(Struct, frozen=True):
    """One picture.  queries: PromQL and what a line is called; unit: Grafana's name."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    stat: bool = False  # a number rather than lines
    width: int = 8


_BY: Final = "{{instance}}"
_W: Final = "[$__rate_interval]"

_PIPELINE: Final = (
    Panel("Processes that answer", (('sum by (role) (up{job="croupier"})', "{{role}}"),), stat=True),
    Panel("Broker answers, topics are right", (
        ("croupier_monitor_broker_up", "broker"), ("croupier_monitor_topics_right", "topics"),
    ), stat=True),
    Panel("Alerts", (('count by (alertname) (ALERTS{alertstate="firing", alertname!="Watchdog"})', "{{alertname}}"),),
          stat=True),
    Panel("Records a second, by topic", ((f"sum by (topic) (rate(croupier_topic_records_total{_W}))", "{{topic}}"),)),
    Panel("Lag", (("role_topic:lag_records:sum", "{{role}} {{topic}}"),)),
    Panel("Records applied a second", (("stage:records_applied:rate", "{{stage}}"),)),
    Panel("Checkpoints: 95 of 100 take less", (
        (f"histogram_quantile(0.95, sum by (le, instance) (rate(croupier_checkpoint_seconds_bucket{_W})))", _BY),
    ), unit="s"),
    Panel("Not in a checkpoint since", (("croupier_unsaved_seconds", _BY),), unit="s"),
    Panel("State written", ((f"rate(croupier_state_written_bytes_total{_W})", _BY),), unit="Bps"),
    Panel("Restarts", (
        ("sum by (program, how) (increase(croupier_supervisor_ends_total[1h]))", "{{program}} {{how}}"),
    )),
    Panel("Generation of the groups", (("max by (role) (croupier_group_generation)", "{{role}}"),)),
    Panel("Partitions without owner", (("croupier_group_partitions_unowned", "{{role}}"),)),
    Panel("Recovery: changelog records to read", (("croupier_recovery_records", _BY),)),
    Panel("Output in flight", (("croupier_in_flight_bytes", _BY),), unit="bytes"),
    Panel("Memory", (('process_resident_memory_bytes{job="croupier"}', _BY),), unit="bytes"),
    Panel("Processors", ((f'rate(process_cpu_seconds_total{{job="croupier"}}{_W})', _BY),)),
    Panel("Disk that is free", (("croupier_disk_free_ratio", _BY),), unit="percentunit"),
    Panel("Clocks are ahead by", (("croupier_clock_seconds - timestamp(croupier_clock_seconds)", _BY),), unit="s"),
)  # fmt: skip

_DATA: Final = (
    Panel("Decisions that wait for feedback", (("sum(croupier_decisions_open)", "open"),)),
    Panel("Rewards that wait for their decision", (("sum(croupier_rewards_held)", "held"),)),
    Panel("What became of decisions and rewards", (("sum by (kind) (croupier_joined_records)", "{{kind}}"),)),
    Panel("Dead letters an hour", (
        ("sum by (stage, reason) (increase(croupier_dead_letters_total[1h])) > 0", "{{stage}} {{reason}}"),
    )),
    Panel("Domains alarmed", (("sum by (kind) (croupier_domains_alarmed) > 0", "{{kind}}"),)),
    Panel("Interactions with any observation", (
        (f"sum(rate(croupier_kpi_observed_total{_W})) / sum(rate(croupier_kpi_interactions_total{_W}))", "share"),
    ), unit="percentunit"),
    Panel("Inputs from other domains", (("sum by (known) (croupier_inputs)", "known: {{known}}"),)),
)  # fmt: skip

_TARGETS: Final = (
    Panel("Met over the last day", (("croupier_target_met", "{{target}}"),), stat=True, width=12),
    Panel("Measured over the last day", (("croupier_target_value", "{{target}}"),), unit="percentunit", stat=True,
          width=12),
    *(
        Panel(f"Failures against what is allowed, {window}", (
            (f"target:failure_ratio:{window} / on (target) croupier_target_allowed_ratio", "{{target}}"),
        ))
        for window in ("5m", "1h", "6h")
    ),
    Panel("Failures by domain", (
        (
            (
                "sum by (target, domain) (increase(croupier_target_bad_total[1h])) "
                "/ sum by (target, domain) (increase(croupier_target_judged_total[1h]))"
            ),
            "{{target}} {{domain}}",
        ),
    ), unit="percentunit"),
    Panel("Spent by budget: those above it", (("croupier_budget_use_ratio", "{{tenant}} {{domain}}"),),
          unit="percentunit"),
    Panel("Interactions a second", ((f"sum by (domain) (rate(croupier_kpi_interactions_total{_W}))", "{{domain}}"),)),
)  # fmt: skip

_BOT: Final = (
    Panel("Shards that hear Discord", (("croupier_bot_shards_connected_ratio", _BY),), unit="percentunit", stat=True),
    Panel("Questions being answered", (("croupier_bot_questions_running", _BY),), stat=True),
    Panel("Kafka reached", (("croupier_path_kafka_reachable", _BY),), stat=True),
    Panel("Questions a minute", ((f"60 * sum by (kind) (rate(croupier_bot_questions_total{_W}))", "{{kind}}"),)),
    Panel("Ended a minute", ((f"60 * sum by (how) (rate(croupier_bot_questions_ended_total{_W}))", "{{how}}"),)),
    Panel("Refusals a minute", ((f"60 * sum by (why) (rate(croupier_bot_refusals_total{_W}))", "{{why}}"),)),
    Panel("Until the whole answer", tuple(
        (f"histogram_quantile({q}, sum by (le) (rate(croupier_bot_answer_seconds_bucket{_W})))", f"{q:.0%}")
        for q in (0.5, 0.95, 0.99)
    ), unit="s"),
    Panel("Added by bot and decision", tuple(
        (f"histogram_quantile({q}, sum by (le) (rate(croupier_bot_added_seconds_bucket{_W})))", f"{q:.0%}")
        for q in (0.5, 0.95, 0.99)
    ), unit="s"),
    Panel("How models were chosen", ((f"sum by (how) (rate(croupier_bot_choices_total{_W}))", "{{how}}"),)),
    Panel("Attempts at models", ((f"sum by (arm, how) (rate(croupier_model_attempts_total{_W}))", "{{arm}} {{how}}"),)),
    Panel("Models: 95 of 100 answer within", (
        (f"histogram_quantile(0.95, sum by (le, arm) (rate(croupier_model_seconds_bucket{_W})))", "{{arm}}"),
    ), unit="s"),
    Panel("Cost an hour", (("sum by (arm) (increase(croupier_model_usd_total[1h]))", "{{arm}}"),), unit="currencyUSD"),
    Panel("Breakers that are open", (('croupier_model_breaker{state="open"}', "{{arm}}"),)),
    Panel("Feedback a minute", (
        (f"60 * sum by (component) (rate(croupier_bot_feedback_total{_W}))", "{{component}}"),
    )),
    Panel("Requests to Discord", (
        (f"sum by (status) (rate(croupier_bot_discord_requests_total{_W}))", "{{status}}"),
    )),
    Panel("Heartbeat", (("croupier_bot_gateway_latency_seconds", _BY),), unit="s"),
    Panel("Waits on disk for Kafka", (("croupier_path_spool_bytes", _BY),), unit="bytes"),
    Panel("Lost, and servers that wait", (
        ("sum(increase(croupier_path_dropped_total[1h]))", "events lost"),
        ("croupier_bot_enrolments_pending", "servers without domains"),
    )),
)  # fmt: skip

_DASHBOARDS: Final = (
    ("croupier-pipeline", "Croupier: pipeline", _PIPELINE),
    ("croupier-data", "Croupier: data", _DATA),
    ("croupier-targets", "Croupier: targets", _TARGETS),
    ("croupier-bot", "Croupier: bot", _BOT),
)


def dashboards() -> list[dict[str, Any]]:
    """Each as Grafana's JSON model."""
    return [_dashboard(*each) for each in _DASHBOARDS]


def queries() -> list[str]:
    """All that dashboards ask Prometheus."""
    return [query for _, _, panels in _DASHBOARDS for panel in panels for query, _ in panel.queries]


def _dashboard(uid: str, title: str, panels: Sequence[Panel]) -> dict[str, Any]:
    return {
        "uid": uid, "title": title, "schemaVersion": 39, "refresh": "30s", "time": {"from": "now-6h", "to": "now"},
        "tags": ["croupier"], "timezone": "browser", "editable": True, "panels": list(_placed(panels)),
        "links": [{"type": "dashboards", "tags": ["croupier"], "asDropdown": True, "title": "Croupier"}],
    }  # fmt: skip


def _placed(panels: Sequence[Panel]) -> list[dict[str, Any]]:
    found, x, y = [], 0, 0
    for number, panel in enumerate(panels, start=1):
        if x + panel.width > _COLUMNS:
            x, y = 0, y + 8
        found.append(
            {
                "id": number, "title": panel.title, "type": "stat" if panel.stat else "timeseries",
                "datasource": _SOURCE, "gridPos": {"h": 8, "w": panel.width, "x": x, "y": y},
                "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
                "targets": [
                    {"refId": chr(ord("A") + i), "datasource": _SOURCE, "expr": query, "legendFormat": legend}
                    for i, (query, legend) in enumerate(panel.queries)
                ],
            }
        )  # fmt: skip
        x += panel.width
    return found


def source(*, compose: bool) -> dict[str, Any]:
    """Where Grafana finds Prometheus, as it is provisioned."""
    url = "http://prometheus:9090" if compose else "http://127.0.0.1:9090"
    return {
        "apiVersion": 1,
        "datasources": [
            {"name": "Prometheus", "type": "prometheus", "uid": _SOURCE["uid"], "access": "proxy", "url": url,
             "isDefault": True}
        ],
    }  # fmt: skip


def provider(directory: Path) -> dict[str, Any]:
    """Where Grafana finds the dashboards."""
    path = str((directory / "grafana" / "dashboards").absolute())
    return {
        "apiVersion": 1,
        "providers": [{"name": "croupier", "folder": "Croupier", "type": "file", "options": {"path": path}}],
    }
