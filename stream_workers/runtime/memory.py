"""Memory given back after work that needed much for a short time."""

import ctypes
import sys

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def give_back() -> None:
    """Return freed memory to the system (glibc): its heaps keep what the threads of a recovery had, hundreds of MB."""
    trim = getattr(_LIBC, "malloc_trim", None)
    if trim is not None:
        trim(0)
