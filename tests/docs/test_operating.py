"""docs/operating.md against the programs it is about."""

import re
from pathlib import Path

from infra.commands.exits import Exit
from infra.status.alarms import WORDS
from infra.supervisor import _MEANING
from schemas.topics import ALL
from stream_workers.honesty.layout import KINDS
from stream_workers.joining.tallies import COUNTED
from stream_workers.metrics import WorkerMetrics
from stream_workers.runtime.app import EXIT_FAILED, EXIT_LEASE_LOST

from .pages import ROOT, code, rows, text

PAGE = text("operating.md")
_DAY_MS = 24 * 60 * 60 * 1000


def test_every_metric_is_on_the_page():
    """The table has every metric of a process that runs, with its labels, and no other."""
    metrics = WorkerMetrics(["router"], ROOT)
    metrics.watch(
        lambda: {
            "healthy": True, "generation": 1, "checkpoint_age_seconds": 0.5, "unsaved_seconds": 0.1,
            "in_flight_bytes": 0,
            "recovering": None, "decisions_open": 0, "rewards_held": 0, "joined": dict.fromkeys(COUNTED, 0),
            "inputs": {},
            "partitions": [{"topic": "contexts", "partition": 0, "lag": 0}],
            "alarms": [{"tenant": "acme", "domain": "model_routing", "kind": "share", "at_ms": 1}],
            "alarms_by_kind": dict.fromkeys(KINDS, 0),
        }
    )  # fmt: skip
    metrics.applied.labels("router").inc()
    metrics.dead_letters.labels("router", "invalid").inc()
    served = {}
    for family in metrics.registry.collect():
        if family.name.startswith("process_"):
            continue  # those that prometheus_client gives every program
        labels = {name for sample in family.samples for name in sample.labels if name != "le"}
        served[f"{family.name}_total" if family.type == "counter" else family.name] = labels
    table = {code(name)[0]: set(labels.split(", ")) - {""} for name, labels, _ in rows(PAGE, "metric", "labels", "is")}
    assert table == served


def test_topics_are_as_the_page_says():
    """The table of topics is `schemas.topics`, row for row."""
    kept = {-1: "for ever"}
    expected = [
        [
            f"`{topic.name}`",
            topic.key,
            "latest of each key"
            if topic.cleanup == "compact"
            else kept.get(topic.retention_ms, f"{topic.retention_ms // _DAY_MS} days"),
            f"{topic.max_message_bytes // 1024**2} MiB",
            "N" if topic.partitions == "keyed" else "1",
        ]
        for topic in ALL
    ]
    assert rows(PAGE, "topic", "key", "kept", "largest record", "partitions") == expected


def test_exit_codes_are_on_the_page():
    """Every exit code that a command or a process gives is explained."""
    listed = {int(row[0]) for row in rows(PAGE, "exit code", "means", "do")}
    assert {*map(int, Exit), EXIT_FAILED, EXIT_LEASE_LOST, *_MEANING, 0} <= listed


def test_alarms_are_on_the_page():
    """Every kind of alarm that the checks raise has words in `croupier status` and a row on the page."""
    assert [code(row[0])[0] for row in rows(PAGE, "alarm", "means", "do")] == list(WORDS)
    assert set(WORDS) == set(KINDS)


def test_log_lines_are_those_that_are_written():
    """Every event in the table is written somewhere, and every warning and worse of the workers is in the table."""
    sources = "\n".join(path.read_text() for path in sorted(Path(ROOT / "stream_workers").rglob("*.py")))
    written = {event: level for level, event in re.findall(r"log\.(\w+)\(\s*\"([^\"]+)\"", sources)}
    listed = {code(row[0])[0] for row in rows(PAGE, "event", "means")}
    assert listed <= set(written)
    assert {event for event, level in written.items() if level != "info"} <= listed


def test_variables_are_on_the_page():
    """Every environment variable that a command reads is in the table, and no other."""
    sources = "\n".join(path.read_text() for path in sorted((ROOT / "infra").rglob("*.py")))
    read = set(re.findall(r"\"(CROUPIER_[A-Z_]+|KAFKA_BOOTSTRAP_SERVERS)\"", sources))
    assert {name for row in rows(PAGE, "variable", "meaning") for name in code(row[0])} == read
