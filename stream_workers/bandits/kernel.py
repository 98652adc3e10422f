"""How numerical kernels are compiled: once, into a cache on disk, without the shortcuts that change results."""

from collections.abc import Callable
from typing import Any, TypeVar

from numba import config, njit

from . import kernel_cache

kernel_cache.install()

F = TypeVar("F", bound=Callable[..., Any])


def kernel(*signature: str) -> Callable[[F], F]:
    """Decorator for a kernel.

    With a signature it compiles when its module is imported (from then on it is read from the cache, which
    kernel_cache.py keeps true), so that no record ever waits for a compiler and a wrong dtype or layout is an error
    instead of another compilation.
    Without one it is a part of other kernels, and put into them whole: a call would count references to every array
    it is given, which took half of the time of reading a record.
    `fastmath` stays off: it drops NaN checks and reorders sums, and states must be equal bit for bit.
    """
    options = {"error_model": "numpy", "fastmath": False, "nogil": True, "forceinline": not signature}

    def compiled(function: F) -> F:
        result: Any = njit(**options)(function)
        if not config.DISABLE_JIT:  # then it is the function itself
            kernel_cache.keep(result)
            if signature:
                result.compile(signature[0])
                result.disable_compile()
        found: F = result
        return found

    return compiled
