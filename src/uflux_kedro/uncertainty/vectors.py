"""Squared distances from one place to several points or boxes at a time, as vectors.

Loops over so few numbers are not vectorised by the compiler, and are ten times slower.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


def distances(lanes: int, *, boxes: bool) -> Any:
    """Return a compiled function that adds squared distances along all coordinates.

    The arguments of the function, whose arrays are contiguous and of one dimension, are:

    - place: (coordinates,) float32.
    - middles: float32, points or middles of boxes: ``lanes`` numbers for each coordinate.
    - halves: half widths of the boxes, likewise; not read for points.
    - first: uint64, position of the first number in ``middles`` and ``halves``.
    - bound: float32.
    - squares: float32, whose first ``lanes`` numbers are read and written.

    It returns a uint64 with the bits of the lanes whose sum is not above ``bound``. An infinite
    middle is infinitely far; NaN is not allowed.

    Args:
        lanes: Number of points or boxes, at most 64.
        boxes: Whether there are widths: within a box the distance is 0.
    """

    def add_squares(typing_context, place, middles, halves, first, bound, squares):
        def generate(context, builder, signature, arguments):
            real, word = ir.FloatType(), ir.IntType(64)
            vector = ir.VectorType(real, lanes)
            places, *others = (
                context.make_array(signature.args[i])(context, builder, arguments[i])
                for i in (0, 1, 2, 5)
            )
            middles, halves, squares = (array.data for array in others)
            width = cgutils.unpack_tuple(builder, places.shape)[0]
            exact = ("nnan", "nsz", "contract")

            def pointer(start, index):
                return builder.bitcast(builder.gep(start, [index]), vector.as_pointer())

            def spread(scalar):
                nothing = ir.Constant(vector, ir.Undefined)
                one = builder.insert_element(nothing, scalar, ir.Constant(ir.IntType(32), 0))
                same = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
                return builder.shuffle_vector(one, nothing, same)

            def larger(a, b):
                return builder.select(builder.fcmp_ordered(">", a, b, flags=exact), a, b)

            zero = ir.Constant(vector, [0.0] * lanes)
            stored = pointer(squares, ir.Constant(word, 0))
            total = cgutils.alloca_once(builder, vector)
            builder.store(builder.load(stored, align=4), total)
            with cgutils.for_range(builder, width) as loop:
                value = spread(builder.load(builder.gep(places.data, [loop.index])))
                step = builder.mul(loop.index, ir.Constant(word, lanes))
                index = builder.add(arguments[3], step)
                middle = builder.load(pointer(middles, index), align=4)
                away = builder.fsub(middle, value, flags=exact)
                if boxes:
                    size = larger(away, builder.fsub(zero, away, flags=exact))
                    half = builder.load(pointer(halves, index), align=4)
                    away = larger(builder.fsub(size, half, flags=exact), zero)
                square = builder.fmul(away, away, flags=exact)
                builder.store(builder.fadd(builder.load(total), square, flags=exact), total)
            sums = builder.load(total)
            builder.store(sums, stored, align=4)
            within = builder.fcmp_ordered("<=", sums, spread(arguments[4]), flags=exact)
            return builder.zext(builder.bitcast(within, ir.IntType(lanes)), word)

        arguments = (place, middles, halves, types.uint64, types.float32, squares)
        return types.uint64(*arguments), generate

    return intrinsic(add_squares)


def _lowest_bit(typing_context, bits):
    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


lowest_bit: Any = intrinsic(_lowest_bit)
"""Compiled function of a uint64 that is not 0: the position of its lowest bit."""
