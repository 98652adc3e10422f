"""What a process sees of its machine: the room on the disk that holds its state, and what time it thinks it is."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class MachineMetrics(Collector):
    """Read when scraped."""

    def __init__(self, directory: Path) -> None:
        """directory: the process's state; where it is not there yet, the nearest one above it is looked at."""
        self._directory = directory

    def collect(self) -> Iterator[Metric]:
        """Gauges of this moment."""
        # Against the clock of whoever scrapes: two machines that disagree disagree about every duration in the log.
        yield GaugeMetricFamily("croupier_clock_seconds", "The process's clock, seconds since 1970", time.time())
        free = free_ratio(self._directory)
        if free is not None:
            yield GaugeMetricFamily("croupier_disk_free_ratio", "Of the disk that holds the process's state", free)


def free_ratio(directory: Path) -> float | None:
    """Share of a disk that a process may still write; None: nobody can tell."""
    for each in (directory, *directory.absolute().parents):
        try:
            found = os.statvfs(each)
        except OSError:
            continue
        return found.f_bavail / found.f_blocks if found.f_blocks else None
    return None
