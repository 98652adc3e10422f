"""Two joins written apart must agree: the joiner's outcomes, whatever the interleaving, are what the audit expects."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import BadRecordError
from stream_workers.runtime.stage import MemoryState, Record, Workspace, one_by_one
from stream_workers.topology import worker_stages

from .logs import EARLY_MS, REMEMBER_MS, Logs, faults
from .random_logs import Step, causes, steps


def run_joiner(logs: Logs, seed: int) -> None:
    """Give the joiner decisions and rewards in batches that interleave at random; append what it writes."""
    rng = random.Random(seed)
    (stage,) = (each for each in worker_stages(early_ms=EARLY_MS, remember_ms=REMEMBER_MS) if each.name == "joiner")
    now = logs.topics["rewards"][-1].timestamp

    def emit(topic: str, key: bytes, value: bytes) -> None:
        if topic == "outcomes":
            logs.raw(topic, now, key, value)

    def dead(topic: str, record: Record, error: BadRecordError) -> None:
        if error.reason != "not-messagepack":  # the script wrote those letters
            logs.dead_letter(now, topic, record.offset, error.reason)

    joiner = stage.make(Workspace(0, MemoryState(), emit, dead, {}, one_by_one(emit)))
    waiting = {topic: list(logs.topics[topic]) for topic in stage.sources}
    while topics := [topic for topic in stage.sources if waiting[topic]]:
        topic = rng.choice(topics)
        count = rng.randint(1, 8)
        joiner.apply(topic, waiting[topic][:count])
        del waiting[topic][:count]
        if rng.random() < 0.2:
            joiner.flush()
    joiner.flush()


@given(steps(), st.integers(0, 2**32))
@settings(max_examples=200, deadline=None)
def test_the_joiner_and_the_audit_agree(script: list[Step], seed: int) -> None:
    """Every outcome is there, once, as the audit computes it; every orphan it counts has its dead letter."""
    logs = causes(script)
    run_joiner(logs, seed)

    audit = logs.audit()

    assert list(audit.findings.problems()) == []
    assert faults(audit) == {}
    assert audit.outcomes == audit.decisions
    assert audit.outcomes_repeated == 0
    assert audit.dead_letters["orphan"] == audit.rewards["orphan"]
