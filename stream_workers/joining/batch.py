"""A batch of records as the kernels take it: plain records read by a kernel, every other one by `schemas.wire`.

Both fill the same columns, so that all that follows is the same for both, in the order of the log.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from schemas import wire
from schemas.errors import BadRecordError
from schemas.events import Clock, Decision, Reward
from schemas.topics import DECISIONS, REWARDS
from stream_workers.columnar.memory import Bytes
from stream_workers.columnar.rows import FetchedRecord, FetchedRecords

from . import columns as c
from .entries import encode
from .names import SECRET, Table
from .parsing import Places, parse_decisions, parse_rewards
from .rules import check_decision, check_key
from .tallies import Tallies


@dataclass(slots=True)
class Batch:
    """parsed: (n, PARSED) int64, its positions in `data`.  refused: rows with nothing to join, and why."""

    data: Bytes
    parsed: Table
    refused: list[tuple[int, BadRecordError]]


class BatchReader:
    """Reads records of one partition.  plain: whether the kernels may, or all records are read one by one."""

    def __init__(self, tallies: Tallies, plain: bool) -> None:
        self._tallies = tallies
        self._plain = plain

    def decisions(self, records: FetchedRecords, times: Places) -> Batch:
        """Records of decisions.  times: (n,) effective."""
        return self._read(records, times, parse_decisions, _decision)

    def rewards(self, records: FetchedRecords, times: Places) -> Batch:
        """Records of rewards.  times: (n,) effective."""
        return self._read(records, times, parse_rewards, _reward)

    def name(self, batch: Batch, row: int) -> str:
        """The tenant and the decision's id, as `entries.name_of` joins them."""
        at, size = int(batch.parsed[row, c.ID]), int(batch.parsed[row, c.ID_BYTES])
        tenant = self._tallies.text(int(batch.parsed[row, c.OF]))
        return chr(len(tenant)) + tenant + batch.data[at : at + size].tobytes().decode()

    def _read(
        self,
        records: FetchedRecords,
        times: Places,
        parse: Callable[..., None],
        single: Callable[[FetchedRecord], "Fields | None"],
    ) -> Batch:
        tallies, data = self._tallies, records.data
        parsed = np.empty((len(records), c.PARSED), np.int64)
        parsed[:, c.TIME] = times
        if self._plain:
            parse(
                data, records.key_at, records.key_size, records.value_at, records.value_size, tallies.slots,
                tallies.places, tallies.names, SECRET, parsed,
            )  # fmt: skip
            unusual = np.flatnonzero(parsed[:, c.VERDICT] == c.UNUSUAL).tolist()
            for row in np.flatnonzero((parsed[:, c.VERDICT] == c.PLAIN) & (parsed[:, c.OF] < 0)).tolist():
                parsed[row, c.OF] = tallies.number(records[row].key or b"")
        else:
            unusual = list(range(len(records)))
        more = bytearray()
        refused = []
        for row in unusual:
            parsed[row, c.VERDICT] = c.NOTHING
            try:
                fields = single(records[row])
            except BadRecordError as error:
                refused.append((row, error))
                continue
            if fields is not None:
                at = len(data) + len(more)
                more += fields.id + fields.part
                parsed[row, : c.TIME] = (
                    c.PLAIN, tallies.number(fields.tenant), at, len(fields.id), at + len(fields.id), len(fields.part),
                    fields.span,
                )  # fmt: skip
        if more:
            data = np.concatenate((data, np.frombuffer(more, np.uint8)))
        return Batch(data, parsed, refused)


@dataclass(slots=True)
class Fields:
    """What the join needs of one event, as bytes."""

    tenant: bytes
    id: bytes
    part: bytes
    span: int


def _decision(record: FetchedRecord) -> Fields | None:
    event: Decision | Clock = wire.decode(DECISIONS.name, record.value)
    if isinstance(event, Clock):
        return None
    check_decision(event, len(record.value or b""))
    check_key(event.tenant, record.key)
    horizon = event.horizon_ms if event.horizon_ms < 1 << 63 else event.horizon_ms - (1 << 64)
    awaited = b"".join(encode(name) for name in event.awaited)
    return Fields(event.tenant.encode(), event.id.encode(), awaited, horizon)


def _reward(record: FetchedRecord) -> Fields | None:
    event: Reward | Clock = wire.decode(REWARDS.name, record.value)
    if isinstance(event, Clock):
        return None
    check_key(event.tenant, record.key)
    observed: list[Any] = [part for pair in event.observations.items() for part in pair]
    return Fields(event.tenant.encode(), event.decision.encode(), b"".join(map(encode, observed)), c.NONE)


def effective_times(timestamps: Places, until: int) -> Places:
    """The largest append time up to each record.  until: that of the records before."""
    return np.maximum(np.maximum.accumulate(timestamps), until)
