"""Symmetric matrices as packed triangles, and the one pass over them that learning needs.

A matrix of M rows (M a multiple of 8, n = M / 8) is kept as its blocks of 8 by 8 on and above the diagonal, row of
blocks after row of blocks, each 64 numbers in a run: 32 n (n + 1) float64 instead of M^2.

Sherman-Morrison for one more row x needs y = P x first and then P - y y' / (1 + x'y): two passes, each as long as
reading the matrix takes.  Here the second waits until the next product is due (`advance`), so there is one.  What waits
is a vector s, and the matrix that is meant is P - s s'.

Written in LLVM's terms because its vectoriser does not keep the sums in registers (as in `quadratic`).  Sums are chains
of fused multiply-adds in a fixed order: the same bits on every machine.
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

LANES: Final = 8
_F64 = ir.DoubleType()
_I32 = ir.IntType(32)
_I64 = ir.IntType(64)
_VECTOR = ir.VectorType(_F64, LANES)
_ZERO = ir.Constant(_VECTOR, [0.0] * LANES)


def padded(m: int) -> int:
    """The least multiple of 8 that is at least m."""
    return -(-m // LANES) * LANES


@kernel("i8(i8)")
def size(rows: int) -> int:
    """How many numbers a matrix of so many rows takes; rows: a multiple of 8."""
    n = rows // LANES
    return n * (n + 1) // 2 * LANES * LANES


def _splat(builder: Any, number: Any) -> Any:
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, ir.Constant(_I32, 0))
    lanes = ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES)
    return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), lanes)


def _sum(builder: Any, vector: Any) -> Any:
    """Halves on halves, down to one number."""
    width = LANES
    while width > 1:
        width //= 2
        undefined = ir.Constant(vector.type, ir.Undefined)
        low, high = (
            builder.shuffle_vector(
                vector, undefined, ir.Constant(ir.VectorType(_I32, width), list(range(first, first + width)))
            )
            for first in (0, width)
        )
        vector = builder.fadd(low, high)
    return builder.extract_element(vector, ir.Constant(_I32, 0))


def _fma(builder: Any) -> Any:
    return cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(_VECTOR, [_VECTOR] * 3), f"llvm.fma.v{LANES}f64"
    )


def _at(builder: Any, base: Any, index: Any) -> Any:
    """Where the vector is that begins at a number's index."""
    return builder.bitcast(builder.gep(base, [index]), _VECTOR.as_pointer())


def _pass(*, scaled: bool) -> Any:
    """run(P, s, scale, x, y): P <- (P - s s') scale, y <- P x."""

    @intrinsic
    def run(typing: Any, P: Any, s: Any, scale: Any, x: Any, y: Any) -> Any:
        signature = types.void(P, s, scale, x, y)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            arrays = [context.make_array(signature.args[k])(context, builder, arguments[k]) for k in (0, 1, 3, 4)]
            P, s, x, y = (each.data for each in arrays)
            fma, eight = _fma(builder), ir.Constant(_I64, LANES)
            n = builder.udiv(builder.extract_value(arrays[2].shape, 0), eight)
            factor = _splat(builder, arguments[2]) if scaled else None
            position = cgutils.alloca_once_value(builder, ir.Constant(_I64, 0))
            builder.store(ir.Constant(_I64, 0), position)
            sums = [cgutils.alloca_once_value(builder, _ZERO) for _ in range(LANES)]
            with cgutils.for_range(builder, n) as clearing:
                builder.store(_ZERO, _at(builder, y, builder.mul(clearing.index, eight)), align=8)

            def block(q: Any, row_x: list[Any], row_s: list[Any], *, diagonal: bool) -> None:
                here = builder.mul(q, eight)
                s_q = builder.load(_at(builder, s, here), align=8)
                x_q = builder.load(_at(builder, x, here), align=8)
                column = [_ZERO, _ZERO]
                begin = builder.load(position)
                for r in range(LANES):
                    place = _at(builder, P, builder.add(begin, ir.Constant(_I64, r * LANES)))
                    v = builder.call(fma, [row_s[r], s_q, builder.load(place, align=8)])
                    if scaled:
                        v = builder.fmul(v, factor)
                    builder.store(v, place, align=8)
                    builder.store(builder.call(fma, [v, x_q, builder.load(sums[r])]), sums[r])
                    if not diagonal:
                        column[r % 2] = builder.call(fma, [row_x[r], v, column[r % 2]])
                if not diagonal:
                    place = _at(builder, y, here)
                    added = builder.fadd(builder.load(place, align=8), builder.fadd(*column))
                    builder.store(added, place, align=8)
                builder.store(builder.add(begin, ir.Constant(_I64, LANES * LANES)), position)

            with cgutils.for_range(builder, n) as outer:
                p = outer.index
                first = builder.mul(p, eight)
                row_x, row_s = [], []
                for r in range(LANES):
                    at = builder.add(first, ir.Constant(_I64, r))
                    row_x.append(_splat(builder, builder.load(builder.gep(x, [at]))))
                    row_s.append(_splat(builder, builder.fneg(builder.load(builder.gep(s, [at])))))
                for each in sums:
                    builder.store(_ZERO, each)
                block(p, row_x, row_s, diagonal=True)
                with cgutils.for_range(builder, n, builder.add(p, ir.Constant(_I64, 1))) as inner:
                    block(inner.index, row_x, row_s, diagonal=False)
                for r in range(LANES):
                    place = builder.gep(y, [builder.add(first, ir.Constant(_I64, r))])
                    builder.store(builder.fadd(builder.load(place), _sum(builder, builder.load(sums[r]))), place)
            return context.get_dummy_value()

        return signature, generate

    return run


