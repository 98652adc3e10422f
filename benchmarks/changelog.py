"""A changelog of a given size, written by the real checkpoint: open decisions of a joiner, or domains of a learner."""

import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from schemas import topics
from schemas.domains import Arm, Component, DomainSpec, LearnerSpec
from schemas.events import Decision
from schemas.wire import encode
from stream_workers.joining.entries import Open, name_of
from stream_workers.joining.entries import encode as encode_entry
from stream_workers.learning.domain import DomainState
from stream_workers.runtime.checkpoint import Checkpointer
from stream_workers.runtime.clients import new_producer
from stream_workers.runtime.lease import Lease
from stream_workers.runtime.outputs import Outputs
from stream_workers.runtime.partitions import OwnedPartition, OwnedStage
from stream_workers.runtime.reader import LogReader
from stream_workers.runtime.stage import Stage
from stream_workers.runtime.state import CheckpointedState
from stream_workers.runtime.store import PartitionStore

CHECKPOINT_BYTES = 6 * 1024 * 1024
_ARMS = tuple(f"model-{index}" for index in range(10))
_FEATURES = 32


@dataclass(frozen=True, slots=True)
class Kind:
    """What a changelog holds."""

    name: str
    stage: str
    changelog: str
    sources: tuple[str, ...]


KINDS = {
    "domains": Kind("domains", "learner", topics.LEARNER_STATE.name, (topics.OUTCOMES.name,)),
    "decisions": Kind("decisions", "joiner", topics.JOINER_STATE.name, (topics.DECISIONS.name, topics.REWARDS.name)),
}


def entries(kind: str, partition: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values as the stage writes them, without end; no value is another's copy."""
    return _domains(partition) if kind == "domains" else _decisions(partition)


def _domains(partition: int) -> Iterator[tuple[bytes, bytes]]:
    draw = np.random.default_rng(partition)
    arms = tuple(Arm(name, price=0.001) for name in _ARMS)
    reward = {"success": Component(required=True)}
    spec = DomainSpec("guild", "model_routing", _FEATURES, arms, reward, LearnerSpec("learned", "doubly_robust"))
    fresh = DomainState(spec, 1).to_bytes()
    for index in itertools.count():
        tenant, value = f"guild-{partition}-{index}", bytearray(fresh)
        # A learner's matrices do not compress: what was learned stands in most of their bytes.
        middle = len(value) - 8192
        value[4096:middle] = draw.integers(0, 256, middle - 4096, np.uint8).tobytes()
        yield b"domain/" + f"{tenant}\0model_routing".encode(), bytes(value)


def _decisions(partition: int) -> Iterator[tuple[bytes, bytes]]:
    draw = np.random.default_rng(partition)
    awaited = ("success", "latency_ms", "cost")
    for index in itertools.count():
        tenant, id_ = f"guild-{index % 64}", f"12000{partition:05d}{index:09d}"
        features, scores, arms = (draw.integers(0, 256, 4 * n, np.uint8).tobytes() for n in (_FEATURES, 10, 10))
        decision = Decision(
            id_, tenant, "model_routing", _ARMS, 3, arms, scores, features, "learned", 1, 2, 3_600_000, awaited, index
        )
        # The hour of a horizon never ends in a measurement.
        entry = Open(
            name_of(tenant, id_), 4_000_000_000_000 + index, 3_600_000, awaited, {}, index,
            msgspec.Raw(encode(decision)),
        )  # fmt: skip
        yield b"d" + index.to_bytes(8, "big"), encode_entry(entry)


async def write_changelog(
    bootstrap: str, prefix: str, kind: str, partitions: int, megabytes: float, directory: Path, writer: int
) -> float:
    """Append that much to the changelog, as `writer` (a generation) owns its partitions; megabytes written.

    Sources must hold as many records as the positions say: none, here, so every position is 0.
    """
    what = KINDS[kind]
    producer = new_producer(bootstrap, 8 * 1024 * 1024)
    await producer.start()
    reader = LogReader(bootstrap)
    outputs = Outputs(producer, _failed, in_flight_bytes=1 << 20)
    lease = Lease(3600.0, lambda seconds: None)
    checkpointer = Checkpointer(
        producer, outputs, reader, lease, full_name=lambda topic: f"{prefix}{topic}", generation=lambda: writer
    )
    try:
        share = int(megabytes * 1e6 / partitions)
        written = 0
        for number in range(partitions):
            written += await _write(checkpointer, what, number, writer, share, directory)
    finally:
        await producer.stop()
        await reader.stop()
    return written / 1e6


async def _write(
    checkpointer: Checkpointer, what: Kind, number: int, generation: int, share: int, directory: Path
) -> int:
    store = PartitionStore(directory / f"{what.name}-{number}")
    stage = Stage(what.stage, what.sources, lambda work: _Still(), changelog=what.changelog)
    owned = OwnedStage(stage, _Still(), dict.fromkeys(what.sources, 0), CheckpointedState(store), store)
    partition = OwnedPartition(number, generation, {what.stage: owned}, dict.fromkeys(what.sources, owned))
    await checkpointer.claim(number, owned, 0, generation)
    written = unsaved = 0
    assert owned.state is not None
    for key, value in entries(what.name, number):
        owned.state.put(key, value)
        unsaved += len(key) + len(value)
        if unsaved >= CHECKPOINT_BYTES or written + unsaved >= share:
            owned.moved = True
            await checkpointer.run([partition])
            written, unsaved = written + unsaved, 0
            if written >= share:
                break
    store.close()
    return written


class _Still:
    """A processor that has nothing of its own to save."""

    def apply(self, topic: str, records: object) -> None:
        raise AssertionError("nothing is applied in this measurement")

    def flush(self) -> None:
        """Nothing."""


def _failed(error: BaseException) -> None:
    sys.exit(f"the broker did not take a changelog: {error!r}")
