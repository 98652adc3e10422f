"""Microseconds the joiner takes per decision and per reward, and bytes of memory per pending decision.

    python -m benchmarks.joiner [DECISIONS]

One partition, state in a dictionary, a checkpoint every 10,000 records; no Kafka and no RocksDB.  Records come as
columns over fetched bytes, and outcomes leave as such, as in a worker.  Times are the processor's, not the clock's.
"""

import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from schemas.events import Decision, Reward
from schemas.wire import encode
from stream_workers.columnar.rows import FetchedRecords
from stream_workers.joining.processor import JoinerProcessor
from stream_workers.runtime.stage import MemoryState

BATCH = 500
CHECKPOINT = 10_000
ARMS = tuple(f"model-{index}" for index in range(10))


@dataclass(slots=True)
class Stored:
    offset: int
    timestamp: int
    key: bytes
    value: bytes


def records(make: Callable[[int], object], count: int) -> FetchedRecords:
    return FetchedRecords.of(
        [Stored(index, 1_700_000_000_000 + index // 10, b"guild-1", encode(make(index))) for index in range(count)]
    )


def chosen(index: int) -> Decision:
    features, arms = bytes(4 * 32), bytes(4 * len(ARMS))
    awaited = ("success", "latency_ms", "cost")
    id_ = f"1200000000{index:09d}"
    return Decision(id_, "guild-1", "model_routing", ARMS, 3, arms, arms, features, "dr", 1, 2, 60_000, awaited, index)


def observed(index: int) -> Reward:
    return Reward(
        f"r{index}", "guild-1", f"1200000000{index:09d}", {"success": 1.0, "latency_ms": 812.0, "cost": 0.002}
    )


def partly(index: int) -> Reward:
    return Reward(f"p{index}", "guild-1", f"1200000000{index:09d}", {"latency_ms": 812.0})


def batches(log: FetchedRecords) -> Iterator[FetchedRecords]:
    return (log[start : start + BATCH] for start in range(0, len(log), BATCH))


def seconds(joiner: JoinerProcessor, topic: str, log: FetchedRecords) -> float:
    start, done = time.process_time(), 0
    for batch in batches(log):
        joiner.apply(topic, batch)
        done += len(batch)
        if done % CHECKPOINT == 0:
            joiner.flush()
    joiner.flush()
    return time.process_time() - start


def joined() -> JoinerProcessor:
    return built(MemoryState())


def built(state: MemoryState) -> JoinerProcessor:
    return JoinerProcessor(0, state, lambda *_: None, lambda *_: None, emit_rows=lambda *_: None)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    decisions, rewards, parts = records(chosen, count), records(observed, count), records(partly, count)
    print(f"{count} decisions of {decisions.value_size[0]} bytes, {CHECKPOINT} records a checkpoint")

    joiner = joined()
    spent = {"decisions": 0.0, "rewards": 0.0}
    for start in range(0, count, CHECKPOINT // 2):
        for topic, log in (("decisions", decisions), ("rewards", rewards)):
            begin = time.process_time()
            for batch in batches(log[start : start + CHECKPOINT // 2]):
                joiner.apply(topic, batch)
            spent[topic] += time.process_time() - begin
        begin = time.process_time()
        joiner.flush()
        spent["flush"] = spent.get("flush", 0.0) + time.process_time() - begin
    for what, took in spent.items():
        print(f"rewards follow closely: {what:9s} {took / count * 1e6:6.2f} microseconds")

    joiner = joined()
    for what, topic, log in (
        ("decision, with checkpoints", "decisions", decisions),
        ("partial reward, entry read from state", "rewards", parts),
        ("completing reward, entry read from state", "rewards", rewards),
    ):
        print(f"everything pending first: {what:41s} {seconds(joiner, topic, log) / count * 1e6:6.2f} microseconds")
    assert joiner.pending() == 0

    joiner = joined()
    print(f"rewards come first: held    {seconds(joiner, 'rewards', rewards) / count * 1e6:6.2f} microseconds")
    print(f"rewards come first: claimed {seconds(joiner, 'decisions', decisions) / count * 1e6:6.2f} microseconds")

    state = MemoryState()
    joiner = built(state)
    seconds(joiner, "decisions", decisions)
    begin = time.process_time()
    joiner = built(state)
    print(f"rebuilt from the state: {(time.process_time() - begin) / count * 1e6:6.2f} microseconds a decision")
    del joiner
    tracemalloc.start()
    joiner = built(state)
    size = tracemalloc.get_traced_memory()[0] / joiner.pending()
    print(f"index in memory: {size:6.0f} bytes a pending decision")


if __name__ == "__main__":
    main()
