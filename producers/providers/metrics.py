"""Metrics of model calls: base units; labels are arms of the catalogue and a few words, nothing of requests."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .answer import Attempt
from .breaker import State

Child = TypeVar("Child", Counter, Histogram)

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)
_STATES: tuple[State, ...] = ("closed", "half-open", "open")


class ProviderMetrics(Collector):
    """Counters fed by every attempt, and breakers' states read when scraped."""

    def __init__(self, registry: CollectorRegistry, breakers: Callable[[], Mapping[str, State]]) -> None:
        self._breakers = breakers
        self._children: dict[tuple[object, tuple[str, ...]], Counter | Histogram] = {}
        self._attempts = Counter(
            "croupier_model_attempts_total",
            "Models that were asked, retries included",
            ["arm", "how"],
            registry=registry,
        )
        self._tokens = Counter("croupier_model_tokens_total", "Tokens charged for", ["arm", "kind"], registry=registry)
        self._usd = Counter("croupier_model_usd_total", "What attempts cost", ["arm"], registry=registry)
        self._estimated = Counter(
            "croupier_model_usage_estimated_total",
            "Attempts whose tokens no provider reported",
            ["arm"],
            registry=registry,
        )
        self._seconds = Histogram(
            "croupier_model_seconds",
            "From asking to the end of the answer",
            ["arm"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._first_token = Histogram(
            "croupier_model_first_token_seconds",
            "From asking to the first piece of the answer",
            ["arm"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.hedges = Counter(
            "croupier_model_hedges_total", "Asked because another had not begun to answer", ["arm"], registry=registry
        )
        self.unanswered = Counter(
            "croupier_model_unanswered_total", "Requests that no model answered", registry=registry
        )
        registry.register(self)

    def attempted(self, attempt: Attempt) -> None:
        """An attempt has ended."""
        self._child(self._attempts, attempt.arm, attempt.how).inc()
        usage = attempt.usage
        plain = usage.input_tokens - usage.cached_tokens - usage.written_tokens
        for kind, count in (
            ("input", plain),
            ("cached", usage.cached_tokens),
            ("written", usage.written_tokens),
            ("output", usage.output_tokens),
        ):
            if count > 0:
                self._child(self._tokens, attempt.arm, kind).inc(count)
        if attempt.cost_usd > 0:
            self._child(self._usd, attempt.arm).inc(attempt.cost_usd)
        if usage.estimated:
            self._estimated.labels(attempt.arm).inc()
        if attempt.how == "answered":
            self._child(self._seconds, attempt.arm).observe(attempt.ms / 1000)
        if attempt.first_token_ms is not None:
            self._child(self._first_token, attempt.arm).observe(attempt.first_token_ms / 1000)

    def _child(self, metric: Child, *labels: str) -> Child:
        """As `metric.labels(...)`, which checks and locks each time."""
        key = (metric, labels)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = metric.labels(*labels)
        return child  # type: ignore[return-value]

    def collect(self) -> Iterator[Metric]:
        """The breakers at this moment."""
        family = GaugeMetricFamily("croupier_model_breaker", "1 for the state it is in", labels=["arm", "state"])
        for arm, now in self._breakers().items():
            for state in _STATES:
                family.add_metric([arm, state], float(state == now))
        yield family
