"""For every alert the least that makes it fire, and what the same series are when all is well.

A series is its name with labels, and what it does in a step when all is well and while it fails: a `gauge` has these
values, a `counter` grows by them, a `clock` is ahead by so many seconds, a `moment` is when
it began to fail; None: there is no sample.
"""

from typing import Literal, NamedTuple


class Series(NamedTuple):
    name: str
    kind: Literal["gauge", "counter", "clock", "moment"]
    well: float | None
    failing: float | None


def gauge(name: str, well: float | None, failing: float | None) -> Series:
    return Series(name, "gauge", well, failing)


def counter(name: str, well: float, failing: float) -> Series:
    return Series(name, "counter", well, failing)


WORKER = 'instance="worker-1", role="worker", job="croupier"'
BOT = 'instance="bot-1", role="bot", job="croupier"'

#: There in every example, unless it says otherwise.
ALWAYS = (
    gauge(f"up{{{WORKER}}}", 1, 1),
    gauge('up{job="croupier-monitor", instance="monitor"}', 1, 1),
)


def _target(failing: float) -> tuple[Series, ...]:
    label = '{target="errors", domain="model_routing"}'
    return (
        gauge('croupier_target_allowed_ratio{target="errors"}', 0.02, 0.02),
        counter(f"croupier_target_judged_total{label}", 100, 100),
        counter(f"croupier_target_bad_total{label}", 1, failing),
    )


def _alarm(kind: str) -> tuple[Series, ...]:
    labels = f'tenant="acme", domain="model_routing", kind="{kind}"'
    return (Series(f"croupier_alarm_timestamp_seconds{{{labels}}}", "moment", None, 1),)


