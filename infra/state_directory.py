"""A state directory for one process alone."""

import fcntl
import itertools
import os
from pathlib import Path
from typing import IO

from schemas.errors import CroupierError

#: Locks of this process; they end with it, however it ends.
_held: list[IO[str]] = []


def claim_state_directory(wanted: Path | None, home: Path, role: str) -> Path:
    """The directory to use: the one wanted, or the first that no running process uses.

    A process started again thus finds the tables of one before it, and reads only what its changelog has since.
    CroupierError when another process uses the one wanted.
    """
    if wanted is not None:
        if not _lock(wanted):
            raise CroupierError(f"another process uses {wanted}: give each process a state directory of its own")
        return wanted
    for number in itertools.count(1):
        directory = home / "state" / f"{role}-{number}"
        if _lock(directory):
            return directory
    raise AssertionError  # there is no last number


def _lock(directory: Path) -> bool:
    directory.parent.mkdir(parents=True, exist_ok=True)
    file = directory.with_name(f"{directory.name}.lock").open("w", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    file.write(f"{os.getpid()}\n")
    file.flush()
    _held.append(file)
    return True
