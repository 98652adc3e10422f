"""The order of a checkpoint, and what happens when somebody else writes to our changelog.

The broker is a list here, so that the moment of every acknowledgement is the test's; tests/faults has the real one.
"""

import asyncio
from types import SimpleNamespace

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder

from stream_workers.runtime.changelog import Stamp, is_control
from stream_workers.runtime.checkpoint import Checkpointer, SupersededError
from stream_workers.runtime.lease import Lease
from stream_workers.runtime.partitions import OwnedPartition, OwnedStage
from stream_workers.runtime.stage import Stage
from stream_workers.runtime.state import CheckpointedState
from stream_workers.runtime.store import PartitionStore


class Log:
    """A changelog partition: what was sent, with offsets; acknowledged when `open` is set."""

    def __init__(self):
        self.records = []
        self.open = asyncio.Event()
        self.open.set()

    def create_batch(self):
        return RecordingBatch()

    async def send_batch(self, batch, topic, partition):
        first = len(self.records)
        self.records += batch.records
        return self._acknowledge(first)

    async def _acknowledge(self, first):
        await self.open.wait()
        return SimpleNamespace(offset=first)

    async def read(self, ranges, on_records):
        ((tp, (begin, end)),) = ranges.items()
        on_records(tp, self.records[begin:end])

    def append(self, key, value, stamp):
        self.records.append(SimpleNamespace(key=key, value=value, headers=[("stamp", stamp.pack())]))

    def keys(self):
        return [record.key for record in self.records if not is_control(record.key)]


class RecordingBatch(BatchBuilder):
    def __init__(self):
        super().__init__(1_000_000, 0)
        self.records = []

    def append(self, *, timestamp, key, value, headers=()):
        added = super().append(timestamp=timestamp, key=key, value=value, headers=list(headers))
        if added is not None:
            self.records.append(SimpleNamespace(key=key, value=value, headers=list(headers)))
        return added


class Outputs:
    """Outputs in flight until `done` is set."""

    def __init__(self):
        self.done = asyncio.Event()

    def mark(self):
        return {}

    def kick(self):
        pass

    async def acknowledged(self, mark):
        await self.done.wait()


class Here(SimpleNamespace):
    """One owned partition with one stage, a log, and a checkpointer."""

    async def start(self):
        await self.checkpointer.claim(0, self.owned, 0, self.generation[0])
        return self


@pytest.fixture
async def here(tmp_path):
    log, outputs, generation = Log(), Outputs(), [5]
    checkpointer = Checkpointer(
        log, outputs, log, Lease(1e9, lambda stood: None), full_name=str, generation=lambda: generation[0]
    )
    store = PartitionStore(tmp_path / "table")
    state = CheckpointedState(store)
    stage = Stage("stage", ("contexts",), lambda work: None, changelog="learner-state")
    processor = SimpleNamespace(flush=lambda: None)
    owned = OwnedStage(stage, processor, {"contexts": 0}, state=state, store=store)
    partition = OwnedPartition(0, 5, {"stage": owned}, {"contexts": owned})
    yield await Here(
        log=log, outputs=outputs, generation=generation, checkpointer=checkpointer, store=store, state=state,
        owned=owned, partition=partition,
    ).start()  # fmt: skip
    store.close()


def change(here, key, value=b"1"):
    here.state.put(key, value)
    here.owned.positions["contexts"] += 1
    here.owned.moved = True


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


async def test_outputs_then_changelog_then_table_then_offsets(here):
    """State is not sent before outputs are acknowledged, the table not written before state is, and the offsets to
    commit come last and are those of the moment the state was taken."""
    change(here, b"k")
    running = asyncio.create_task(here.checkpointer.run([here.partition]))
    await settle()
    assert here.log.keys() == []
    here.log.open.clear()
    here.outputs.done.set()
    change(here, b"later")  # while it runs: the next checkpoint's
    await settle()
    assert here.log.keys() == [b"k"]
    assert here.store.get(b"k") is None
    assert not running.done()
    here.log.open.set()
    offsets = await running
    assert {tp.topic: offset for tp, offset in offsets.items()} == {"contexts": 1}
    assert here.store.get(b"k") == b"1"
    assert here.store.get(b"later") is None
    assert here.store.meta.positions == {"contexts": 1}
    assert here.owned.moved
    assert here.state.get(b"later") == b"1"
    await here.checkpointer.run([here.partition])
    assert here.store.get(b"later") == b"1"
    assert here.log.keys() == [b"k", b"later"]


async def test_a_partition_lost_meanwhile_is_neither_kept_nor_committed(here):
    """A rebalance while a checkpoint is under way: the local table stays where it was and nothing is committed."""
    change(here, b"k")
    running = asyncio.create_task(here.checkpointer.run([here.partition]))
    await settle()
    here.generation[0] = 6
    here.outputs.done.set()
    assert await running == {}
    assert here.store.get(b"k") is None


async def test_what_a_paused_predecessor_wrote_is_written_over(here):
    """Foreign records of a lower generation between ours: the keys they touched are in the next checkpoint as we know
    them, and until then the table is read again from before them."""
    here.outputs.done.set()
    change(here, b"ours")
    await here.checkpointer.run([here.partition])
    before = len(here.log.records)
    here.log.append(b"ours", b"stale", Stamp(0, 4, 99, 7))
    here.log.append(b"theirs", b"stale", Stamp(0, 4, 99, 7))
    change(here, b"other")
    await here.checkpointer.run([here.partition])
    assert here.store.meta.next_offset == before
    assert here.owned.moved
    await here.checkpointer.run([here.partition])
    assert here.store.meta.next_offset == len(here.log.records)
    written = {r.key: r.value for r in here.log.records}
    assert (written[b"ours"], written[b"theirs"]) == (b"1", None)


async def test_a_successor_in_the_changelog_ends_us_without_touching_the_table(here):
    """Foreign records of a higher generation mean that we are the paused one."""
    here.outputs.done.set()
    here.log.append(b"k", b"theirs", Stamp(0, 6, 99, 1))
    change(here, b"k", b"ours")
    with pytest.raises(SupersededError, match="generation 6"):
        await here.checkpointer.run([here.partition])
    assert here.store.get(b"k") is None