FAILING: dict[str, tuple[Series, ...]] = {
    "ProcessDown": (gauge('up{instance="worker-2", role="worker", job="croupier"}', 1, 0),),
    "NoWorker": (gauge(f"up{{{WORKER}}}", 1, 0),),
    "ProcessRestarting": (
        counter('croupier_supervisor_ends_total{program="worker-1", how="failed", job="croupier"}', 0, 1),
    ),
    "LeaseLost": (
        counter('croupier_supervisor_ends_total{program="worker-1", how="lease-lost", job="croupier"}', 0, 0.2),
    ),
    "ProcessUnhealthy": (gauge(f"croupier_healthy{{{WORKER}}}", 1, 0),),
    "PartitionsUnserved": (gauge('croupier_group_partitions_unowned{role="worker"}', 0, 4),),
    "LagStandingStill": (
        gauge('croupier_group_lag_records{role="worker", topic="contexts"}', 0, 40),
        counter('croupier_group_committed_total{role="worker", topic="contexts"}', 10, 0),
    ),
    "LagHigh": (gauge('croupier_group_lag_records{role="worker", topic="contexts"}', 10, 50_000),),
    "Rebalancing": (counter(f"croupier_group_generation{{{WORKER}}}", 0, 1),),
    "CheckpointOld": (gauge(f"croupier_unsaved_seconds{{{WORKER}}}", 0.5, 90),),
    "BrokerUnreachable": (gauge("croupier_monitor_broker_up", 1, 0),),
    "TopicsWrong": (gauge("croupier_monitor_topics_right", 1, 0),),
    "UnderReplicated": (gauge("croupier_partitions_under_replicated", 0, 2),),
    "DiskFilling": (gauge(f"croupier_disk_free_ratio{{{WORKER}}}", 0.5, 0.05),),
    "ClockSkewed": (Series(f"croupier_clock_seconds{{{WORKER}}}", "clock", 0, -30),),
    "DeadLetters": (
        counter(f'croupier_dead_letters_total{{stage="router", reason="invalid", {WORKER}}}', 0, 1),
        counter(f'croupier_dead_letters_total{{stage="joiner", reason="orphan", {WORKER}}}', 0.1, 0.1),
    ),
    "FeedbackOrphaned": (
        counter(f'croupier_dead_letters_total{{stage="joiner", reason="orphan", {WORKER}}}', 0.01, 3),
        counter('croupier_topic_records_total{topic="decisions"}', 10, 10),
    ),
    "FeedbackStopped": (
        counter('croupier_kpi_interactions_total{domain="model_routing"}', 10, 10),
        counter('croupier_kpi_observed_total{domain="model_routing"}', 9, 0),
    ),
    "SampleRatioMismatch": _alarm("propensity"),
    "PropensityFloorViolated": _alarm("floor"),
    "ArmStarving": _alarm("starving"),
    "FeedbackDryingUp": _alarm("feedback"),
    "RewardFell": _alarm("reward"),
    "PredictionsOff": _alarm("prediction"),
    "FeaturesMoved": _alarm("feature"),
    "ChoicesMoved": _alarm("share"),
    "CalibrationOff": _alarm("calibration"),
    "ArmThin": _alarm("thin"),
    "ErrorBudgetBurnsFast": _target(40),
    "ErrorBudgetBurns": _target(20),
    "ErrorBudgetBurnsSlowly": _target(4),
    "TargetMissed": (gauge('croupier_target_met{target="cost efficiency"}', 1, 0),),
    "BudgetOverrun": (gauge('croupier_budget_use_ratio{tenant="acme", domain="model_routing"}', None, 1.3),),
    "GatewayAway": (gauge(f"croupier_bot_shards_connected_ratio{{{BOT}}}", 1, 0.5),),
    "GatewayFlapping": (counter(f'croupier_bot_gateway_total{{event="disconnected", {BOT}}}', 0, 1),),
    "DiscordFails": (
        counter(f'croupier_bot_discord_requests_total{{method="POST", status="200", {BOT}}}', 10, 10),
        counter(f'croupier_bot_discord_requests_total{{method="POST", status="503", {BOT}}}', 0, 2),
    ),
    "DiscordLimits": (
        counter(f'croupier_bot_discord_requests_total{{method="POST", status="200", {BOT}}}', 10, 10),
        counter(f'croupier_bot_discord_requests_total{{method="POST", status="429", {BOT}}}', 0, 2),
    ),
    "FallbackShareHigh": (
        counter(f'croupier_bot_choices_total{{how="decided", {BOT}}}', 10, 10),
        counter(f'croupier_bot_choices_total{{how="late", {BOT}}}', 0, 2),
    ),
    "DecisionsSlow": (
        counter(f'croupier_path_wait_seconds_bucket{{le="0.1", {BOT}}}', 10, 5),
        counter(f'croupier_path_wait_seconds_bucket{{le="0.5", {BOT}}}', 10, 10),
        counter(f'croupier_path_wait_seconds_bucket{{le="+Inf", {BOT}}}', 10, 10),
    ),
    "BotCutOffFromKafka": (gauge(f"croupier_path_kafka_reachable{{{BOT}}}", 1, 0),),
    "SpoolFilling": (gauge(f"croupier_path_spool_bytes{{{BOT}}}", 1000, 50_000_000),),
    "FeedbackDropped": (counter(f'croupier_path_dropped_total{{what="rewards", {BOT}}}', 0, 1),),
    "EnrolmentFailing": (gauge(f"croupier_bot_enrolments_pending{{{BOT}}}", 0, 3),),
    "QuestionsRefused": (
        counter(f'croupier_bot_questions_ended_total{{how="answered", {BOT}}}', 10, 10),
        counter(f'croupier_bot_questions_ended_total{{how="refused", {BOT}}}', 0, 5),
    ),
    "QuestionsStuck": (
        gauge(f"croupier_bot_questions_running{{{BOT}}}", 0, 3),
        counter(f'croupier_bot_questions_ended_total{{how="answered", {BOT}}}', 1, 0),
    ),
    "BotFailures": (counter(f'croupier_bot_failures_total{{where="on_message", {BOT}}}', 0, 1),),
    "ModelFails": (
        counter(f'croupier_model_attempts_total{{arm="small", how="answered", {BOT}}}', 10, 10),
        counter(f'croupier_model_attempts_total{{arm="small", how="failed", {BOT}}}', 0, 10),
    ),
    "ModelSwitchedOff": (gauge(f'croupier_model_breaker{{arm="small", state="open", {BOT}}}', 0, 1),),
    "NoModelAnswers": (counter(f"croupier_model_unanswered_total{{{BOT}}}", 0, 1),),
    "MonitorDown": (gauge('up{job="croupier-monitor", instance="monitor"}', 1, 0),),
    "KpisUnread": (gauge("croupier_monitor_kpis_read", 1, 0),),
}
