"""Arrays by their addresses, so that one kernel call can work on the arrays of many owners.

An address is only as good as its array: whoever stores one keeps a reference to the array beside it.
"""

# ruff: noqa: ARG001 - the signatures of intrinsics are numba's

from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from .kernel import kernel

#: More than this is found by the processor itself, once it is being read.
_AHEAD: Final = 8192


@intrinsic
def _float64_at(typing: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.DoubleType().as_pointer())

    return types.CPointer(types.float64)(types.int64), generate


@intrinsic
def _int64_at(typing: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())

    return types.CPointer(types.int64)(types.int64), generate


@kernel("f8[::1](i8, i8)")
def vector(address: int, n: int) -> NDArray[np.float64]:
    """The (n,) float64 at an address."""
    return carray(_float64_at(address), (n,))  # type: ignore[no-any-return]


@kernel("f8[:,::1](i8, i8, i8)")
def matrix(address: int, n: int, m: int) -> NDArray[np.float64]:
    """The (n, m) float64 at an address."""
    return carray(_float64_at(address), (n, m))  # type: ignore[no-any-return]


@kernel("f8[:,:,::1](i8, i8, i8)")
def matrices(address: int, n: int, m: int) -> NDArray[np.float64]:
    """The (n, m, m) float64 at an address."""
    return carray(_float64_at(address), (n, m, m))  # type: ignore[no-any-return]


@kernel("i8[::1](i8, i8)")
def integers(address: int, n: int) -> NDArray[np.int64]:
    """The (n,) int64 at an address."""
    return carray(_int64_at(address), (n,))  # type: ignore[no-any-return]


@intrinsic
def _prefetch_line(typing: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        hint = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), [byte, number, number, number]), "llvm.prefetch.p0i8"
        )
        reading, keep, data = ir.Constant(number, 0), ir.Constant(number, 3), ir.Constant(number, 1)
        builder.call(hint, [builder.inttoptr(arguments[0], byte), reading, keep, data])
        return context.get_dummy_value()

    return types.void(types.int64), generate


@kernel("void(i8, i8)")
def prefetch(address: int, size: int) -> None:
    """Have that many bytes (at most _AHEAD of them) brought near while something else is done; changes nothing."""
    for line in range(0, min(size, _AHEAD), 64):
        _prefetch_line(address + line)


def address_of(array: NDArray[Any]) -> int:
    """Where a C-contiguous array's numbers are."""
    interface = array.__array_interface__  # three times faster than array.ctypes
    assert interface["strides"] is None, "C-contiguous"
    return int(interface["data"][0])
