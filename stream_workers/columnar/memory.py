"""Bytes of arrays, copied and seen as numbers, inside kernels."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from ..bandits.kernel import kernel

Bytes = NDArray[np.uint8]


@intrinsic
def copy_bytes(typing: Any, to: Any, to_at: Any, source: Any, source_at: Any, size: Any) -> Any:
    """copy_bytes(to, to_at, source, source_at, size): like memcpy; positions and size in bytes, arrays contiguous.

    Nothing is checked: the caller knows that both ranges are within their arrays and apart.
    """
    signature = types.void(to, to_at, source, source_at, size)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def place(array_type: Any, array: Any, at_type: Any, at: Any) -> Any:
            data = context.make_array(array_type)(context, builder, array).data
            data = builder.bitcast(data, ir.IntType(8).as_pointer())
            return builder.gep(data, [context.cast(builder, at, at_type, types.intp)])

        to_type, to_at_type, source_type, source_at_type, size_type = signature.args
        to, to_at, source, source_at, size = arguments
        cgutils.raw_memcpy(
            builder,
            place(to_type, to, to_at_type, to_at),
            place(source_type, source, source_at_type, source_at),
            context.cast(builder, size, size_type, types.intp),
            1,
        )
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def float64_of(typing: Any, bits: Any) -> Any:
    """float64_of(bits): the number whose IEEE 754 bits these are."""
    signature = types.float64(types.uint64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return signature, generate


@intrinsic
def float32_of(typing: Any, bits: Any) -> Any:
    """float32_of(bits): the number whose IEEE 754 bits these are."""
    signature = types.float32(types.uint32)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return signature, generate


@intrinsic
def load64(typing: Any, data: Any, at: Any) -> Any:
    """load64(data, at): eight bytes of a byte array as one word, in the machine's order."""
    signature = types.uint64(data, types.intp)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, at = arguments
        begin = builder.bitcast(
            context.make_array(signature.args[0])(context, builder, array).data, ir.IntType(8).as_pointer()
        )
        return builder.load(builder.bitcast(builder.gep(begin, [at]), ir.IntType(64).as_pointer()), align=1)

    return signature, generate


@kernel()
def equal(a: Bytes, a_at: int, b: Bytes, b_at: int, size: int) -> bool:
    """Whether `size` bytes are the same."""
    for i in range(size):
        if a[a_at + i] != b[b_at + i]:
            return False
    return True


@kernel()
def big_endian(data: Bytes, at: int, size: int) -> np.uint64:
    """The unsigned number in `size` (at most 8) bytes."""
    value = np.uint64(0)
    for i in range(size):
        value = (value << np.uint64(8)) | np.uint64(data[at + i])
    return value


@kernel()
def put_big_endian(data: Bytes, at: int, size: int, value: int) -> None:
    """Write a number, in two's complement if it is negative, into `size` bytes."""
    for i in range(size):
        data[at + i] = np.uint8((value >> (8 * (size - 1 - i))) & 0xFF)
