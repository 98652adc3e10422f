"""y = P x for a symmetric P, in vector instructions with the sums in registers.

Each y_j is the sum of P_ij x_i in the order of i, every product and every sum rounded: the bits of two plain loops.
Written in LLVM's terms because its vectoriser keeps the sums in memory, which took three times as long.
"""

# ruff: noqa: ARG001 - the signatures of intrinsics are numba's

from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from .kernel import kernel

Array = NDArray[np.float64]

_LANES: Final = 8
_F64 = ir.DoubleType()
_VECTOR = ir.VectorType(_F64, _LANES)


def _columns(count: int) -> Any:
    """columns(P, x, y, first): write y[first : first + 8 count] of y = P' x; P: (m, m), x, y: (m,)."""

    @intrinsic
    def columns(typing: Any, P: Any, x: Any, y: Any, first: Any) -> Any:
        signature = types.void(P, x, y, types.intp)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            arrays = [
                context.make_array(kind)(context, builder, value)
                for kind, value in zip(signature.args[:3], arguments[:3], strict=True)
            ]
            P, x, y = (each.data for each in arrays)
            first, m = arguments[3], builder.extract_value(arrays[1].shape, 0)
            lanes = ir.Constant(ir.VectorType(ir.IntType(32), _LANES), [0] * _LANES)
            undefined = ir.Constant(_VECTOR, ir.Undefined)

            def place(base: Any, at: Any, k: int) -> Any:
                at = builder.add(at, ir.Constant(at.type, k * _LANES))
                return builder.bitcast(builder.gep(base, [at]), _VECTOR.as_pointer())

            sums = [cgutils.alloca_once_value(builder, ir.Constant(_VECTOR, [0.0] * _LANES)) for _ in range(count)]
            for each in sums:
                builder.store(ir.Constant(_VECTOR, [0.0] * _LANES), each)
            with cgutils.for_range(builder, m) as loop:
                at = builder.add(builder.mul(loop.index, m), first)
                one = builder.insert_element(
                    undefined, builder.load(builder.gep(x, [loop.index])), ir.Constant(ir.IntType(32), 0)
                )
                number = builder.shuffle_vector(one, undefined, lanes)
                for k, each in enumerate(sums):
                    term = builder.fmul(builder.load(place(P, at, k), align=8), number)
                    builder.store(builder.fadd(builder.load(each), term), each)
            for k, each in enumerate(sums):
                builder.store(builder.load(each), place(y, first, k), align=8)
            return context.get_dummy_value()

        return signature, generate

    return columns


_columns_8, _columns_16, _columns_32 = _columns(1), _columns(2), _columns(4)


@kernel()
def multiply(P: Array, x: Array, y: Array) -> None:
    """Write y = P x.  P: (m, m) symmetric; x, y: (m,)."""
    m = x.shape[0]
    if m < _LANES:
        for j in range(m):
            y[j] = 0.0
        for i in range(m):
            for j in range(m):
                y[j] += P[i, j] * x[i]
        return
    j = 0
    while j + 32 <= m:
        _columns_32(P, x, y, j)
        j += 32
    if j + 16 <= m:
        _columns_16(P, x, y, j)
        j += 16
    if j + 8 <= m:
        _columns_8(P, x, y, j)
        j += 8
    if j < m:
        _columns_8(P, x, y, m - 8)  # some of them once more: the same numbers
