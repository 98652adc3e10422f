"""Fetched record batches as the broker stores them, for readers that would rather not make an object of each record.

aiokafka's consumer keeps doing what it is good at (leaders, retries, offsets out of range); only the unpacking of what
it fetched is replaced, through the table in which its fetcher keeps results (private: see tests/runtime/test_upstream).
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords


class Batches:
    """The record batches of one fetch, in order; stands in for aiokafka's `PartitionRecords`."""

    def __init__(self, tp: TopicPartition, records: MemoryRecords, fetch_offset: int) -> None:
        self._tp = tp
        self._records = records
        #: Where the next fetch begins, also when compaction took the end of the last batch.
        self.next_fetch_offset = fetch_offset

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        while self._records.has_next():
            batch = self._records.next_batch()
            if not batch.validate_crc():
                raise CorruptRecordException(f"Invalid CRC - {self._tp}")
            self.next_fetch_offset = batch.next_offset
            if not batch.is_control_batch:  # a transaction's marker: not ours, and no record
                return batch
        raise StopIteration


class _BatchResults(OrderedDict[TopicPartition, Any]):
    """The fetcher's table of results, in which records stay in their batches."""

    def __setitem__(self, tp: TopicPartition, result: Any) -> None:
        unpacking = getattr(result, "_partition_records", None)
        if unpacking is not None:  # an error has none
            result._partition_records = Batches(tp, unpacking._records, unpacking.next_fetch_offset)
        super().__setitem__(tp, result)


def yield_batches(consumer: AIOKafkaConsumer) -> None:
    """From now on `getmany` of a started consumer gives batches, to be iterated for records with their offsets.

    The first of a fetch may begin before the position asked for, and any may end after where one wants to stop.
    """
    consumer._fetcher._records = _BatchResults()
