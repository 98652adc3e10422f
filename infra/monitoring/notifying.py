"""Alertmanager's own file: who is told, when, and how often; one Discord channel unless there are two."""

from typing import Any, Final

from .alert import PRODUCTION, Profile, duration

_TITLE: Final = (
    '{{ if eq .Status "firing" }}{{ .CommonLabels.severity | toUpper }}{{ else }}mended{{ end }}: '
    "{{ .CommonLabels.alertname }}"
)
_TEXT: Final = (
    "{{ range .Alerts.Firing }}{{ .Annotations.summary }}\n"
    "*{{ .Annotations.description }}* ({{ .Annotations.page }})\n{{ end }}"
    "{{ range .Alerts.Resolved }}over: {{ .Annotations.summary }}\n{{ end }}"
)

#: What says that everything is away says enough: what follows from it is not told, too.
_FOLLOWS: Final = (
    (("BrokerUnreachable",), (
        "CheckpointOld", "ProcessUnhealthy", "BotCutOffFromKafka", "FallbackShareHigh", "DecisionsSlow",
        "EnrolmentFailing", "LagStandingStill", "PartitionsUnserved", "KpisUnread", "NoWorker",
    )),
    (("NoWorker",), ("PartitionsUnserved", "LagStandingStill", "FallbackShareHigh", "DecisionsSlow")),
    (("NoModelAnswers",), ("QuestionsRefused",)),
    (("ErrorBudgetBurnsFast",), ("ErrorBudgetBurns", "ErrorBudgetBurnsSlowly", "TargetMissed")),
)  # fmt: skip


def notifying(
    discord: str,
    *,
    tickets: str | None = None,
    watchdog: str | None = None,
    webhook: str | None = None,
    profile: Profile = PRODUCTION,
) -> dict[str, Any]:
    """Plain data.  discord, tickets: webhooks of the channels for pages, and for tickets if that is another one.

    watchdog: a URL that wants to hear from us all the time, and complains when it does not (a dead man's switch).
    webhook: a URL that gets everything as JSON, too.
    """
    rehearsal = profile.window is not None
    wait, interval = ("1s", "1s") if rehearsal else ("30s", "5m")
    more = [{"url": webhook, "send_resolved": True}] if webhook else []
    receivers: list[dict[str, Any]] = [
        _receiver("pages", discord, more),
        _receiver("tickets", tickets or discord, more),
        {"name": "nobody"},
    ]
    routes: list[dict[str, Any]] = [
        {"matchers": ['severity="page"'], "receiver": "pages", "repeat_interval": "1h"},
        {"matchers": ['severity="ticket"'], "receiver": "tickets", "repeat_interval": "12h"},
    ]
    if watchdog:
        receivers.append({"name": "watchdog", "webhook_configs": [{"url": watchdog, "send_resolved": True}]})
        routes.insert(
            0,
            {"matchers": ['alertname="Watchdog"'], "receiver": "watchdog", "group_wait": "0s",
             "group_interval": interval if rehearsal else "1m", "repeat_interval": interval if rehearsal else "1m"},
        )  # fmt: skip
    return {
        "global": {"resolve_timeout": duration(4 * profile.evaluate) if rehearsal else "5m"},
        "route": {
            "receiver": "nobody", "group_by": ["alertname", "area"], "group_wait": wait, "group_interval": interval,
            "repeat_interval": "4h", "routes": routes,
        },
        "inhibit_rules": [
            {"source_matchers": [f'alertname=~"{"|".join(sources)}"'],
             "target_matchers": [f'alertname=~"{"|".join(targets)}"']}
            for sources, targets in _FOLLOWS
        ],
        "receivers": receivers,
    }  # fmt: skip


def _receiver(name: str, discord: str, webhooks: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": name,
        "discord_configs": [{"webhook_url": discord, "title": _TITLE, "message": _TEXT, "send_resolved": True}],
    }
    if webhooks:
        found["webhook_configs"] = webhooks
    return found
