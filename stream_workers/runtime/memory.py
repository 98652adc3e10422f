"""Memory given back after work that needed much for a short time."""

import ctypes
import sys
from pathlib import Path
from typing import Final

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_MAPS: Final = Path("/proc/self/maps")
_COMPILER: Final = "libllvmlite"
_DONTNEED: Final = 4  # of madvise: the pages of a file's code come back from the file when they are run again


def give_back() -> None:
    """Return freed memory to the system (glibc): its heaps keep what the threads of a recovery had, hundreds of MB."""
    trim = getattr(_LIBC, "malloc_trim", None)
    if trim is not None:
        trim(0)


def put_compiler_away() -> int:
    """Let go of the pages of LLVM's code, 50 MB that nobody runs once all kernels are loaded; how many bytes it has.

    Code that is mapped and never written: it is read again from its file if a kernel is compiled after all.
    """
    if _LIBC is None:
        return 0
    size = 0
    for line in _MAPS.read_text().splitlines():
        where, kind, *_, path = line.split()
        if kind == "r-xp" and _COMPILER in path:
            begin, end = (int(each, 16) for each in where.split("-"))
            if _LIBC.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), _DONTNEED) == 0:
                size += end - begin
    return size
