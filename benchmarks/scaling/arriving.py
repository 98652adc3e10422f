"""What workers that are ready take for records from the moment the first is appended to the moment all are done."""

import asyncio
import time
from collections.abc import Callable, Sequence

from benchmarks.attended import Attended, watched
from benchmarks.progress import Progress
from benchmarks.rate import Rate


async def arriving(workers: Sequence[Attended], progress: Progress, records: int, fill: Callable[[], object]) -> Rate:
    """`fill` appends the records, in a thread of its own; progress tells when all are done.

    Appending costs the other processor a microsecond a record, so records per second are those of both together.
    """
    spent, begun = sum(each.cpu_seconds() for each in workers), time.monotonic()
    filling = asyncio.create_task(asyncio.to_thread(fill))
    samples = await watched(workers, progress, records)
    took, spent = time.monotonic() - begun, sum(each.cpu_seconds() for each in workers) - spent
    await filling
    return Rate(records / took, spent / records * 1e6, max(each.resident_bytes for each in samples), records)