_plain, _scaled = _pass(scaled=False), _pass(scaled=True)


@intrinsic
def _dot(typing: Any, x: Any, y: Any) -> Any:
    signature = types.float64(x, y)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        arrays = [context.make_array(k)(context, builder, v) for k, v in zip(signature.args, arguments, strict=True)]
        x, y = (each.data for each in arrays)
        fma, pair = _fma(builder), ir.Constant(_I64, 2 * LANES)
        length = builder.extract_value(arrays[0].shape, 0)
        sums = [cgutils.alloca_once_value(builder, _ZERO) for _ in range(2)]
        for each in sums:
            builder.store(_ZERO, each)

        def add(at: Any, to: Any) -> None:
            factors = [builder.load(_at(builder, base, at), align=8) for base in (x, y)]
            builder.store(builder.call(fma, [*factors, builder.load(to)]), to)

        pairs = builder.udiv(length, pair)
        with cgutils.for_range(builder, pairs) as loop:
            at = builder.mul(loop.index, pair)
            add(at, sums[0])
            add(builder.add(at, ir.Constant(_I64, LANES)), sums[1])
        rest = builder.mul(pairs, pair)
        with builder.if_then(builder.icmp_unsigned("<", rest, length)):
            add(rest, sums[0])
        return _sum(builder, builder.fadd(*(builder.load(each) for each in sums)))

    return signature, generate


@kernel("f8(f8[::1], f8[::1])")
def dot_lanes(x: Array, y: Array) -> float:
    """x'y; both (M,), M a multiple of 8."""
    return _dot(x, y)  # type: ignore[no-any-return]


@kernel("void(f8[::1], f8[::1], f8, f8[::1], f8[::1])")
def advance(P: Array, waiting: Array, scale: float, x: Array, y: Array) -> None:
    """P <- (P - s s') scale, s = waiting; write y = P x.  P: (size(M),); the others (M,), and not the same memory.

    waiting is not changed: the caller writes into it what now waits.
    """
    if scale == 1.0:
        _plain(P, waiting, scale, x, y)
    else:
        _scaled(P, waiting, scale, x, y)


@kernel("void(f8[::1], f8[::1])")
def diagonal(P: Array, out: Array) -> None:
    """Write the diagonal, (M,)."""
    n = out.shape[0] // LANES
    begin = 0
    for p in range(n):
        for r in range(LANES):
            out[p * LANES + r] = P[begin + r * (LANES + 1)]
        begin += (n - p) * LANES * LANES


@kernel("void(f8[::1], f8[::1])")
def set_diagonal(P: Array, values: Array) -> None:
    """P <- the diagonal matrix of these values, (M,)."""
    n = values.shape[0] // LANES
    P[:] = 0.0
    begin = 0
    for p in range(n):
        for r in range(LANES):
            P[begin + r * (LANES + 1)] = values[p * LANES + r]
        begin += (n - p) * LANES * LANES


def to_square(P: Array, rows: int) -> Array:
    """The whole matrix, (rows, rows)."""
    n = rows // LANES
    full = np.empty((rows, rows))
    blocks = iter(P.reshape(-1, LANES, LANES))
    for p in range(n):
        for q in range(p, n):
            block = next(blocks)
            full[p * LANES : (p + 1) * LANES, q * LANES : (q + 1) * LANES] = block
            full[q * LANES : (q + 1) * LANES, p * LANES : (p + 1) * LANES] = block.T
    return full


def from_square(full: Array) -> Array:
    """The packed form of a symmetric matrix whose number of rows is a multiple of 8."""
    n = len(full) // LANES
    blocks = [full[p * LANES : (p + 1) * LANES, q * LANES : (q + 1) * LANES] for p in range(n) for q in range(p, n)]
    return np.ascontiguousarray(blocks).reshape(-1)
