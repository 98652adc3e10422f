"""Whether every learner's state is what an offline replay of its outcomes log gives, byte for byte."""

from dataclasses import dataclass, field

from schemas import topics
from stream_workers.learning.processor import replay
from stream_workers.runtime.changelog import Applied, Replay, stamp_of

from ..kafka.topics import check_topics
from .topic_log import LogRecord, Range, TopicLog, open_log

_CHANGELOG = topics.LEARNER_STATE.name
_SOURCE = topics.OUTCOMES.name


@dataclass(slots=True)
class LearnerComparison:
    """What the changelogs hold, against the replays."""

    keys: int = 0  # compared, of all partitions
    behind: int = 0  # outcomes records that no checkpoint reflects yet: they are not compared
    mismatches: list[str] = field(default_factory=list)  # partition, key, and how the two differ

    @property
    def ok(self) -> bool:
        """Every key has the bytes that the log leads to."""
        return not self.mismatches


class LearnerState:
    """One partition's state as its changelog has it: the checkpoints that count, in order."""

    def __init__(self) -> None:
        self._replay = Replay()
        self.items: dict[bytes, bytes] = {}
        self.positions: dict[str, int] = {}  # source topic -> offset of the next record; empty: no checkpoint yet

    def feed(self, records: list[LogRecord]) -> None:
        """Take the changelog's next records."""
        for record in records:
            applied = self._replay.feed(record.offset, record.key or b"", record.value, stamp_of(record.headers))
            if applied is not None:
                self._apply(applied)

    def _apply(self, applied: Applied) -> None:
        for key, value in applied.entries:
            if value is None:
                self.items.pop(key, None)
            else:
                self.items[key] = value
        if applied.positions is not None:
            self.positions = applied.positions


async def compare_learners(bootstrap_servers: str, *, prefix: str = "") -> LearnerComparison:
    """Replay every outcomes partition up to its learner's last checkpoint, and compare.

    Workers may run meanwhile: a state is compared with the log up to the positions in its own checkpoint.
    TopicsMismatchError when the topics are not as `schemas.topics` says, BrokerUnavailableError without Kafka.
    """
    partitions = await check_topics(bootstrap_servers, prefix=prefix)
    changelog, source = topics.full_name(_CHANGELOG, prefix), topics.full_name(_SOURCE, prefix)
    comparison = LearnerComparison()
    async with open_log(bootstrap_servers) as log:
        states = await log.ranges(changelog, partitions)
        outcomes = await log.ranges(source, partitions)  # after the states: it holds all that they reflect
        for number in range(partitions):
            state = LearnerState()
            async for records in log.read(changelog, number, states[number]):
                state.feed(records)
            position = state.positions.get(_SOURCE, 0)
            comparison.behind += outcomes[number].end - position
            if outcomes[number].begin:
                comparison.mismatches.append(
                    f"{source} partition {number} begins at offset {outcomes[number].begin}: the records before are "
                    "gone, so the state cannot be replayed"
                )
            elif state.positions:
                replayed = await _replayed(log, source, number, position)
                comparison.keys += len(state.items.keys() | replayed.keys())
                comparison.mismatches += differences(f"{changelog} partition {number}", state.items, replayed)
            elif state.items:
                comparison.mismatches.append(
                    f"{changelog} partition {number} has {len(state.items)} keys and no positions: what they reflect "
                    "is not known"
                )
    return comparison


async def _replayed(log: TopicLog, source: str, number: int, position: int) -> dict[bytes, bytes]:
    records: list[LogRecord] = []
    async for batch in log.read(source, number, Range(0, position)):
        records += batch
    return replay(number, records).items


def differences(place: str, found: dict[bytes, bytes], replayed: dict[bytes, bytes]) -> list[str]:
    """One sentence for each key whose bytes differ, in order of key."""
    sentences = []
    for key in sorted(found.keys() | replayed.keys()):
        mine, theirs = found.get(key), replayed.get(key)
        if mine == theirs:
            continue
        if mine is None:
            how = "is not in the changelog, but in the replay"
        elif theirs is None:
            how = "is in the changelog, but not in the replay"
        else:
            first = next((i for i, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b), None)
            at = f"first at byte {first}" if first is not None else "one is the other's beginning"
            how = f"has {len(mine)} bytes in the changelog and {len(theirs)} in the replay, which differ, {at}"
        sentences.append(f"{place}: key {key!r} {how}")
    return sentences
