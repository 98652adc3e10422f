"""CRC-32C (Castagnoli), the checksum of Kafka's record batches, inside kernels.

With the processor's own instruction where it has one (x86-64 with SSE 4.2), eight bytes a step; elsewhere by table.
"""

import platform
from collections.abc import Callable
from typing import Any

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..bandits.kernel import kernel
from .memory import Bytes, load64

_POLYNOMIAL = 0x82F63B78


def _table() -> np.ndarray[Any, np.dtype[np.uint32]]:
    table = np.empty(256, np.uint32)
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (_POLYNOMIAL if crc & 1 else 0)
        table[byte] = crc
    return table


_TABLE = _table()


@kernel("u4(u1[::1], i8, i8)")
def crc32c_by_table(data: Bytes, at: int, size: int) -> int:
    """The checksum of data[at : at + size], a byte a step."""
    crc = np.uint32(0xFFFFFFFF)
    for i in range(at, at + size):
        crc = _TABLE[(crc ^ data[i]) & np.uint32(0xFF)] ^ (crc >> np.uint32(8))
    return crc ^ np.uint32(0xFFFFFFFF)


@intrinsic
def _step(typing: Any, crc: Any, word: Any) -> Any:
    """_step(crc, word): the checksum goes on over eight bytes."""
    signature = types.uint64(types.uint64, types.uint64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        long = ir.IntType(64)
        step = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(long, (long, long)), "llvm.x86.sse42.crc32.64.64"
        )
        return builder.call(step, arguments)

    return signature, generate


def _by_instruction() -> Callable[[Bytes, int, int], int]:
    @kernel("u4(u1[::1], i8, i8)")
    def crc32c(data: Bytes, at: int, size: int) -> int:
        """The checksum of data[at : at + size]."""
        crc = np.uint64(0xFFFFFFFF)
        whole = at + size - size % 8
        for i in range(at, whole, 8):
            crc = _step(crc, load64(data, i))
        rest = np.uint32(crc)
        for i in range(whole, at + size):
            rest = _TABLE[(rest ^ data[i]) & np.uint32(0xFF)] ^ (rest >> np.uint32(8))
        return rest ^ np.uint32(0xFFFFFFFF)

    return crc32c


def has_instruction() -> bool:
    """Whether this processor has the instruction."""
    here = platform.machine().lower() in ("x86_64", "amd64")
    return here and bool(llvmlite.binding.get_host_cpu_features().get("sse4.2"))


#: crc32c(data, at, size): the checksum of data[at : at + size].
crc32c: Callable[[Bytes, int, int], int] = _by_instruction() if has_instruction() else crc32c_by_table
