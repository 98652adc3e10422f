"""What a measured program is told, and how it ends."""

import os
import sys
import threading
from pathlib import Path

import msgspec


class Job(msgspec.Struct, frozen=True):
    """One program's orders, as JSON in its first argument."""

    bootstrap: str
    prefix: str  # of every topic and group that it makes
    source: str
    sink: str
    partitions: int
    directory: str  # for its local state; removed afterwards

    @property
    def group(self) -> str:
        """The consumer group of programs that choose their own."""
        return f"{self.prefix}copy"

    @property
    def state_dir(self) -> Path:
        """`directory`, as a path."""
        return Path(self.directory)


def begin() -> Job:
    """The orders.  From here on the process ends, at once, with its standard input: it cannot outlive its parent."""
    threading.Thread(target=_end_with_input, daemon=True).start()
    return msgspec.json.decode(sys.argv[1], type=Job)


def _end_with_input() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(0)
