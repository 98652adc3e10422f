"""What was written when `write` returned is there, whatever became of the process and of other bytes on the disk."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.deciding.segments import MOST_BYTES, Segments, frame, records_in
from schemas.errors import CroupierError

SEGMENT = 120  # bytes, so that a handful of records fills a file
RECORD = st.binary(max_size=60) | st.just(frame(b"a record in a record")) | st.just(b"\x9d\xc1\xf1\x0a")


@pytest.fixture
def directory():
    with tempfile.TemporaryDirectory() as name:
        yield Path(name) / "spool"


def read_all(segments):
    """Everything that is not acknowledged, in order; acknowledges it."""
    found = []
    while segments.records:
        records, end = segments.read(3)
        found += records
        segments.acknowledge(end, len(records))
    return found


def reopened(directory):
    segments = Segments(directory, SEGMENT)
    try:
        count = segments.records
        found = read_all(segments)
    finally:
        segments.close()
    assert len(found) == count
    return found


OPERATIONS = st.lists(
    st.tuples(st.just("write"), st.lists(RECORD, min_size=1, max_size=5))
    | st.tuples(st.just("send"), st.integers(1, 7))
    | st.tuples(st.just("reopen"), st.none()),
    max_size=30,
)


@settings(max_examples=60)
@given(OPERATIONS)
def test_records_come_in_order_until_they_are_acknowledged(operations):
    """Any sequence of writes, acknowledged reads and restarts is a queue; files that are done with are gone."""
    with tempfile.TemporaryDirectory() as name:
        directory, queue = Path(name) / "spool", []
        segments = Segments(directory, SEGMENT)
        for what, given_ in operations:
            if what == "write":
                segments.write(map(frame, given_))
                queue += given_
            elif what == "send":
                records, end = segments.read(given_)
                assert records == queue[: len(records)]
                assert records or not queue
                segments.acknowledge(end, len(records))
                del queue[: len(records)]
            else:
                segments.close()
                segments = Segments(directory, SEGMENT)
            assert segments.records == len(queue)
        assert read_all(segments) == queue
        segments.close()
        assert not list(directory.glob("*.spool"))


def written(directory, groups):
    segments = Segments(directory, SEGMENT)
    for group in groups:
        segments.write(map(frame, group))
    segments.close()


GROUPS = [[b"first", b"second"], [b"x" * 90], [b"third" * 8, b"", frame(b"inner"), b"fourth"]]


def test_cut_at_every_byte(directory):
    """However much of the last file is missing, all records that are whole are there, and none but them."""
    written(directory, GROUPS)
    *before, last = sorted(directory.glob("*.spool"))
    kept = [record for path in before for record, _ in records_in(path.read_bytes())]
    data = last.read_bytes()
    ends = [end for _, end in records_in(data)]
    everything = [record for group in GROUPS for record in group]
    for size in range(len(data) + 1):
        copy = directory.with_name("copy")
        shutil.copytree(directory, copy)
        (copy / last.name).write_bytes(data[:size])
        whole = sum(end <= size for end in ends)
        assert reopened(copy) == everything[: len(kept) + whole], size
        shutil.rmtree(copy)


def test_what_comes_after_a_torn_record_is_kept(directory):
    """A restart never appends to a file that may end in the middle of a record."""
    written(directory, GROUPS)
    last = max(directory.glob("*.spool"))
    last.write_bytes(last.read_bytes()[:-1])
    segments = Segments(directory, SEGMENT)
    segments.write([frame(b"later")])
    segments.close()
    whole = [record for group in GROUPS for record in group][:-1]
    assert reopened(directory) == [*whole, b"later"]


def test_any_byte_changed(directory):
    """Damage anywhere costs the record it is in, and no other."""
    written(directory, GROUPS)
    everything = [record for group in GROUPS for record in group]
    rng = random.Random(7)
    seen = 0
    for path in sorted(directory.glob("*.spool")):
        data, begin = path.read_bytes(), 0
        for record, end in records_in(data):
            for place in range(begin, end):
                copy = directory.with_name("copy")
                shutil.copytree(directory, copy)
                damaged = bytearray(data)
                damaged[place] ^= 1 << rng.randrange(8)
                (copy / path.name).write_bytes(damaged)
                found = reopened(copy)
                shutil.rmtree(copy)
                lost = [each for each in everything if each not in found]
                assert lost == [record], (path.name, place)
                # A record that held another one may show it when it is damaged: it was written, too.
                assert [each for each in found if each in everything] == [e for e in everything if e != record]
            begin = end
            seen += 1
    assert seen == len(everything)


@pytest.mark.parametrize("position", [b"", b"\xff" * 20, bytes(19)])
def test_a_damaged_position(directory, position):
    """Without the note of what Kafka has, everything that is on disk is sent again: nothing is passed over."""
    written(directory, GROUPS)
    (directory / "acknowledged").write_bytes(position)
    assert reopened(directory) == [record for group in GROUPS for record in group]


def test_a_length_that_is_none():
    """A damaged length reads neither beyond the end nor gigabytes."""
    good = frame(b"good")
    for length in (MOST_BYTES + 1, 2**32 - 1, 5):
        bad = good[:4] + length.to_bytes(4, "little") + good[8:]
        assert [record for record, _ in records_in(bad + good)] == [b"good"]


def test_one_process_at_a_time(directory):
    """Another one is told, and what to do."""
    segments = Segments(directory, SEGMENT)
    with pytest.raises(CroupierError, match="a directory of its own"):
        Segments(directory, SEGMENT)
    segments.close()
    Segments(directory, SEGMENT).close()


def test_a_directory_that_can_not_be_used(tmp_path):
    """A file in its place is named in the error."""
    (tmp_path / "file").write_text("")
    with pytest.raises(CroupierError, match="file"):
        Segments(tmp_path / "file", SEGMENT)


@pytest.mark.parametrize("call", ["fdatasync", "fsync", "pwrite", "open"])
def test_a_full_disk(directory, monkeypatch, call):
    """What fails to be written raises, wherever the disk fails; what was there stays, and later writes go on."""
    segments = Segments(directory, SEGMENT)
    segments.write([frame(b"before"), frame(b"x" * SEGMENT)])  # the next one begins a file
    with monkeypatch.context() as failing:
        failing.setattr(os, call, lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        for _ in range(2):
            with pytest.raises(OSError, match="No space"):
                segments.write([frame(b"lost")])
    segments.write([frame(b"after")])
    assert read_all(segments) == [b"before", b"x" * SEGMENT, b"after"]
    segments.close()


WRITER = """
import sys
from pathlib import Path
from producers.deciding.segments import Segments, frame
segments = Segments(Path(sys.argv[1]), 2000)
number = int(sys.argv[2])
while True:
    group = range(number, number + 1 + number % 7)
    segments.write([frame(b"%d" % each) for each in group])
    number = group.stop
    print(number, flush=True)
"""


def test_killed_at_any_moment(directory):
    """SIGKILL, again and again: every record whose write had returned is there, in order, and none twice."""
    number = 0
    for kill in range(4):
        process = subprocess.Popen([sys.executable, "-c", WRITER, directory, str(number)], stdout=subprocess.PIPE)
        lines = [int(process.stdout.readline()) for _ in range(3 + 11 * kill)]
        process.send_signal(signal.SIGKILL)
        lines += [int(line) for line in process.stdout.read().splitlines() if line.strip()]
        process.wait()
        process.stdout.close()
        segments = Segments(directory, 2000)
        present = [int(record) for record, _ in (each for path in sorted(directory.glob("*.spool"))
                                                 for each in records_in(path.read_bytes()))]  # fmt: skip
        segments.close()
        assert present == list(range(len(present)))
        assert len(present) >= lines[-1]
        number = len(present)
    assert [int(record) for record in reopened(directory)] == list(range(number))
