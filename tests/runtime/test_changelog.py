"""Which changelog records count: writers, pauses, crashes and compaction against a model."""

import random
from copy import deepcopy as copied
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_workers.runtime.changelog import (
    ChangelogError,
    Entry,
    Replay,
    Stamp,
    control_entries,
    is_control,
    next_era,
    stamp_of,
)

KEYS = [b"a", b"b", b"c", b"d", b"e"]


@dataclass
class Record:
    offset: int
    key: bytes
    value: bytes | None
    stamp: Stamp

    @property
    def headers(self):
        return (("stamp", self.stamp.pack()),)


@dataclass
class Table:
    """A local store: what a process has on its own disk."""

    items: dict[bytes, bytes] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)
    next_offset: int = 0
    rank: tuple[int, int] = (-1, -1)

    def write(self, entries, positions, next_offset, rank):
        for key, value in entries:
            if value is None:
                self.items.pop(key, None)
            else:
                self.items[key] = value
        if positions is not None:
            self.positions = dict(positions)
        self.next_offset, self.rank = next_offset, rank


class Log:
    def __init__(self):
        self.records: list[Record] = []
        self.end = 0

    def append(self, entry: Entry, stamp: Stamp) -> int:
        self.records.append(Record(self.end, entry.key, entry.value, stamp))
        self.end += 1
        return self.end - 1

    def compact(self, rng: random.Random) -> None:
        """Keep the newest record of each key, counting or not; the newest tombstones may go too."""
        newest = {record.key: record.offset for record in self.records}
        self.records = [
            record
            for record in self.records
            if newest[record.key] == record.offset and (record.value is not None or rng.random() < 0.5)
        ]


def read(log: Log, table: Table, until: int | None = None, replay: Replay | None = None, begin: int | None = None):
    """Record by record, and beside it as recovery reads: many at once, in parts of random lengths."""
    replay = replay or Replay(table.next_offset, table.rank)
    begin = table.next_offset if begin is None else begin
    records = [each for each in log.records if begin <= each.offset < (log.end if until is None else until)]
    at_once, copy = copied(replay), copied(table)
    for record in records:
        sure = replay.feed(record.offset, record.key, record.value, record.stamp)
        if sure is not None:
            table.write(sure.entries, sure.positions, sure.next_offset, replay.rank)
    rng, left = random.Random(log.end), records
    while left:
        part = rng.randint(1, 8)
        begin = left[0].offset  # what lies outside is passed over
        sure = at_once.feed_all(records, begin, left[part].offset if part < len(left) else log.end)
        if sure is not None:
            copy.write(dict(sure.entries).items(), sure.positions, sure.next_offset, sure.rank)
        left = left[part:]
    assert at_once == replay
    assert copy == table
    return replay


