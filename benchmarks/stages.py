"""Processor microseconds per record of each step through a worker, without a broker: the least that each can take.

    python -m benchmarks.stages [--json] [--batch 2500] [--records 40000]

One partition's contexts go through parsing, router, output batches, joiner and learner; each step reads what the one
before it wrote, in record batches of the wire format.  Best of five.  `benchmarks.profile` shows the same in a running
worker, where memory is cold and other threads want the interpreter.
"""

import json
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, Final

import typer
from aiokafka.structs import TopicPartition
from rich.console import Console

from benchmarks.load import Load, Row
from schemas import topics
from stream_workers.columnar.rows import FetchedRecord, FetchedRecords, Rows
from stream_workers.runtime.fetching import Fetched, PartitionColumns
from stream_workers.runtime.output_batch import OutputBatch
from stream_workers.runtime.stage import MemoryState, Processor, Record, Workspace
from stream_workers.topology import worker_stages

_REPEATS: Final = 5
_LIMIT: Final = 1 << 30


class Partition:
    """One partition's stages as in a worker, and the output batch that takes what they emit."""

    def __init__(self) -> None:
        self._batch = OutputBatch(_LIMIT)
        self._appending = 0.0
        self._stages: dict[str, Processor] = {}
        for stage in worker_stages():
            work = Workspace(0, MemoryState(), self._emit, _refuse, dict(self._stages), self._emit_rows)
            self._stages[stage.name] = stage.make(work)
        self.joiner, self.learner, self.router = (self._stages[name] for name in ("joiner", "learner", "router"))

    def _emit(self, topic: str, key: bytes, value: bytes) -> None:
        self._emit_rows(topic, FetchedRecords.of([FetchedRecord(0, 0, key, value)]).rows())

    def _emit_rows(self, _topic: str, rows: Rows) -> None:
        begin = time.process_time()  # appended at once, as a worker does: the rows' bytes are used again afterwards
        self._batch.add(rows)
        self._appending += time.process_time() - begin

    def leaving(self, times: "Times", step: str, appending: str) -> bytes:
        """What the step emitted, as it leaves; the time of appending is put down to `appending`, not to the step."""
        within = self._appending
        raw: bytes = times.spent(appending, lambda: bytes(self._batch._build()))
        times.move(within, step, appending)
        self._batch, self._appending = OutputBatch(_LIMIT), 0.0
        return raw


class Times:
    """The least time of each step, over repetitions."""

    def __init__(self) -> None:
        self.least: dict[str, float] = {}

    def spent(self, step: str, work: Callable[[], Any]) -> Any:
        """Do it, and add what it took to the step in this repetition."""
        begin = time.process_time()
        result = work()
        self._now[step] = self._now.get(step, 0.0) + time.process_time() - begin
        return result

    def move(self, seconds: float, source: str, target: str) -> None:
        """So much of a step's time was another's."""
        self._now[source] -= seconds
        self._now[target] += seconds

    def begin(self) -> None:
        """A repetition starts."""
        self._now: dict[str, float] = {}

    def end(self) -> None:
        """It is over."""
        for step, seconds in self._now.items():
            self.least[step] = min(seconds, self.least.get(step, seconds))


def measure(records: int, batch: int) -> dict[str, Any]:
    """Microseconds per record of each step.  records: contexts of the partition; batch: of them, at a time."""
    load = Load(partitions=1, tenants=4, trained=0)
    contexts, rewards = _cut(load.contexts(records), batch), _cut(load.rewards(records), batch)
    changes = _rows(load.changes())
    times = Times()
    for _ in range(_REPEATS):
        times.begin()
        _once(times, changes, contexts, rewards)
        times.end()
    steps = {step: round(seconds / records * 1e6, 3) for step, seconds in times.least.items()}
    return {"records": records, "batch": batch, "microseconds": steps, "all": round(sum(steps.values()), 2)}


def _once(times: Times, changes: Rows, contexts: list[bytes], rewards: list[bytes]) -> None:
    partition = Partition()
    partition.learner.apply(topics.OUTCOMES.name, _parsed(_built([changes]), 0))
    decided = rewarded = ended = 0
    learned = len(changes.key_at)
    for context, reward in zip(contexts, rewards, strict=True):
        fetched = times.spent("contexts: parse", lambda raw=context, at=decided: _parsed(raw, at))
        times.spent("contexts: route", lambda fetched=fetched: partition.router.apply(topics.CONTEXTS.name, fetched))
        raw = partition.leaving(times, "contexts: route", "decisions: append")
        decisions = times.spent("decisions: parse", lambda raw=raw, at=decided: _parsed(raw, at))
        times.spent("decisions: join", lambda d=decisions: partition.joiner.apply(topics.DECISIONS.name, d))
        decided += len(fetched)
        said = times.spent("rewards: parse", lambda raw=reward, at=rewarded: _parsed(raw, at))
        times.spent("rewards: join", lambda said=said: partition.joiner.apply(topics.REWARDS.name, said))
        rewarded += len(said)
        raw = partition.leaving(times, "rewards: join", "outcomes: append")
        outcomes = times.spent("outcomes: parse", lambda raw=raw, at=learned: _parsed(raw, at))
        times.spent("outcomes: learn", lambda o=outcomes: partition.learner.apply(topics.OUTCOMES.name, o))
        learned += len(outcomes)
        ended += len(outcomes)
        times.spent("joiner: state of a checkpoint", partition.joiner.flush)
        times.spent("learner: state of a checkpoint", partition.learner.flush)
    assert decided == rewarded == ended, f"{decided} decisions, {rewarded} rewards, {ended} outcomes"


def _parsed(raw: bytes, offset: int) -> FetchedRecords:
    """As the consumer unpacks what it fetched, checksum included."""
    data = bytearray(raw)
    struct.pack_into(">q", data, 0, offset)  # the broker's part
    place = TopicPartition("benchmark", 0)
    return PartitionColumns(place, Fetched(bytes(data)), [], offset, None, None, True, 0).take()


def _built(many: Iterable[Rows]) -> bytes:
    """As outputs leave: appended to a batch, closed with its checksum."""
    batch = OutputBatch(_LIMIT)
    for rows in many:
        batch.add(rows)
    return bytes(batch._build())


def _rows(rows: Iterable[Row]) -> Rows:
    return FetchedRecords.of([FetchedRecord(0, 0, row.key, row.value) for row in rows]).rows()


def _cut(rows: Iterator[Row], size: int) -> list[bytes]:
    """Record batches of `size` rows."""
    every = list(rows)
    return [_built([_rows(every[at : at + size])]) for at in range(0, len(every), size)]


def _refuse(_topic: str, _record: Record, error: Exception) -> None:
    raise AssertionError(error)


def main(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    records: Annotated[int, typer.Option(min=1, help="Contexts.")] = 40_000,
    batch: Annotated[int, typer.Option(min=1, help="Records in a batch; a checkpoint follows each.")] = 2_500,
) -> None:
    """Measure each step."""
    report = measure(records, batch)
    if as_json:
        print(json.dumps(report))
        return
    console = Console()
    console.print(f"{records} contexts in batches of {batch}, microseconds per record, best of {_REPEATS}")
    for step, spent in report["microseconds"].items():
        console.print(f"{step:32} {spent:7.3f}", highlight=False)
    console.print(f"{'all':32} {report['all']:7.2f}", highlight=False)


if __name__ == "__main__":
    typer.run(main)
