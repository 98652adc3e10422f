"""Records per second from what was seen from outside: how much was done, and when."""

from collections.abc import Sequence
from typing import NamedTuple

from schemas.errors import CroupierError

#: The clock starts when so much is done: importing, joining the group and the first fetch are no part of it.
WARM_UP = 0.05


class Sample(NamedTuple):
    """What was seen at one moment."""

    seconds: float  # monotonic
    done: int  # records
    cpu_seconds: float  # the process has used until now
    resident_bytes: int
    begun: int | None = None  # records that are on their way, where that is more than those done


class Rate(NamedTuple):
    """What a process moved between the first sample past the warm-up and the end."""

    per_second: float
    cpu_microseconds: float  # of the process, per record
    resident_bytes: int  # the most that was seen
    records: int  # between the two samples
    broker_microseconds: float | None = None  # of a broker on this machine, per record, from start to end


def rate(samples: Sequence[Sample], total: int, *, stepwise: bool = False, warm_up: float = WARM_UP) -> Rate:
    """The rate from the first sample past `warm_up` (a share of the total) to the first at which all was done.

    stepwise: `done` moves at checkpoints only.  The last of them waits for its turn after the work is over, so the
    measurement ends at the step before it, if there is one.  Where records are on their way for long, the measurement
    starts when enough are `begun`, and those begun by then are not counted although part of their work is still to do:
    a program that does the first part of its work for all records first gains nothing by it.  CroupierError: too
    few records to see a beginning and an end.
    """
    first = next((sample for sample in samples if _begun(sample) >= warm_up * total), None)
    last = next((sample for sample in samples if sample.done >= total), None)
    if stepwise and first is not None:
        last = _last_step(samples, first, total) or last
    if first is None or last is None or last.done <= _begun(first):
        raise CroupierError(
            f"of {total} records all were done before a beginning and an end could be told apart: take more records"
        )
    records = last.done - _begun(first)
    return Rate(
        records / (last.seconds - first.seconds),
        (last.cpu_seconds - first.cpu_seconds) / records * 1e6,
        max(sample.resident_bytes for sample in samples),
        records,
    )


def _begun(sample: Sample) -> int:
    return sample.done if sample.begun is None else sample.begun


def _last_step(samples: Sequence[Sample], first: Sample, total: int) -> Sample | None:
    """The first sample of the last step that was not yet the end."""
    step: Sample | None = None
    for sample in samples:
        if first.done < sample.done < total and (step is None or sample.done > step.done):
            step = sample
    return step