class Owner:
    """A process that took the partition over, as recovery.py and checkpoint.py do it."""

    def __init__(self, log: Log, table: Table, generation: int, writer: int, late: "Owner | None", rng: random.Random):
        self.log, self.table = log, table
        replay = read(log, table)
        seen = log.end
        if late is not None and rng.random() < 0.5:
            late.checkpoint(rng)  # the predecessor gets one more in before we claim: it counts
        self.stamp = Stamp(next_era(replay.rank, generation), generation, writer, 0)
        (entry,) = control_entries(self.stamp, {})
        claim = log.append(entry, self.stamp)
        read(log, table, until=claim, replay=replay, begin=seen)
        replay.end()
        self.expected = claim + 1
        self.hold = min(replay.shadowed.values(), default=None)
        self.dirty = {key: table.items.get(key) for key in replay.shadowed}
        self.state = dict(table.items)
        self.position = table.positions.get("source", 0)
        self.ended = False

    def checkpoint(self, rng: random.Random, *, finish: bool = True, meanwhile=None) -> bool:
        """True when it is complete.  meanwhile: somebody else's writes between two of our records."""
        if self.ended:
            return False
        for _ in range(rng.randint(0, 4)):
            key = rng.choice(KEYS)
            if rng.random() < 0.25:
                self.state.pop(key, None)
                self.dirty[key] = None
            else:
                self.state[key] = self.dirty[key] = bytes(rng.randbytes(3))
        self.position += rng.randint(1, 5)
        entries = [Entry(key, value) for key, value in self.dirty.items()]
        self.hold, self.dirty = None, {}
        self.stamp = self.stamp._replace(sequence=self.stamp.sequence + 1)
        records = [*entries, *control_entries(self.stamp, {"source": self.position})]
        if not finish:
            records = records[: rng.randint(0, len(records) - 1)]
        touched, superseded = set(), False
        for entry in records:
            if meanwhile is not None and rng.random() < 0.3:
                meanwhile()
            offset = self.log.append(entry, self.stamp)
            for record in self.log.records:
                if self.expected <= record.offset < offset and record.stamp.rank > self.stamp.rank:
                    superseded = True  # a successor has claimed: end without touching the local table
                if self.expected <= record.offset < offset and not is_control(record.key):
                    touched.add(record.key)
                    self.hold = min(self.expected, self.expected if self.hold is None else self.hold)
            if offset != self.expected:
                self.hold = self.expected if self.hold is None else min(self.hold, self.expected)
            self.expected = offset + 1
        if not finish or superseded:
            self.ended = True  # killed in between, or it sees that a successor writes: SupersededError
            return False
        self.table.write(
            entries, {"source": self.position}, self.expected if self.hold is None else self.hold, self.stamp.rank
        )
        self.dirty.update({key: self.state.get(key) for key in touched})
        return True

    @property
    def clean(self) -> bool:
        return self.hold is None and not self.dirty


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32))
def test_recovery_gives_the_last_whole_checkpoint_of_whoever_owned_the_partition(seed):
    """Whatever is paused, killed in mid-checkpoint or compacted, from nothing or from a local table: the state is that
    of the last checkpoint that was completed by an owner, never a mixture and never a zombie's."""
    rng = random.Random(seed)
    log = Log()
    tables = {0: Table(), 1: Table()}
    generation = 0
    zombie: Owner | None = None
    for _ in range(rng.randint(1, 5)):
        generation = 1 if rng.random() < 0.15 else generation + rng.randint(1, 2)  # a deleted group starts again
        machine = rng.choice([0, 1])
        if rng.random() < 0.2:
            tables[machine] = Table()  # its disk was lost
        owner = Owner(log, tables[machine], generation, rng.getrandbits(60), zombie, rng)
        truth, position = dict(owner.state), owner.position
        paused = zombie
        for _ in range(rng.randint(0, 4)):
            meanwhile = None
            if paused is not None and paused.table is not owner.table:

                def meanwhile(paused=paused):
                    paused.checkpoint(rng, finish=rng.random() < 0.5)

            if not owner.checkpoint(rng, meanwhile=meanwhile):
                break
            truth, position = dict(owner.state), owner.position
            if owner.clean and rng.random() < 0.3:
                log.compact(rng)
                # A table that was away while tombstones were dropped is too old to be brought up to date
                # (recovery.MAX_TABLE_AGE_SECONDS): it starts from nothing.
                tables.update({m: Table() for m, table in tables.items() if table is not owner.table})
        else:
            if rng.random() < 0.4:
                owner.checkpoint(rng, finish=False)  # killed in mid-checkpoint
                zombie = None
            else:
                zombie = owner
        fresh = Table()
        read(log, fresh)
        assert fresh.items == truth
        assert fresh.positions.get("source", 0) == position
        local = Table(dict(owner.table.items), dict(owner.table.positions), owner.table.next_offset, owner.table.rank)
        read(log, local)
        assert local.items == truth
        assert local.positions.get("source", 0) == position


def test_a_checkpoint_without_its_control_record_changes_nothing():
    """A writer killed between two batches of a checkpoint leaves no trace in the state."""
    log, table = Log(), Table()
    stamp = Stamp(0, 1, 7, 1)
    log.append(Entry(b"a", b"1"), stamp)
    log.append(*control_entries(stamp, {"s": 1}), stamp)
    log.append(Entry(b"a", b"2"), stamp._replace(sequence=2))
    replay = read(log, table)
    replay.end()
    assert table.items == {b"a": b"1"}
    assert replay.shadowed == {b"a": 2}
    assert table.next_offset == 2


def test_a_generation_that_starts_again_from_below_opens_a_new_era():
    """After the group was deleted, its first member must outrank everything written before."""
    assert next_era((-1, -1), 1) == 0
    assert next_era((0, 5), 6) == 0
    assert next_era((0, 5), 5) == 1
    assert next_era((0, 5), 1) == 1
    assert Stamp(1, 1, 0, 0).rank > Stamp(0, 5, 0, 0).rank


def test_what_is_no_changelog_is_refused_with_a_reason():
    """A record without a stamp, a stamp of another length, a format from the future."""
    with pytest.raises(ChangelogError, match="without a stamp"):
        stamp_of([])
    with pytest.raises(ChangelogError, match="24 were expected"):
        stamp_of([("stamp", b"123")])
    (entry,) = control_entries(Stamp(0, 1, 1, 0), {})
    future = entry.value.replace(b"\x93\x01", b"\x93\x02")
    with pytest.raises(ChangelogError, match="format 2"):
        Replay().feed(0, entry.key, future, Stamp(0, 1, 1, 0))


def test_control_records_of_the_first_releases_are_read():
    """They had no version of the state: it is 1, and is known where positions are."""
    stamp = Stamp(0, 1, 7, 1)
    key = control_entries(stamp, {})[0].key
    first = Replay().feed(0, key, msgspec.msgpack.encode([1, {"source": 5}]), stamp)
    assert (first.positions, first.state_version) == ({"source": 5}, 1)
    (*_, entry) = control_entries(stamp, {"source": 6}, 4)
    assert Replay().feed(0, entry.key, entry.value, stamp).state_version == 4
    assert Replay().feed(0, *control_entries(stamp, {}, 4)[0], stamp).state_version is None  # a claim says nothing


def test_stamps_survive_packing():
    """A stamp is the same after a trip through a header."""
    stamp = Stamp(3, 12, 2**63 + 5, 99)
    assert stamp_of([("x", b""), ("stamp", stamp.pack())]) == stamp
