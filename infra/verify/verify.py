"""One call that reads a deployment's topics from outside and proves, or refutes, what DESIGN's invariants promise."""

import time
from pathlib import Path

from schemas.joining import EARLY_MS, REMEMBER_MS

from ..kafka.topics import check_topics
from ..reading.log import Log
from .cut import take_cut
from .examination import Examination, Progress
from .settling import wait_settled
from .table import MEMORY_BYTES, Tables
from .verdict import Verdict


async def verify(
    bootstrap_servers: str,
    *,
    prefix: str = "",
    early_ms: int = EARLY_MS,
    remember_ms: int = REMEMBER_MS,
    settled: bool = False,
    wait_s: float = 0.0,
    directory: Path | None = None,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress | None = None,
) -> Verdict:
    """Examine the deployment of `prefix`, running or not: all that is in its topics now.

    early_ms, remember_ms: as the workers have them.  settled: nothing may be pending; wait_s: first wait so many
    seconds for that.  directory, memory_bytes: where, and from what size on, each of the tables of one partition goes
    to disk.
    TopicsMismatchError when the topics are not as `schemas.topics` says, BrokerUnavailableError without Kafka,
    CroupierError when retention takes records while they are read.
    """
    begun = time.monotonic()
    partitions = await check_topics(bootstrap_servers, prefix=prefix)
    async with Log.open(bootstrap_servers, prefix) as log:
        if wait_s:
            await wait_settled(log, bootstrap_servers, prefix, wait_s)
        cut = await take_cut(log, bootstrap_servers, prefix)
        examination = Examination(
            log, cut, partitions, early_ms, remember_ms, settled, progress or (lambda done, total: None)
        )
        for number in range(partitions):
            with Tables(directory, memory_bytes) as tables:
                await examination.partition(number, tables)
        await examination.specifications()
    return examination.verdict(time.monotonic() - begun)
