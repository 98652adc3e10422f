"""Every metric of a worker process: base units, bounded labels, no user ids."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from schemas.errors import Reason

from .machine import MachineMetrics


class WorkerMetrics(Collector):
    """Counters fed by the runtime, and gauges read from its status when scraped."""

    def __init__(self, stages: Sequence[str], state_dir: Path) -> None:
        """stages: names of those that run here; state_dir: of this process."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)  # memory, processor time, open files, start
        self.registry.register(MachineMetrics(state_dir))
        self.applied = Counter(
            "croupier_records_applied_total", "Records applied, replays included", ["stage"], registry=self.registry
        )
        self.dead_letters = Counter(
            "croupier_dead_letters_total", "Records kept in dead-letters", ["stage", "reason"], registry=self.registry
        )
        for stage in stages:  # a counter that is there only after its first event has no rise when that happens
            self.applied.labels(stage)
            for reason in Reason:
                self.dead_letters.labels(stage, reason.value)
        self.checkpoint_seconds = Histogram(
            "croupier_checkpoint_seconds",
            "From taking the state to all of it acknowledged",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=self.registry,
        )
        self.state_bytes = Counter(
            "croupier_state_written_bytes_total", "Bytes written to changelogs", registry=self.registry
        )
        self._status: Callable[[], dict[str, Any]] | None = None
        self.registry.register(self)

    def watch(self, status: Callable[[], dict[str, Any]]) -> None:
        """Read gauges from this from now on."""
        self._status = status

    def on_checkpoint(self, seconds: float, state_bytes: int) -> None:
        """A checkpoint was written."""
        self.checkpoint_seconds.observe(seconds)
        self.state_bytes.inc(state_bytes)

    def collect(self) -> Iterator[Metric]:
        """Gauges of this moment."""
        if self._status is None:
            return
        status = self._status()
        yield GaugeMetricFamily("croupier_healthy", "1 while offsets advance or there is no lag", status["healthy"])
        yield GaugeMetricFamily("croupier_group_generation", "Of the consumer group", status["generation"])
        if status["checkpoint_age_seconds"] is not None:
            yield GaugeMetricFamily(
                "croupier_checkpoint_age_seconds", "Since the last checkpoint", status["checkpoint_age_seconds"]
            )
        yield GaugeMetricFamily(
            "croupier_unsaved_seconds",
            "Since when something is applied that no checkpoint holds; 0: nothing is",
            status["unsaved_seconds"],
        )
        recovering = status["recovering"]
        yield GaugeMetricFamily(
            "croupier_recovery_records",
            "Changelog records to read before this process is ready, 0 when it is",
            recovering["of"] - recovering["read"] if recovering else 0,
        )
        yield GaugeMetricFamily("croupier_in_flight_bytes", "Output not acknowledged yet", status["in_flight_bytes"])
        yield GaugeMetricFamily("croupier_decisions_open", "Decisions waiting for feedback", status["decisions_open"])
        yield GaugeMetricFamily("croupier_rewards_held", "Rewards whose decision is not known", status["rewards_held"])
        lag = GaugeMetricFamily("croupier_lag_records", "Records not applied yet", labels=["topic", "partition"])
        for each in status["partitions"]:
            lag.add_metric([each["topic"], str(each["partition"])], each["lag"])
        yield lag
        # From the joiner's state, so exact under replays: these fall when partitions move to another worker.
        joined = GaugeMetricFamily(
            "croupier_joined_records", "What became of decisions and rewards in the partitions owned", labels=["kind"]
        )
        for kind, count in status["joined"].items():
            joined.add_metric([kind], count)
        yield joined
        alarmed = GaugeMetricFamily(
            "croupier_domains_alarmed",
            "Domains with an alarm of the last day, in the partitions owned",
            labels=["kind"],
        )
        for kind, count in status["alarms_by_kind"].items():
            alarmed.add_metric([kind], count)
        yield alarmed
        # Only domains with an alarm have series of their own, and only so many: tenants may be a hundred thousand.
        alarms = GaugeMetricFamily(
            "croupier_alarm_timestamp_seconds",
            "When an alarm of a domain was last raised, by the broker's clock",
            labels=["tenant", "domain", "kind"],
        )
        for each in status["alarms"]:
            alarms.add_metric([each["tenant"], each["domain"], each["kind"]], each["at_ms"] / 1000.0)
        yield alarms
        inputs = GaugeMetricFamily(
            "croupier_inputs", "Inputs of decisions from other domains since partitions were assigned", labels=["known"]
        )
        for known, count in (("yes", status["inputs"].get("known", 0)), ("no", status["inputs"].get("unknown", 0))):
            inputs.add_metric([known], count)
        yield inputs
