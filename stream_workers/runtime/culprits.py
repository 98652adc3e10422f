"""Finds the record that makes a stage fail, so that one defect never stops a partition.

A processor that failed is in an unknown state: its partition goes back to the last checkpoint, the batch is applied
again record by record, which shows the one that fails, and the next time that one is passed over.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ..columnar.rows import FetchedRecords


@dataclass(frozen=True, slots=True)
class _Suspects:
    until: int  # offset after the last record of a batch that failed
    guilty: dict[int, str]  # offset and error of those found


class Culprits:
    """By source partition: which records are under suspicion, and which are known to make their stage fail."""

    def __init__(self) -> None:
        self._suspects: dict[tuple[str, int], _Suspects] = {}

    def batches(self, topic: str, partition: int, records: FetchedRecords) -> Sequence[FetchedRecords]:
        """How to apply records: together, or one by one while some of them are under suspicion."""
        suspects = self._suspects.get((topic, partition))
        if suspects is None:
            return (records,)
        if records.first_offset >= suspects.until:
            del self._suspects[topic, partition]
            return (records,)
        return [records[index : index + 1] for index in range(len(records))]

    def error(self, topic: str, partition: int, offset: int) -> str | None:
        """What a record that is known to be guilty makes its stage raise."""
        suspects = self._suspects.get((topic, partition))
        return None if suspects is None else suspects.guilty.get(offset)

    def failed(self, topic: str, partition: int, batch: FetchedRecords, until: int, error: Exception) -> None:
        """A stage failed on `batch`, part of records that end before offset `until`."""
        suspects = self._suspects.get((topic, partition))
        if suspects is None:
            self._suspects[topic, partition] = _Suspects(until, {})
        else:
            found = {**suspects.guilty, batch.first_offset: repr(error)}
            self._suspects[topic, partition] = _Suspects(max(until, suspects.until), found)
