"""Kafka's record batches read into columns and written from them, against aiokafka's own."""

import numpy as np
import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_workers.columnar import checksum
from stream_workers.columnar.rows import FetchedRecords, Rows
from stream_workers.runtime.fetching import Fetched, PartitionColumns
from stream_workers.runtime.output_batch import OutputBatch

PART = st.none() | st.binary(max_size=200)
RECORD = st.tuples(PART, PART, st.integers(0, 10**13), st.lists(st.tuples(st.text(max_size=5), PART), max_size=2))
#: (compression: none, gzip, snappy, lz4, zstd; log append time, gap before it, records)
BATCH = st.tuples(
    st.sampled_from([0, 0, 1, 2, 3, 4]), st.booleans(), st.integers(0, 5), st.lists(RECORD, min_size=1, max_size=20)
)


def built(compression, append_time, base, records):
    """A batch as a broker gives it: with its offset, and with its own time where it keeps log append time."""
    builder = DefaultRecordBatchBuilder(2, compression, 0, -1, -1, 0, 1 << 24)
    for index, (key, value, timestamp, headers) in enumerate(records):
        builder.append(index, timestamp, key, value, headers)
    data = bytearray(builder.build())
    data[0:8] = base.to_bytes(8, "big")
    if append_time:
        data[22] |= 0x08
    data[17:21] = calc_crc32c(bytes(data[21:])).to_bytes(4, "big")
    return bytes(data)


def log_of(batches, first):
    data, offset = b"", first
    for compression, append_time, gap, records in batches:
        offset += gap
        data += built(compression, append_time, offset, records)
        offset += len(records)
    return data


def by_aiokafka(data):
    records, found = MemoryRecords(data), []
    while records.has_next():
        batch = records.next_batch()
        assert batch.validate_crc()
        found += [(each.offset, each.timestamp, each.key, each.value) for each in batch]
    return found


def columns(data, first=0):
    return PartitionColumns(TopicPartition("t", 0), Fetched(data), None, first, None, None, True, 0)


@settings(deadline=None)
@given(st.lists(BATCH, min_size=1, max_size=5), st.integers(0, 2**40), st.integers(0, 30), st.integers(0, 80))
def test_fetched_bytes_are_the_records_that_aiokafka_finds(batches, first, skipped, cut):
    """Compressed or not, with gaps, from any offset on, and with a last batch that the fetch cut off."""
    data = log_of(batches, first)
    cut_off = data + built(0, False, first + 1000, [(b"k", b"v" * 100, 1, [])])[:cut]
    fetched = columns(cut_off, first + skipped)
    records = fetched.take()
    expected = [each for each in by_aiokafka(data) if each[0] >= first + skipped]
    assert [tuple(each) for each in records] == expected
    assert [tuple(records[index]) for index in range(len(records))] == expected
    assert [tuple(each) for each in records[1:3]] == expected[1:3]
    assert fetched.next_fetch_offset == max(first + skipped, by_aiokafka(data)[-1][0] + 1)
    assert [tuple(each) for each in FetchedRecords.of(list(records))] == expected


@settings(deadline=None)
@given(st.lists(st.tuples(PART, PART), min_size=1, max_size=60), st.integers(100, 3000), st.data())
def test_written_batches_are_read_by_aiokafka(pairs, limit, data):
    """However rows come, in one call or several, every record is in one of the batches, in order, and none but a
    batch of one record is larger than the limit; a checksum, and the producer's state, are in place."""
    rows = FetchedRecords.of([_Single(key, value) for key, value in pairs]).rows()
    cut = data.draw(st.integers(0, len(pairs)))
    batches, batch = [], OutputBatch(limit)
    for part in (Rows(*(each[:cut] if each.dtype == np.int64 else each for each in rows)),
                 Rows(*(each[cut:] if each.dtype == np.int64 else each for each in rows))):  # fmt: skip
        at = 0
        while at < len(part.key_at):
            at = batch.add(part, at)
            if at < len(part.key_at):
                batches.append(batch)
                batch = OutputBatch(limit)
    batches.append(batch)
    found = []
    for each in batches:
        each._set_producer_state(7, 3, 11)
        raw = bytes(each._build())
        assert len(raw) == each.size()
        assert each._build() is each._build()
        assert len(raw) <= limit or each.record_count() == 1
        read = MemoryRecords(raw).next_batch()
        assert read.validate_crc()
        assert (read.producer_id, read.producer_epoch, read.base_sequence) == (7, 3, 11)
        records = list(read)
        assert [record.offset for record in records] == list(range(each.record_count()))
        found += [(record.key, record.value) for record in records]
    assert found == pairs


class _Single:
    offset = timestamp = 0

    def __init__(self, key, value):
        self.key, self.value = key, value


@pytest.mark.parametrize("compression", [0, 1, 2, 3, 4])
def test_damage_is_refused(compression):
    """A flipped bit anywhere after the header's checksum, where checksums are asked for, and a batch of no format."""
    data = bytearray(built(compression, False, 5, [(b"key", b"value" * 10, 1, [])]))
    for place in range(21, len(data)):
        broken = bytearray(data)
        broken[place] ^= 0x10
        with pytest.raises(CorruptRecordException, match="t partition 0"):
            columns(bytes(broken), 5).take()
    data[16] = 1
    with pytest.raises(CorruptRecordException, match="format 2"):
        columns(bytes(data)).take()


def test_control_batches_are_passed_over():
    """Transaction markers are no records, and the position goes on behind them."""
    data = bytearray(built(0, False, 5, [(b"\0\0\0\1", b"\0" * 6, 1, [])]))
    data[22] |= 0x20
    data[17:21] = calc_crc32c(bytes(data[21:])).to_bytes(4, "big")
    fetched = columns(bytes(data), 5)
    assert len(fetched.take()) == 0
    assert fetched.next_fetch_offset == 6


def test_an_unknown_compression_is_named():
    """A codec of a later Kafka is said by its number."""
    data = bytearray(built(0, False, 5, [(b"k", b"v", 1, [])]))
    data[22] |= 0x05
    data[17:21] = calc_crc32c(bytes(data[21:])).to_bytes(4, "big")
    with pytest.raises(CorruptRecordException, match="compression 5 is not known"):
        columns(bytes(data), 5).take()


@given(st.binary(max_size=100), st.integers(0, 20))
def test_checksum(data, begin):
    """By instruction and by table, from any place, the CRC-32C that aiokafka computes."""
    array = np.frombuffer(bytearray(data + b"x"), np.uint8)
    begin = min(begin, len(data))
    expected = calc_crc32c(data[begin:])
    assert checksum.crc32c(array, begin, len(data) - begin) == expected
    assert checksum.crc32c_by_table(array, begin, len(data) - begin) == expected
