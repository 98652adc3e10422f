"""Microseconds of processor time that a decision takes, by part; no broker.

    python -m benchmarks.routing [BATCH]

One partition: the client library's own record batches in and out, the real learner (trained) and the real router
between them.  Each line is measured by itself, over the same records in batches of BATCH (2,500), best of nine; the
lines in the second group are parts of "route".
"""

import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from benchmarks.load import DOMAIN, Load, Row
from schemas import topics, wire
from schemas.events import Context, Decision, SpecChange
from stream_workers.bandits.randomness import draws
from stream_workers.learning.processor import LearnerProcessor
from stream_workers.routing.processor import RouterProcessor
from stream_workers.runtime.stage import MemoryState, Record

REPEATS = 9
BATCHES = 16
_ROOM = 64 * 1024 * 1024


def microseconds(work: Callable[[], object], records: int) -> float:
    times = []
    for _ in range(REPEATS):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return min(times) / records * 1e6


def built(rows: Sequence[tuple[bytes, bytes]]) -> bytes:
    batch = BatchBuilder(_ROOM, 0)
    for key, value in rows:
        batch.append(timestamp=None, key=key, value=value)
    return bytes(batch._build())


def fetched(topic: str, raw: bytes) -> list[Record]:
    """As the consumer unpacks what it fetched."""
    place = TopicPartition(topic, 0)
    return list(PartitionRecords(place, MemoryRecords(raw), [], 0, None, None, True, 0))


def trained(load: Load) -> LearnerProcessor:
    learner = LearnerProcessor(0, MemoryState(), lambda *_: None, lambda *_: None)
    changes = [Row(0, s.tenant.encode(), wire.encode(SpecChange(1, s.tenant, s.domain, s))) for s in load.specs]
    rows = [(row.key, row.value) for row in (*changes, *load.training()) if row.partition == 0]
    learner.apply(topics.OUTCOMES.name, fetched(topics.OUTCOMES.name, built(rows)))
    return learner


class Measured:
    """Contexts of one partition, and what becomes of them at each step."""

    def __init__(self, size: int) -> None:
        load = Load()
        rows = [row for row in load.contexts(size * BATCHES * load.partitions) if row.partition == 0]
        self.learner = trained(load)
        self.raw = [built([(row.key, row.value) for row in rows[at : at + size]]) for at in range(0, len(rows), size)]
        self.batches = [fetched("contexts", raw) for raw in self.raw]
        self.contexts: list[list[Context]] = [
            [wire.DECODERS["contexts"].decode(each.value or b"") for each in batch] for batch in self.batches
        ]
        self.emitted: list[tuple[bytes, bytes]] = []
        self.ends = [0]
        for batch in self.batches:
            self._router(lambda topic, key, value: self.emitted.append((key, value))).apply("contexts", batch)
            self.ends.append(len(self.emitted))
        self.decisions: list[Decision] = [wire.decode("decisions", value) for _, value in self.emitted]
        # The kernel works on one domain at a time, as the router gives it: rows of one tenant.
        self.state = self.learner.domain(rows[0].key.decode(), DOMAIN)

    def _router(self, emit: Callable[[str, bytes, bytes], None]) -> RouterProcessor:
        return RouterProcessor(0, emit, _refuse, self.learner)

    def unpack(self) -> None:
        for raw in self.raw:
            fetched("contexts", raw)

    def route(self) -> None:
        router = self._router(lambda topic, key, value: None)
        for batch in self.batches:
            router.apply("contexts", batch)

    def decode(self) -> None:
        decode = wire.DECODERS["contexts"].decode
        for batch in self.batches:
            for record in batch:
                decode(record.value or b"")

    def draw(self) -> None:
        for contexts in self.contexts:
            draws([context.id for context in contexts], "tenant/domain")

    def decide(self) -> None:
        assert self.state is not None
        for contexts in self.contexts:
            rows = np.frombuffer(b"".join([context.features for context in contexts]), "<f4")
            self.state.decide(rows.reshape(len(contexts), -1), None, np.zeros(len(contexts)))

    def encode(self) -> None:
        for decision in self.decisions:
            wire.encode(decision)

    def append(self) -> None:
        for _ in self._appended():
            pass

    def close(self) -> None:
        for batch in self._appended():
            batch._build()

    def _appended(self) -> Any:
        for begin, end in pairwise(self.ends):
            batch = BatchBuilder(_ROOM, 0)
            for key, value in self.emitted[begin:end]:
                batch.append(timestamp=None, key=key, value=value)
            yield batch


def _refuse(_topic: str, _record: Record, error: Exception) -> None:
    raise AssertionError(error)


def main() -> None:
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 2_500
    measured = Measured(size)
    count = sum(map(len, measured.batches))
    bytes_in = sum(len(raw) for raw in measured.raw) / count
    bytes_out = sum(len(value) for _, value in measured.emitted) / count
    print(f"{count} contexts of {bytes_in:.0f} bytes, decisions of {bytes_out:.0f} bytes, batches of {size}")

    def line(name: str, work: Callable[[], object], less: float = 0.0) -> float:
        took = microseconds(work, count) - less
        print(f"{name:44s} {took:6.2f}")
        return took

    whole = line("unpack fetched records, with checksum", measured.unpack)
    whole += line("route: contexts to encoded decisions", measured.route)
    appending = line("append decisions to a batch", measured.append)
    whole += appending + line("close the batch, with checksum", measured.close, appending)
    print(f"{'all of these':44s} {whole:6.2f}")
    print("of route:")
    line("  decode", measured.decode)
    line("  draw by the decision's id", measured.draw)
    line("  choose (matrix, kernel, sample)", measured.decide)
    line("  encode", measured.encode)


if __name__ == "__main__":
    main()
