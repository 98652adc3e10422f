"""Runs a command of Croupier with a wall clock that can be moved while it runs.

    CROUPIER_SHIFT_FILE=FILE python -m tests.faults.shifted_clock worker --prefix ...

FILE holds one little-endian float64: the seconds by which `time.time` and `time.time_ns` are off.  Monotonic clocks are
not touched: no operator's hand and no NTP moves them.
"""

import mmap
import os
import struct
import sys
import time
from pathlib import Path

VARIABLE = "CROUPIER_SHIFT_FILE"
_SECONDS = struct.Struct("<d")


def shift(file: Path, seconds: float) -> None:
    """Set by how much the clock of whoever reads `file` is off."""
    if not file.exists():
        file.write_bytes(_SECONDS.pack(seconds))
        return
    with file.open("r+b") as opened:
        opened.write(_SECONDS.pack(seconds))


def install(file: Path) -> None:
    """Move this process's wall clock as `file` says, from now on."""
    with file.open("rb") as opened:
        view = mmap.mmap(opened.fileno(), _SECONDS.size, access=mmap.ACCESS_READ)
    real_time, real_time_ns = time.time, time.time_ns

    def moved() -> float:
        return real_time() + _SECONDS.unpack_from(view)[0]

    def moved_ns() -> int:
        return real_time_ns() + int(_SECONDS.unpack_from(view)[0] * 1e9)

    time.time, time.time_ns = moved, moved_ns


if __name__ == "__main__":
    install(Path(os.environ[VARIABLE]))
    from infra.cli import main

    sys.argv = ["croupier", *sys.argv[1:]]
    main()
