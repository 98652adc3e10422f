"""Every metric of the bot's own: base units, bounded labels, nothing of people and places."""

from collections.abc import Callable
from types import SimpleNamespace

import aiohttp
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class BotMetrics:
    """What docs/discord.md explains one by one (tests/discord/test_docs.py)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.questions = Counter(
            "croupier_bot_questions_total", "Questions taken on", ["kind"], registry=registry
        )  # message, command, again
        self.ended = Counter(
            "croupier_bot_questions_ended_total",
            "How they ended: answered, refused, withdrawn (by who asked, or because we may not write there), expired",
            ["how"],
            registry=registry,
        )
        self.refused = Counter(
            "croupier_bot_refusals_total", "Questions that were not answered but refused", ["why"], registry=registry
        )
        self.running = Gauge("croupier_bot_questions_running", "Questions being answered", registry=registry)
        self.resumed = Counter(
            "croupier_bot_questions_resumed_total", "Questions gone on with after a restart", registry=registry
        )
        self.caught_up = Counter(
            "croupier_bot_questions_caught_up_total", "Questions found that were asked while away", registry=registry
        )
        self.chosen = Counter(
            "croupier_bot_choices_total",
            "Models chosen: decided, late or unreachable (by the fallback), switched-off",
            ["how"],
            registry=registry,
        )
        self.added = Histogram(
            "croupier_bot_added_seconds",
            "From a question's arrival until a model is asked: what the bot and the decision add",
            buckets=_SECONDS,
            registry=registry,
        )
        self.seconds = Histogram(
            "croupier_bot_answer_seconds",
            "From a question's arrival until its whole answer can be seen",
            buckets=_SECONDS,
            registry=registry,
        )
        self.feedback = Counter(
            "croupier_bot_feedback_total",
            "Feedback recorded, by component of the reward",
            ["component"],
            registry=registry,
        )
        self.analyses = Counter(
            "croupier_bot_analyses_total",
            "Posts decided about, by depth (skip, quick, full; requested: by somebody's wish) and how: done, nothing "
            "(to read, or a model wrote nothing of use), unanswered (by models), unshown",
            ["depth", "how"],
            registry=registry,
        )
        self.offers = Counter(
            "croupier_bot_offers_total",
            "Follow-ups decided about, by kind (nothing, questions, poll, thread_summary) and how: as for analyses",
            ["offer", "how"],
            registry=registry,
        )
        self.strange = Counter(
            "croupier_bot_strange_buttons_total",
            "Presses of buttons that another server's answer had: copied, or forged",
            registry=registry,
        )
        self.unrecorded = Counter(
            "croupier_bot_unrecorded_total",
            "Observations that could not be recorded: the spool is full",
            registry=registry,
        )
        self.requests = Counter(
            "croupier_bot_discord_requests_total", "Requests to Discord, by method and status", ["method", "status"],
            registry=registry,
        )  # fmt: skip
        self.sessions = Counter(
            "croupier_bot_gateway_total",
            "Connections to the gateway: ready, resumed, disconnected",
            ["event"],
            registry=registry,
        )
        self.failed = Counter(
            "croupier_bot_failures_total",
            "Defects and faults that were survived, by place",
            ["where"],
            registry=registry,
        )

        # A counter that is there only after its first event has no rise when that happens.
        for how in ("answered", "refused", "withdrawn", "expired"):
            self.ended.labels(how)
        for how in ("decided", "late", "unreachable", "switched-off"):
            self.chosen.labels(how)
        for event in ("ready", "resumed", "disconnected"):
            self.sessions.labels(event)

    def watch(self, connected: Callable[[], float], latency: Callable[[], float]) -> None:
        """Read the state of the gateway when scraped.  connected: share of shards; latency: seconds of a heartbeat."""
        Gauge(
            "croupier_bot_shards_connected_ratio", "Share of the shards that are connected", registry=self.registry
        ).set_function(connected)
        Gauge("croupier_bot_gateway_latency_seconds", "Of the last heartbeat", registry=self.registry).set_function(
            latency
        )


def counted(metrics: BotMetrics) -> aiohttp.TraceConfig:
    """Counts every request to Discord that has an answer, and those that have none as `none`."""
    trace = aiohttp.TraceConfig()

    async def ended(_session: aiohttp.ClientSession, _of: SimpleNamespace, end: aiohttp.TraceRequestEndParams) -> None:
        metrics.requests.labels(end.method, str(end.response.status)).inc()

    async def failed(
        _session: aiohttp.ClientSession, _of: SimpleNamespace, failure: aiohttp.TraceRequestExceptionParams
    ) -> None:
        metrics.requests.labels(failure.method, "none").inc()

    trace.on_request_end.append(ended)
    trace.on_request_exception.append(failed)
    return trace
