"""w' x and x' P x for up to 32 vectors at once, in vector instructions, each number to the bit whatever the block.

Both sums are chains of fused multiply-adds in a fixed order, one chain per vector, so that a vector alone and a
vector in a block get the same bits.  P must be symmetric: only its lower triangle is read, which halves the work.

    y_j = sum_{i<j} P_ji x_i        x' P x = sum_j x_j (P_jj x_j + 2 y_j)

Written in LLVM's terms because its vectoriser does not keep the sums in registers here (measured: four times slower).
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

#: Vectors side by side in `columns`.
BLOCK: Final = 32
_LANES: Final = 8

_F64 = ir.DoubleType()
_I64 = ir.IntType(64)
_VECTOR = ir.VectorType(_F64, _LANES)


def _forms(width: int) -> Any:
    """forms(P, w, columns, quadratic, linear) for the first `width` of columns (m, BLOCK)."""
    count = width // _LANES

    @intrinsic
    def forms(typing: Any, P: Any, w: Any, columns: Any, quadratic: Any, linear: Any) -> Any:
        signature = types.void(P, w, columns, quadratic, linear)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            arrays = [
                context.make_array(kind)(context, builder, value)
                for kind, value in zip(signature.args, arguments, strict=True)
            ]
            P, w, x, quadratic, linear = (each.data for each in arrays)
            m = builder.extract_value(arrays[1].shape, 0)
            fma = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(_VECTOR, [_VECTOR] * 3), f"llvm.fma.v{_LANES}f64"
            )
            nothing = ir.Constant(_VECTOR, [0.0] * _LANES)

            def all_of(number: Any) -> Any:
                undefined = ir.Constant(_VECTOR, ir.Undefined)
                one = builder.insert_element(undefined, number, ir.Constant(ir.IntType(32), 0))
                return builder.shuffle_vector(
                    one, undefined, ir.Constant(ir.VectorType(ir.IntType(32), _LANES), [0] * _LANES)
                )

            def place(base: Any, row: Any, k: int) -> Any:
                at = builder.add(builder.mul(row, ir.Constant(_I64, BLOCK)), ir.Constant(_I64, k * _LANES))
                return builder.bitcast(builder.gep(base, [at]), _VECTOR.as_pointer())

            def sums() -> list[Any]:
                return [cgutils.alloca_once_value(builder, nothing) for _ in range(count)]

            def add(to: Any, a: Any, b: Any) -> None:
                builder.store(builder.call(fma, [a, b, builder.load(to)]), to)

            v, e, y = sums(), sums(), sums()
            for each in (*v, *e):
                builder.store(nothing, each)
            with cgutils.for_range(builder, m) as outer:
                j = outer.index
                row = builder.gep(P, [builder.mul(j, m)])
                for each in y:
                    builder.store(nothing, each)
                with cgutils.for_range(builder, j) as inner:
                    i = inner.index
                    number = all_of(builder.load(builder.gep(row, [i])))
                    for k in range(count):
                        add(y[k], number, builder.load(place(x, i, k), align=8))
                diagonal = all_of(builder.load(builder.gep(row, [j])))
                weight = all_of(builder.load(builder.gep(w, [j])))
                for k in range(count):
                    xj, yj = builder.load(place(x, j, k), align=8), builder.load(y[k])
                    add(v[k], xj, builder.call(fma, [diagonal, xj, builder.fadd(yj, yj)]))
                    add(e[k], weight, xj)
            zero = ir.Constant(_I64, 0)
            for k in range(count):
                builder.store(builder.load(v[k]), place(quadratic, zero, k), align=8)
                builder.store(builder.load(e[k]), place(linear, zero, k), align=8)
            return context.get_dummy_value()

        return signature, generate

    return forms


_forms_8, _forms_16, _forms_32 = _forms(8), _forms(16), _forms(32)


def _forms_of_one() -> Any:
    """forms(P, w, columns, quadratic, linear) for the first of columns alone: to the bit what `_forms` gives it.

    There the lanes are vectors, and one vector's chain is as long as P has cells: it waits four cycles for each.  Here
    they are eight neighbouring y_j, which take what P has in row i, since P is symmetric.
    """

    @intrinsic
    def forms_of_one(typing: Any, P: Any, w: Any, columns: Any, quadratic: Any, linear: Any) -> Any:
        signature = types.void(P, w, columns, quadratic, linear)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            arrays = [
                context.make_array(kind)(context, builder, value)
                for kind, value in zip(signature.args, arguments, strict=True)
            ]
            P, w, x, quadratic, linear = (each.data for each in arrays)
            m = builder.extract_value(arrays[1].shape, 0)
            fma, fma_of_one = (
                cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind] * 3), f"llvm.fma.{name}")
                for kind, name in ((_VECTOR, f"v{_LANES}f64"), (_F64, "f64"))
            )
            nothing, undefined = ir.Constant(_VECTOR, [0.0] * _LANES), ir.Constant(_VECTOR, ir.Undefined)

            def whole(number: int) -> Any:
                return ir.Constant(_I64, number)

            def at(j: Any) -> Any:
                return builder.load(builder.gep(x, [builder.mul(j, whole(BLOCK))]))

            def all_of(number: Any) -> Any:
                one = builder.insert_element(undefined, number, ir.Constant(ir.IntType(32), 0))
                return builder.shuffle_vector(
                    one, undefined, ir.Constant(ir.VectorType(ir.IntType(32), _LANES), [0] * _LANES)
                )

            def eight(i: Any, j: Any) -> Any:
                place = builder.gep(P, [builder.add(builder.mul(i, m), j)])
                return builder.load(builder.bitcast(place, _VECTOR.as_pointer()), align=8)

            v, e = (cgutils.alloca_once_value(builder, ir.Constant(_F64, 0.0)) for _ in range(2))
            y, tail = (
                cgutils.alloca_once_value(builder, nothing),
                cgutils.alloca_once_value(builder, ir.Constant(_F64, 0.0)),
            )

            def close(j: Any, yj: Any) -> None:
                """Add what y_j makes of both sums."""
                xj, diagonal = at(j), builder.load(builder.gep(P, [builder.mul(j, builder.add(m, whole(1)))]))
                inner = builder.call(fma_of_one, [diagonal, xj, builder.fadd(yj, yj)])
                builder.store(builder.call(fma_of_one, [xj, inner, builder.load(v)]), v)
                builder.store(builder.call(fma_of_one, [builder.load(builder.gep(w, [j])), xj, builder.load(e)]), e)

            for each in (v, e):
                builder.store(ir.Constant(_F64, 0.0), each)
            blocks = builder.udiv(m, whole(_LANES))
            with cgutils.for_range(builder, blocks) as block:
                first = builder.mul(block.index, whole(_LANES))
                builder.store(nothing, y)
                with cgutils.for_range(builder, first) as before:
                    i = before.index
                    builder.store(builder.call(fma, [eight(i, first), all_of(at(i)), builder.load(y)]), y)
                so_far = builder.load(y)
                for lane in range(_LANES):
                    close(
                        builder.add(first, whole(lane)),
                        builder.extract_element(so_far, ir.Constant(ir.IntType(32), lane)),
                    )
                    i = builder.add(first, whole(lane))
                    later = ir.Constant(ir.VectorType(ir.IntType(1), _LANES), [int(k > lane) for k in range(_LANES)])
                    so_far = builder.select(later, builder.call(fma, [eight(i, first), all_of(at(i)), so_far]), so_far)
            done = builder.mul(blocks, whole(_LANES))
            with cgutils.for_range(builder, builder.sub(m, done)) as rest:
                j = builder.add(done, rest.index)
                builder.store(ir.Constant(_F64, 0.0), tail)
                with cgutils.for_range(builder, j) as before:
                    i = before.index
                    number = builder.load(builder.gep(P, [builder.add(builder.mul(j, m), i)]))
                    builder.store(builder.call(fma_of_one, [number, at(i), builder.load(tail)]), tail)
                close(j, builder.load(tail))
            builder.store(builder.load(v), quadratic)
            builder.store(builder.load(e), linear)
            return context.get_dummy_value()

        return signature, generate

    return forms_of_one


_forms_1 = _forms_of_one()


@kernel("void(f8[:,::1], f8[::1], f8[:,::1], i8, f8[::1], f8[::1])")
def forms(P: Array, w: Array, columns: Array, rows: int, quadratic: Array, linear: Array) -> None:
    """Write quadratic[r] = x_r' P x_r and linear[r] = w' x_r for the first `rows` of the vectors in columns.

    P: (m, m) symmetric; w: (m,); columns: (m, BLOCK); quadratic, linear: (BLOCK,).  Of the last
    three more than `rows` may be overwritten.
    """
    if rows == 1:
        _forms_1(P, w, columns, quadratic, linear)
        return
    for r in range(rows, 8 if rows <= 8 else 16 if rows <= 16 else BLOCK):
        # What lies in lanes that nobody asked for is computed with, too: denormal numbers took twenty times as long.
        for j in range(columns.shape[0]):
            columns[j, r] = 0.0
    if rows <= 8:
        _forms_8(P, w, columns, quadratic, linear)
    elif rows <= 16:
        _forms_16(P, w, columns, quadratic, linear)
    else:
        _forms_32(P, w, columns, quadratic, linear)
