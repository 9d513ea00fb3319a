"""Vectorised walks down complete trees of a few levels, sixty-four rows at a time.

Every node of the tree is compared, with one instruction for a vector of rows, and from the bottom
up every node takes the leaf that its left or right child took. These are several times as many
comparisons as in a walk from the root, but without lookups they take a third of the time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

LANES = 64
"""Rows of a vector."""

STRIDE = 256
"""Room for the rows of a column: four vectors, and a power of two."""

ROWS = 252
"""Rows in the room of a column: twenty-one of the groups of twelve of ``walk_kernels``."""


def picker(depth: int) -> Any:
    """Return a compiled function that walks one tree of ``depth`` levels, at most 8.

    Node j of a tree has the children 2 j + 1 and 2 j + 2; a row goes left if its value is not
    above the threshold. The arguments of the function are:

    - columns: (trees * nodes,) uint16, column of each node.
    - thresholds: (trees * nodes,) of the type of the values.
    - tree: uint64, number of the tree.
    - values: (columns * STRIDE,) uint8 or uint32, column by column.
    - first: uint64, first row of the vector.
    - picked: (STRIDE,) uint8, written: number of the leaf of each row.
    """
    inner = (1 << depth) - 1

    def pick_leaves(typing_context, columns, thresholds, tree, values, first, picked):
        def generate(context, builder, signature, arguments):
            byte, short, word = (ir.IntType(n) for n in (8, 16, 64))
            kind = ir.IntType(signature.args[3].dtype.bitwidth)
            vector, numbers = ir.VectorType(kind, LANES), ir.VectorType(byte, LANES)
            lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
            _, _, tree, _, first, _ = arguments
            columns, thresholds, values, picked = (
                context.make_array(signature.args[i])(context, builder, arguments[i]).data
                for i in (0, 1, 3, 5)
            )

            def load(pointer, index, kind, align):
                place = builder.bitcast(builder.gep(pointer, [index]), kind.as_pointer())
                return builder.load(place, align=align)

            def spread(scalar):
                nothing = ir.Constant(vector, ir.Undefined)
                one = builder.insert_element(nothing, scalar, ir.Constant(ir.IntType(32), 0))
                return builder.shuffle_vector(one, nothing, lanes)

            root = builder.mul(tree, ir.Constant(word, inner))

            def pick(node):
                if node >= inner:
                    return ir.Constant(numbers, [node - inner] * LANES)
                number = builder.add(root, ir.Constant(word, node))
                column = builder.zext(load(columns, number, short, 2), word)
                row = builder.add(builder.mul(column, ir.Constant(word, STRIDE)), first)
                threshold = spread(load(thresholds, number, kind, 1))
                right = builder.icmp_unsigned(">", load(values, row, vector, 1), threshold)
                return builder.select(right, pick(2 * node + 2), pick(2 * node + 1))

            target = builder.bitcast(builder.gep(picked, [first]), numbers.as_pointer())
            builder.store(pick(0), target, align=1)
            return context.get_dummy_value()

        word = types.uint64
        return types.void(columns, thresholds, word, values, word, picked), generate

    return intrinsic(pick_leaves)


@njit(nogil=True, cache=True, error_model="numpy")
def side_by_side(rows):
    """Transpose (n, columns) to (pieces, columns, STRIDE), padded with zeros."""
    n, width = rows.shape
    pieces = np.zeros(((n + ROWS - 1) // ROWS, width, STRIDE), rows.dtype)
    for i in range(n):
        for column in range(width):
            pieces[i // ROWS, column, i % ROWS] = rows[i, column]
    return pieces
