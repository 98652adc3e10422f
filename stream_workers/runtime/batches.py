"""Fetched record batches as the broker stores them, for readers that would rather not make an object of each record.

aiokafka's consumer keeps doing what it is good at (leaders, retries, offsets out of range); only the unpacking of what
it fetched is replaced, in the way of `fetching`.
"""

from collections.abc import Iterator
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer import fetcher as upstream
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

from .upstream import seeing, use_fetcher


class Batches:
    """The record batches of one fetch, in order; stands in for aiokafka's `PartitionRecords`."""

    def __init__(self, tp: TopicPartition, records: MemoryRecords, aborted: Any, fetch_offset: int, *_: Any) -> None:
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


class BatchFetcher(upstream.Fetcher):
    """A fetcher whose `fetched_records` gives record batches."""

    _proc_fetch_request = seeing(upstream.Fetcher._proc_fetch_request, PartitionRecords=Batches)


def yield_batches(consumer: AIOKafkaConsumer) -> None:
    """From now on `getmany` of a started consumer gives batches, to be iterated for records with their offsets.

    The first of a fetch may begin before the position asked for, and any may end after where one wants to stop.
    """
    use_fetcher(consumer, BatchFetcher)
