"""What a decision path counts: base units, bounded labels."""

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

_WAITS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.25, 0.3, 0.5, 1, 2.5)
_OWN = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025)


class PathMetrics:
    """Of one decision path."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.decisions = Counter(
            "croupier_path_decisions_total", "Requests answered, by how", ["domain", "how"], registry=registry
        )
        self.wait_seconds = Histogram(
            "croupier_path_wait_seconds", "From asking to acting", buckets=_WAITS, registry=registry
        )
        self.own_seconds = Histogram(
            "croupier_path_own_seconds",
            "Of that, spent in this process for the request",
            buckets=_OWN,
            registry=registry,
        )
        self.reachable = Gauge("croupier_path_kafka_reachable", "1: Kafka answers; 0: it does not", registry=registry)
        self.openings = Counter(
            "croupier_path_connections_total", "Connections to Kafka, by how it went", ["result"], registry=registry
        )
        self.spool_bytes = Gauge("croupier_path_spool_bytes", "Events on disk, waiting for Kafka", registry=registry)
        self.spool_records = Gauge(
            "croupier_path_spool_records", "Events on disk, waiting for Kafka", registry=registry
        )
        self.dropped = Counter(
            "croupier_path_dropped_total",
            "Events that are not recorded, by topic: there was no room; disk, unreadable, refused, closed: why",
            ["what"],
            registry=registry,
        )
