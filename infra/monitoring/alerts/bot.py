"""The Discord bot: does it hear, decide, answer, and keep what people say?"""

from typing import Final

from ..alert import MINUTE, Alert

ALERTS: Final = (
    Alert(
        name="GatewayAway",
        area="bot",
        severity="page",
        expr="croupier_bot_shards_connected_ratio < 1",
        hold=2 * MINUTE,
        summary="{{ $labels.instance }} hears Discord on {{ $value | humanizePercentage }} of its shards only",
        do="See Discord's status page; the bot comes back by itself. After 5 minutes it says that it is not healthy",
    ),
    Alert(
        name="GatewayFlapping",
        area="bot",
        severity="ticket",
        expr='sum by (instance) (increase(croupier_bot_gateway_total{event="disconnected"}[{w}])) > {limit}',
        window=30 * MINUTE,
        limit=10,
        summary='{{ $labels.instance }} lost its connection to Discord {{ $value | printf "%.0f" }} times',
        do="Look at the network, and whether its event loop is blocked (latency of heartbeats on the dashboard Bot)",
    ),
    Alert(
        name="DiscordFails",
        area="bot",
        severity="ticket",
        expr=(
            'sum by (instance) (rate(croupier_bot_discord_requests_total{status=~"5..|none"}[{w}])) '
            "/ sum by (instance) (rate(croupier_bot_discord_requests_total[{w}])) > {limit}"
        ),
        limit=0.05,
        hold=2 * MINUTE,
        summary="Discord fails {{ $value | humanizePercentage }} of the requests of {{ $labels.instance }}",
        do="See Discord's status page; the bot repeats what may be repeated",
    ),
    Alert(
        name="DiscordLimits",
        area="bot",
        severity="ticket",
        expr=(
            'sum by (instance) (rate(croupier_bot_discord_requests_total{status="429"}[{w}])) '
            "/ sum by (instance) (rate(croupier_bot_discord_requests_total[{w}])) > {limit}"
        ),
        limit=0.05,
        hold=2 * MINUTE,
        summary="Discord tells {{ $labels.instance }} to wait, for {{ $value | humanizePercentage }} of its requests",
        do="Another program with the token? Many edits in one channel? 10,000 in 10 minutes, and Discord blocks us",
    ),
    Alert(
        name="FallbackShareHigh",
        area="bot",
        severity="page",
        expr=(
            'sum(rate(croupier_bot_choices_total{how=~"late|unreachable"}[{w}])) '
            "/ sum(rate(croupier_bot_choices_total[{w}])) > {limit}"
        ),
        limit=0.05,
        hold=2 * MINUTE,
        summary="{{ $value | humanizePercentage }} of the questions get the fallback: decisions come too late",
        do="Workers or Kafka are slow or away; see their alerts. Nothing is learned of what the fallback answers",
    ),
    Alert(
        name="DecisionsSlow",
        area="bot",
        severity="ticket",
        expr="histogram_quantile(0.99, sum by (le) (rate(croupier_path_wait_seconds_bucket[{w}]))) > {limit}",
        limit=0.2,
        hold=5 * MINUTE,
        summary="The slowest hundredth of decisions takes {{ $value | humanizeDuration }}",
        do="See lag and rebalances; a decision that takes longer than its deadline is replaced by the fallback",
    ),
    Alert(
        name="BotCutOffFromKafka",
        area="bot",
        severity="page",
        expr="croupier_path_kafka_reachable == 0",
        hold=MINUTE,
        summary="{{ $labels.instance }} does not reach Kafka: it answers by the fallback, and feedback waits on disk",
        do="Bring Kafka or the network back; what waits is sent by itself",
    ),
    Alert(
        name="SpoolFilling",
        area="bot",
        severity="ticket",
        expr="croupier_path_spool_bytes > {limit}",
        limit=32 * 1024 * 1024,
        hold=MINUTE,
        summary="{{ $value | humanize1024 }}B of events wait on the disk of {{ $labels.instance }} for Kafka",
        do="Bring Kafka back before it is full; docs/decision-path.md says how much fits",
    ),
    Alert(
        name="FeedbackDropped",
        area="bot",
        severity="page",
        expr=(
            "sum by (instance) (increase(croupier_path_dropped_total[{w}])) > {limit} "
            "or increase(croupier_bot_unrecorded_total[{w}]) > {limit}"
        ),
        window=15 * MINUTE,
        summary="{{ $labels.instance }} could not keep events: they are lost",
        do="The spool is full or its disk can not be written: bring Kafka back, make room on the disk",
    ),
    Alert(
        name="EnrolmentFailing",
        area="bot",
        severity="ticket",
        # Not its count of failures: while Kafka hangs an attempt lasts, and does not fail.
        expr="croupier_bot_enrolments_pending > {limit}",
        hold=2 * MINUTE,
        summary="The domains of servers are not brought into force: their questions get no decision",
        do="Its log says why; usually Kafka is away (it is tried again), or the template does not fit the topics",
    ),
    Alert(
        name="QuestionsRefused",
        area="bot",
        severity="page",
        expr=(
            'sum(rate(croupier_bot_questions_ended_total{how="refused"}[{w}])) '
            "/ sum(rate(croupier_bot_questions_ended_total[{w}])) > {limit}"
        ),
        limit=0.1,
        hold=2 * MINUTE,
        summary="{{ $value | humanizePercentage }} of the questions are refused",
        do="croupier_bot_refusals_total says why: failed: no model answers; busy: too many at once",
    ),
    Alert(
        name="QuestionsStuck",
        area="bot",
        severity="page",
        expr=(
            "min_over_time(croupier_bot_questions_running[{w}]) > {limit} "
            "and on (instance) sum by (instance) (increase(croupier_bot_questions_ended_total[{w}])) == 0"
        ),
        window=10 * MINUTE,
        summary='{{ $value | printf "%.0f" }} questions are being answered by {{ $labels.instance }}, and none ends',
        do="Models hang, or Discord takes nothing: see their alerts. A restart goes on with every question",
    ),
    Alert(
        name="BotFailures",
        area="bot",
        severity="ticket",
        expr="sum by (where) (increase(croupier_bot_failures_total[{w}])) > {limit}",
        window=15 * MINUTE,
        summary="The bot survived faults in {{ $labels.where }}",
        do="Its log has each, with where it came from; what is no fault of Discord or the network, report",
    ),
    Alert(
        name="ModelFails",
        area="bot",
        severity="page",
        expr=(
            'sum by (arm) (rate(croupier_model_attempts_total{how=~"timeout|rate-limited|failed|cut"}[{w}])) '
            "/ sum by (arm) (rate(croupier_model_attempts_total[{w}])) > {limit}"
        ),
        limit=0.2,
        hold=2 * MINUTE,
        summary="{{ $value | humanizePercentage }} of the requests to {{ $labels.arm }} fail",
        do="See the provider's status page, its key and its limits; another model answers meanwhile",
    ),
    Alert(
        name="ModelSwitchedOff",
        area="bot",
        severity="ticket",
        expr='croupier_model_breaker{state="open"} == 1',
        hold=5 * MINUTE,
        summary="{{ $labels.arm }} failed so often that it is asked no more, but for a trial now and then",
        do="As for ModelFails; contexts name it as unhealthy meanwhile, so that it is not chosen",
    ),
    Alert(
        name="NoModelAnswers",
        area="bot",
        severity="page",
        expr="increase(croupier_model_unanswered_total[{w}]) > {limit}",
        summary='No model answered {{ $value | printf "%.0f" }} requests',
        do="Is the network of {{ $labels.instance }} there? Are keys valid? croupier bot --check asks each",
    ),
)
