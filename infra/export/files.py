"""Where exported records are, and why each of them is there once, whenever the exporter is killed.

    DIRECTORY/outcomes/day=2026-01-31/partition=3/00000000000000001200-00000000000000001950.parquet

A file holds a partition's records from the first offset up to, not including, the second, all appended on one UTC day.
It is written beside, synced, and renamed when it is whole, so that what has this name is whole.  What comes next
follows from the names alone: a partition's files join each other without gap or overlap, and the export goes on where
the last one ends.
"""

import fcntl
import itertools
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow.parquet as pq

from schemas.errors import CroupierError

#: Outside of every topic's directory, so that no reader takes a part for a file.
PARTS: Final = ".parts"
_NAME: Final = re.compile(r"(\d{20})-(\d{20})\.parquet")
_PLACE: Final = re.compile(r"day=(\d{4}-\d{2}-\d{2})/partition=(\d+)/(.+)")


class ExportError(CroupierError):
    """What is in the directory is no export, or not of this log."""


class Span(NamedTuple):
    """The records of one file: offsets [begin, end) of a partition of a topic, appended on one day."""

    topic: str
    day: str  # 2026-01-31
    partition: int
    begin: int
    end: int

    def path(self, directory: Path) -> Path:
        """Its file."""
        name = f"{self.begin:020}-{self.end:020}.parquet"
        return directory / self.topic / f"day={self.day}" / f"partition={self.partition}" / name


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other exporters out of the directory.  ExportError: one is at work there."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ExportError(f"another export is writing to {directory}; wait for it to end") from None
        yield


def spans(directory: Path, topic: str) -> list[Span]:
    """A topic's files, by partition and offset.  ExportError: they do not join each other."""
    found = []
    for path in (directory / topic).glob("day=*/partition=*/*.parquet"):
        place = _PLACE.fullmatch(path.relative_to(directory / topic).as_posix())
        name = _NAME.fullmatch(path.name)
        if place is None or name is None:
            raise ExportError(f"{path} is no file of an export: move it out of the directory")
        found.append(Span(topic, place[1], int(place[2]), int(name[1]), int(name[2])))
    found.sort(key=lambda each: (each.partition, each.begin, each.end))
    for before, after in itertools.pairwise(found):
        if before.partition == after.partition and after.begin < before.end:
            raise ExportError(
                f"{before.path(directory)} and {after.path(directory)} hold the same records: two exports were copied "
                "into one directory; export into an empty one"
            )
    return found


def ends(found: list[Span]) -> dict[int, int]:
    """By partition: the offset up to which records are there."""
    return {each.partition: each.end for each in found}


def write(directory: Path, span: Span, table: Any) -> Path:
    """Write a file that is whole or not there.  table: a pyarrow table."""
    parts = directory / PARTS
    parts.mkdir(parents=True, exist_ok=True)
    path = span.path(directory)
    part = parts / f"{span.topic}-{span.partition}-{path.name}"
    path.parent.mkdir(parents=True, exist_ok=True)
    with part.open("wb") as file:
        pq.write_table(table, file, compression="zstd")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    for each in (path.parent, path.parent.parent, path.parent.parent.parent):
        _sync(each)
    return path


def clear(directory: Path) -> None:
    """Remove what a killed exporter left unfinished."""
    for part in (directory / PARTS).glob("*.parquet"):
        part.unlink()


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
