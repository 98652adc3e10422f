"""Learned state against an offline replay: equal when it is what the log leads to, and any other byte is found."""

from collections.abc import Mapping

from aiokafka import AIOKafkaProducer

from infra.kafka import RunningBroker
from infra.kafka.topics import create_topics
from infra.verify.learner import LearnerComparison, LearnerState, compare_learners, differences
from infra.verify.topic_log import LogRecord
from schemas import topics
from schemas.events import Outcome
from schemas.partitioning import partition
from stream_workers.learning.processor import replay
from stream_workers.runtime.changelog import STAMP_HEADER, Entry, Stamp, control_entries

from .logs import TENANT, Logs, decision

PARTITIONS = 2
HOME = partition(TENANT, PARTITIONS)


def outcomes_log(count: int) -> list[LogRecord]:
    """A specification and outcomes that a learner learns from."""
    logs = Logs()
    logs.spec(0, 1)
    for ordinal in range(count):
        event = decision(f"d{ordinal}", choice=ordinal % 2)
        observed = {"success": float(ordinal % 3 == 0), "cost": 0.01}
        logs.event("outcomes", 1_000, Outcome(ordinal, "complete", 900, 950, observed, ordinal, event))
    return logs.topics["outcomes"]


def learned(log: list[LogRecord], position: int) -> dict[bytes, bytes]:
    """The state after the records before `position`."""
    return replay(HOME, log[:position]).items


def checkpoint(stamp: Stamp, items: Mapping[bytes, bytes | None], position: int) -> list[tuple[Entry, Stamp]]:
    """A checkpoint as a worker writes it."""
    entries = [Entry(key, value) for key, value in items.items()]
    return [(entry, stamp) for entry in (*entries, *control_entries(stamp, {"outcomes": position}))]


def test_only_checkpoints_that_count_are_state() -> None:
    """A deleted key is gone, a checkpoint without its end never was, and a superseded writer's does not count."""
    first, second = Stamp(0, 1, 7, 1), Stamp(0, 2, 8, 1)
    changelog = [
        *checkpoint(first, {b"a": b"1", b"b": b"1"}, 5),
        *checkpoint(second, {b"a": b"2", b"b": None}, 9),
        *checkpoint(first._replace(sequence=2), {b"a": b"paused"}, 6),
        *checkpoint(second._replace(sequence=2), {b"a": b"unfinished"}, 12)[:1],
    ]
    state = LearnerState()
    for offset, (entry, stamp) in enumerate(changelog):
        headers = ((STAMP_HEADER, stamp.pack()),)
        state.feed([LogRecord(offset, 0, entry.key, entry.value, headers)])
    assert state.items == {b"a": b"2"}
    assert state.positions == {"outcomes": 9}


def test_differences_name_the_key_and_the_byte() -> None:
    """A key too much, a key too few, another byte and a shorter value each are one sentence."""
    found = {b"same": b"1", b"extra": b"1", b"byte": b"xyz", b"short": b"xy"}
    replayed = {b"same": b"1", b"gone": b"1", b"byte": b"xyy", b"short": b"xyz"}
    byte, extra, gone, short = differences("here", found, replayed)
    assert byte == "here: key b'byte' has 3 bytes in the changelog and 3 in the replay, which differ, first at byte 2"
    assert "b'extra' is in the changelog" in extra
    assert "b'gone' is not in the changelog" in gone
    assert "b'short'" in short


async def compared(
    kafka: RunningBroker, prefix: str, log: list[LogRecord], changelog: list[tuple[Entry, Stamp]]
) -> LearnerComparison:
    """Write both topics of one partition and compare."""
    await create_topics(kafka.bootstrap_servers, prefix=prefix, partitions=PARTITIONS)
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as producer:
        for record in log:
            full = topics.full_name(topics.OUTCOMES, prefix)
            await producer.send_and_wait(full, record.value, key=record.key, partition=HOME)
        for entry, stamp in changelog:
            full = topics.full_name(topics.LEARNER_STATE, prefix)
            headers = [(STAMP_HEADER, stamp.pack())]
            await producer.send_and_wait(full, entry.value, key=entry.key, partition=HOME, headers=headers)
    return await compare_learners(kafka.bootstrap_servers, prefix=prefix)


async def test_state_that_the_log_leads_to(kafka: RunningBroker, deployment_prefix: str) -> None:
    """Two checkpoints of a true learner agree with the replay, key for key; what came after them is not compared."""
    log = outcomes_log(30)
    stamp = Stamp(0, 1, 7, 1)
    changelog = [
        *checkpoint(stamp, learned(log, 11), 11),
        *checkpoint(stamp._replace(sequence=2), learned(log, 27), 27),
    ]

    comparison = await compared(kafka, deployment_prefix, log, changelog)

    assert comparison == LearnerComparison(keys=len(learned(log, 27)), behind=31 - 27, mismatches=[])
    assert comparison.ok
    assert comparison.keys >= 3  # the domain, the ordinals seen, the position


async def test_state_that_it_does_not_lead_to(kafka: RunningBroker, deployment_prefix: str) -> None:
    """A learner that skipped one outcome says so in its own bytes: the domain's key is named."""
    log = outcomes_log(30)
    skipped = replay(HOME, [*log[:10], *log[11:]]).items

    comparison = await compared(kafka, deployment_prefix, log, checkpoint(Stamp(0, 1, 7, 1), skipped, 31))

    assert not comparison.ok
    assert any(
        f"{deployment_prefix}learner-state partition {HOME}: key b'domain/{TENANT}" in mismatch
        for mismatch in comparison.mismatches
    )


async def test_a_deployment_that_learned_nothing(kafka: RunningBroker, deployment_prefix: str) -> None:
    """Without a checkpoint there is nothing to compare, and the whole log is ahead."""
    comparison = await compared(kafka, deployment_prefix, outcomes_log(2), [])
    assert comparison == LearnerComparison(keys=0, behind=3, mismatches=[])
