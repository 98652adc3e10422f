"""Every metric that any process of a deployment serves, with its labels: from the real collectors."""

from prometheus_client import REGISTRY, CollectorRegistry

import infra.bot.enrol  # noqa: F401 - its metrics are in REGISTRY
from infra.kpis.targets import EXAMPLE, read_targets
from infra.monitoring import monitor
from infra.monitoring.rules import rules
from infra.reading.groups import Member
from infra.status.sample import Group, Place, Sample
from infra.supervising import SupervisorMetrics
from producers.deciding.metrics import PathMetrics
from producers.discord.metrics import BotMetrics
from producers.providers.metrics import ProviderMetrics
from stream_workers.machine import MachineMetrics
from stream_workers.metrics import WorkerMetrics

#: What service discovery and Prometheus itself add.
ADDED = {"instance", "job", "role"}


def _worker(directory):
    metrics = WorkerMetrics(["router"], directory)
    metrics.watch(
        lambda: {
            "healthy": True, "generation": 1, "checkpoint_age_seconds": 0.5, "unsaved_seconds": 0.1,
            "in_flight_bytes": 0, "recovering": None, "decisions_open": 0, "rewards_held": 0,
            "joined": {"decisions": 1}, "inputs": {}, "partitions": [{"topic": "contexts", "partition": 0, "lag": 0}],
            "alarms": [{"tenant": "acme", "domain": "model_routing", "kind": "share", "at_ms": 1}],
            "alarms_by_kind": {"share": 1},
        }
    )  # fmt: skip
    return metrics.registry


def _bot(directory):
    registry = CollectorRegistry()
    bot = BotMetrics(registry)
    bot.watch(lambda: 1.0, lambda: 0.0)
    PathMetrics(registry)
    ProviderMetrics(registry, lambda: {"small": "closed"})
    registry.register(MachineMetrics(directory))
    return registry


def _declared(registry):
    """Of each metric that is declared: also of those that have no sample yet."""
    found = {}
    for collector in list(registry._collector_to_names):
        names, kind = getattr(collector, "_labelnames", None), getattr(collector, "_type", None)
        if names is None:
            continue
        base = collector._name
        every = set(names)
        if kind == "counter":
            found[f"{base}_total"] = every
        elif kind == "histogram":
            found |= {f"{base}_bucket": every | {"le"}, f"{base}_sum": every, f"{base}_count": every}
        else:
            found[base] = every
    for family in registry.collect():
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def _monitor(store):
    place = Place("contexts", 0, 0, 10, 5)
    sample = Sample(
        0.0, 1, {"contexts": 10}, (Group("worker", "croupier-worker", "Stable", (Member("a", "b", frozenset()),),
        (place,)),), 0, None,
    )  # fmt: skip
    watching = monitor.Monitor("127.0.0.1:1", "", read_targets(EXAMPLE))
    watching._sample, watching._store, watching._topics_right = sample, store, True
    return watching.registry


def known(directory, store) -> dict[str, set[str]]:
    """Metrics by name.  store: of KPIs, with one that costs too much."""
    found = {"up": set(), "ALERTS": {"alertname", "alertstate"}}
    for registry in (
        _worker(directory), _bot(directory), REGISTRY, SupervisorMetrics(["worker-1"]).registry, _monitor(store),
    ):  # fmt: skip
        for name, labels in _declared(registry).items():
            found.setdefault(name, set()).update(labels)
    for rule in rules()["groups"][0]["rules"]:
        found[rule["record"]] = {"target", "role", "topic", "stage"}
    return found
