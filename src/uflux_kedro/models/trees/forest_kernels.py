"""Compiled code that grows one tree on binned rows.

A row is a record of 64-bit words: its weight words first, then one byte for each column, padded
to a multiple of four words so that records are copied in whole vectors. The rows of a node are
contiguous. Splitting a node copies them to the other of two buffers, left rows from the front and
right rows from the back, so a node needs no index into the table.

There are two kinds of weight words:

- *Packed* (one target, equal weights): one integer, ``1 << shift`` plus the target on a fixed
  scale. One integer sum holds both the count and the sum, is exact, and is the same in any order.
- *General* (several targets or unequal weights): ``weight * target`` of each target, then the
  weight, as float64.

For nodes see ``walk_kernels``.
"""

# ruff: noqa: PLR0912, PLR0915, SIM110 (long loops without calls are fast; numba has no all())
from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import int64, njit, types, uint64
from numba.extending import intrinsic

QUAD = 4
"""The length of a record is a multiple of this many words."""

_PAIRWISE = 10
"""Up to this many rows, a sum for each row's bin is faster than a histogram."""

_DENSE = 128
"""Above this many rows, a loop over all 256 bins is faster than one over the occupied bins."""

_compile = njit(nogil=True, cache=True, error_model="numpy")
_inline = njit(nogil=True, cache=True, error_model="numpy", forceinline=True)

# All integers are unsigned: for signed indices numba adds a branch that wraps negative ones. And
# uint64 with a plain literal would become float64.
_0, _1, _2, _3, _4 = (np.uint64(i) for i in range(5))
_EMPTY = np.uint64(256)
_BYTE = np.uint64(255)


def _count_trailing_zeros(typing_context, word):
    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


_trailing_zeros: Any = intrinsic(_count_trailing_zeros)
"""Return the position of the lowest set bit of a word that is not 0."""


@_inline
def _random(state):
    """Return 64 random bits (SplitMix64, Steele et al. 2014, doi 10.1145/2660193.2660195)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@_inline
def _below(state, n):
    """Return a random integer in [0, n), or 0 for n = 0."""
    return ((_random(state) >> np.uint64(32)) * uint64(n)) >> np.uint64(32)


@_inline
def _draw_column(state, order, drawn, columns):
    """Draw the next column of a random permutation, after ``drawn`` columns."""
    j = drawn + _below(state, columns - drawn)
    column = order[j]
    order[j] = order[drawn]
    order[drawn] = column
    return column


@_inline
def _copy_row(source, i, target, o, width):
    """Copy a record, four words at a time."""
    a = source[i]
    b = source[i + _1]
    c = source[i + _2]
    d = source[i + _3]
    target[o] = a
    target[o + _1] = b
    target[o + _2] = c
    target[o + _3] = d
    if width > _4:
        for k in range(_4, width):
            target[o + k] = source[i + k]


# --- one target, equal weights ---------------------------------------------------------------


@_inline
def _span4(bytes_, first, last, stride, c0, c1, c2, c3):
    """Return the lowest and highest bin of four columns."""
    l0 = l1 = l2 = l3 = _BYTE
    h0 = h1 = h2 = h3 = _0
    for i in range(first, last, stride):
        b = uint64(bytes_[i + c0])
        l0 = min(l0, b)
        h0 = max(h0, b)
        b = uint64(bytes_[i + c1])
        l1 = min(l1, b)
        h1 = max(h1, b)
        b = uint64(bytes_[i + c2])
        l2 = min(l2, b)
        h2 = max(h2, b)
        b = uint64(bytes_[i + c3])
        l3 = min(l3, b)
        h3 = max(h3, b)
    return l0, l1, l2, l3, h0, h1, h2, h3


@_inline
def _if_left(bin_, threshold, weight):
    """Return the weight if the row goes left, else 0; by a mask, as a branch is unpredictable."""
    return weight & (_0 - uint64(uint64(bin_) <= threshold))


@_inline
def _sums4(words, bytes_, start, end, width, c0, c1, c2, c3, t0, t1, t2, t3):
    """Return the packed sums left of one threshold in each of four columns."""
    s0 = s1 = s2 = s3 = _0
    stride = width * np.uint64(8)
    for i in range(start, end):
        weight = words[i * width]
        row = i * stride
        s0 += _if_left(bytes_[row + c0], t0, weight)
        s1 += _if_left(bytes_[row + c1], t1, weight)
        s2 += _if_left(bytes_[row + c2], t2, weight)
        s3 += _if_left(bytes_[row + c3], t3, weight)
    return s0, s1, s2, s3


@_inline
def _score(left, n, mean, shift, mask, inverse):
    """Return the squared error that a split saves, by row.

    With d the sum of the left side minus n_left times the node's mean, the squared error falls by
    d**2 * n / (n_left * n_right). A side with too few rows gives ``nan`` or ``-inf``.
    """
    n_left = left >> shift
    d = np.float64(int64(left & mask)) - np.float64(int64(n_left)) * mean
    return d * d * (inverse[n_left] * inverse[n - n_left])


@_inline
def _better(left, n, mean, shift, mask, inverse, column, cut, best, best_column, best_cut):
    """Return the better of a split and the best so far."""
    score = _score(left, n, mean, shift, mask, inverse)
    if score > best:
        return score, column, cut
    return best, best_column, best_cut


@_inline
def _histogram(words, bytes_, start, end, width, column, histogram):
    stride = width * np.uint64(8)
    for i in range(start, end):
        histogram[bytes_[i * stride + column]] += words[i * width]


@_inline
def _occupied_histogram(words, bytes_, start, end, width, column, histogram, occupied):
    """Add to a histogram and mark its occupied bins, one bit each."""
    stride = width * np.uint64(8)
    for i in range(start, end):
        b = uint64(bytes_[i * stride + column])
        occupied[b >> np.uint64(6)] |= _1 << (b & np.uint64(63))
        histogram[b] += words[i * width]


@_inline
def _search_packed(
    words, bytes_, start, end, width, total, extra, columns, max_features,
    shift, inverse, order, state, histogram, occupied,
):  # fmt: skip
    """Return the best split with packed weights: gain by row (negative if none), column, bin."""
    n = end - start
    stride = width * np.uint64(8)
    mask = (_1 << shift) - _1
    mean = np.float64(int64(total & mask)) / np.float64(int64(n))
    best, column, cut = -1.0, _0, _0
    drawn = _0
    while drawn < columns and (drawn < max_features or best < 0.0):
        # Up to four columns share one pass over the rows; the first column replaces missing ones.
        # Beyond max_features columns come one by one.
        group = min(_4, max_features - drawn) if drawn < max_features else _1
        c0 = _draw_column(state, order, drawn, columns)
        if n == _2:
            drawn += _1
            a = uint64(bytes_[start * stride + c0])
            b = uint64(bytes_[start * stride + stride + c0])
            if a != b:
                # Every column that separates the two rows has the same gain.
                d = np.float64(int64(words[start * width] & mask)) - mean
                return d * d, c0, (a + b) >> _1
            continue
        c1 = _draw_column(state, order, drawn + _1, columns) if group > _1 else c0
        c2 = _draw_column(state, order, drawn + _2, columns) if group > _2 else c0
        c3 = _draw_column(state, order, drawn + _3, columns) if group > _3 else c0
        drawn += group
        if extra or n <= uint64(_PAIRWISE):
            t0 = t1 = t2 = t3 = _0
            last = end
            if extra:
                l0, l1, l2, l3, h0, h1, h2, h3 = _span4(
                    bytes_, start * stride, end * stride, stride, c0, c1, c2, c3
                )
                t0 = l0 + _below(state, h0 - l0)
                t1 = l1 + _below(state, h1 - l1) if group > _1 else t0
                t2 = l2 + _below(state, h2 - l2) if group > _2 else t0
                t3 = l3 + _below(state, h3 - l3) if group > _3 else t0
                last = start + _1
            for i in range(start, last):
                if not extra:
                    row = i * stride
                    t0 = uint64(bytes_[row + c0])
                    t1 = uint64(bytes_[row + c1])
                    t2 = uint64(bytes_[row + c2])
                    t3 = uint64(bytes_[row + c3])
                s0, s1, s2, s3 = _sums4(
                    words, bytes_, start, end, width, c0, c1, c2, c3, t0, t1, t2, t3
                )
                best, column, cut = _better(
                    s0, n, mean, shift, mask, inverse, c0, t0, best, column, cut
                )
                best, column, cut = _better(
                    s1, n, mean, shift, mask, inverse, c1, t1, best, column, cut
                )
                best, column, cut = _better(
                    s2, n, mean, shift, mask, inverse, c2, t2, best, column, cut
                )
                best, column, cut = _better(
                    s3, n, mean, shift, mask, inverse, c3, t3, best, column, cut
                )
        elif n <= uint64(_DENSE):
            for k in range(drawn - group, drawn):
                c = order[k]
                _occupied_histogram(words, bytes_, start, end, width, c, histogram, occupied)
                left = _0
                for w in range(_4):
                    bits = occupied[w]
                    occupied[w] = _0
                    while bits != _0:
                        b = _trailing_zeros(bits) + np.uint64(64) * w
                        bits &= bits - _1
                        left += histogram[b]
                        histogram[b] = _0
                        best, column, cut = _better(
                            left, n, mean, shift, mask, inverse, c, b, best, column, cut
                        )
        else:
            for k in range(drawn - group, drawn):
                c = order[k]
                _histogram(words, bytes_, start, end, width, c, histogram)
                left = _0
                for b in range(_EMPTY):
                    left += histogram[b]
                    histogram[b] = _0
                    best, column, cut = _better(
                        left, n, mean, shift, mask, inverse, c, b, best, column, cut
                    )
    if best >= 0.0 and not extra:
        # Set the threshold halfway to the next occupied bin.
        above = _EMPTY
        for i in range(start * stride + column, end * stride + column, stride):
            b = uint64(bytes_[i])
            above = min(above, b if b > cut else _EMPTY)
        cut = (cut + above) >> _1
    return best, column, cut


# --- several targets or unequal weights ------------------------------------------------------


@_compile
def _search_general(
    words, bytes_, start, end, width, targets, extra, columns, max_features, min_leaf,
    order, state,
):  # fmt: skip
    """Return the best split with float weights: gain by row (negative if none), column, bin."""
    n = end - start
    stride = width * np.uint64(8)
    floats = words.view(np.float64)
    size = targets + _1
    total = np.zeros(size)
    for i in range(start, end):
        for k in range(size):
            total[k] += floats[i * width + k]
    weight = total[targets]
    histogram = np.zeros((256, size))
    counts = np.zeros(256, np.uint64)
    left = np.zeros(size)
    best, column, cut = -1.0, _0, _0
    drawn = _0
    while drawn < columns and (drawn < max_features or best < 0.0):
        c = _draw_column(state, order, drawn, columns)
        drawn += _1
        low, high = _BYTE, _0
        for i in range(start, end):
            b = uint64(bytes_[i * stride + c])
            low = min(low, b)
            high = max(high, b)
            counts[b] += _1
            for k in range(size):
                histogram[b, k] += floats[i * width + k]
        only = low + _below(state, high - low) if extra else _EMPTY
        n_left = _0
        left[:] = 0.0
        previous = low
        for bin_ in range(low, high + _1):
            # Extra-trees split at ``only``; others between any two occupied bins.
            if bin_ > low and (bin_ == only + _1 if extra else counts[bin_] > _0):
                gain = 0.0
                for k in range(targets):
                    d = left[k] - left[targets] * total[k] / weight
                    gain += d * d
                right = weight - left[targets]
                # Rounding may leave a side without weight if one weight is very large.
                gain = (
                    gain / (left[targets] * right) if left[targets] > 0.0 and right > 0.0 else -1.0
                )
                if gain > best and n_left >= min_leaf and n - n_left >= min_leaf:
                    best, column = gain, c
                    cut = only if extra else (previous + bin_) >> _1
            if counts[bin_] > _0:
                previous = uint64(bin_)
                n_left += counts[bin_]
                counts[bin_] = _0
                for k in range(size):
                    left[k] += histogram[bin_, k]
                    histogram[bin_, k] = 0.0
    # Divided by the number of rows, as the caller multiplies by it.
    return best * weight / np.float64(int64(n)), column, cut


# --- the tree --------------------------------------------------------------------------------


@_inline
def _is_constant(words, start, end, width, targets):
    """Return whether all rows of a node have the same target; packed if ``targets`` is 0."""
    first = start * width
    if targets == _0:
        for i in range(start + _1, end):
            if words[i * width] != words[first]:
                return False
        return True
    floats = words.view(np.float64)
    for i in range(start + _1, end):
        row = i * width
        for k in range(targets):
            if (
                floats[row + k] * floats[first + targets]
                != floats[first + k] * floats[row + targets]
            ):
                return False
    return True


@_inline
def _write_leaf(words, start, end, width, targets, shift, origin, scale, values, node):
    """Write the mean target of a leaf's rows."""
    if targets == _0:
        total = _0
        for i in range(start, end):
            total += words[i * width]
        n = np.float64(int64(end - start))
        values[node, 0] = origin[0] + np.float64(int64(total & ((_1 << shift) - _1))) / n * scale
        return
    floats = words.view(np.float64)
    for k in range(targets):
        total_k = 0.0
        weight = 0.0
        for i in range(start, end):
            total_k += floats[i * width + k]
            weight += floats[i * width + targets]
        values[node, k] = origin[k] + total_k / weight


@_compile
def grow_tree(
    records, groups, n_groups, draws, chances, repeat, seed, extra, columns, targets, shift, origin,
    scale, inverse, max_features, max_depth, min_split, min_leaf, in_bag, like, column_shift,
    distance_shift,
):  # fmt: skip
    """Draw a bag and grow one tree on it.

    Args:
        records: (rows, width) uint64, see the module's docstring.
        groups: (rows,) uint32, group with which a row is drawn; 0 ... rows-1 to draw rows.
        n_groups: Number of groups.
        draws: Number of groups drawn, with replacement; 0 takes each of them once.
        chances: (rows,) uint32, chance of 2^32 with which a row of a drawn group comes into the
            bag; empty for all of them.
        repeat: Whether the bag contains a row as often as it was drawn, or else once.
        seed: uint64 of this tree.
        extra: Whether thresholds are drawn at random (extra-trees).
        columns: Number of columns.
        targets: Number of targets, 0 for packed weights.
        shift: First bit of the count in a packed word.
        origin: (targets or 1,) float64, added to every leaf.
        scale: Size of one step of a packed target.
        inverse: (most rows of a bag + 1,) float64, 1/i, and -inf for fewer than ``min_leaf``.
        max_features: Candidate columns at a node.
        max_depth: Depth at which every node is a leaf.
        min_split: Fewest rows of a node that is split.
        min_leaf: Fewest rows of a leaf.
        in_bag: (rows,) uint8, written: 0 for a row out of the bag, 1 for one in it, 2 for one that
            is left out of it though its group was drawn, if groups are drawn.
        like: Empty array of the nodes' type, uint32 or uint64.
        column_shift: First bit of the column in a node.
        distance_shift: First bit of the distance to the left child.

    Returns:
        Nodes (n,), leaf values (n, targets or 1) float32, and the importance of each column
        (columns,): the reduction of the squared error by its splits, not normalised.
    """
    rows = uint64(records.shape[0])
    width = uint64(records.shape[1])
    stride = width * np.uint64(8)
    state = np.empty(1, np.uint64)
    state[0] = seed

    drawn = np.zeros(n_groups, np.uint32) if draws > _0 else np.ones(n_groups, np.uint32)
    for _ in range(draws):
        drawn[_below(state, n_groups)] += np.uint32(1)
    passed_over = np.uint8(2) if draws > _0 else np.uint8(0)
    bag = _0
    for i in range(rows):
        taken = uint64(drawn[groups[i]])
        in_bag[i] = taken > _0
        if taken > _0:
            if chances.size > 0 and _random(state) >> np.uint64(32) >= uint64(chances[i]):
                in_bag[i] = passed_over
            else:
                bag += taken if repeat else _1
    table = records.reshape(records.size)
    words = np.empty(2 * bag * width, np.uint64)
    bytes_ = words.view(np.uint8)
    room = bag
    bag = _0
    for i in range(rows):
        if in_bag[i] == np.uint8(1):
            for _ in range(uint64(drawn[groups[i]]) if repeat else _1):
                _copy_row(table, i * width, words, bag * width, width)
                bag += _1

    payload = max(targets, _0) + _1
    order = np.empty(columns, np.uint64)
    for i in range(columns):
        order[i] = payload * np.uint64(8) + i
    histogram = np.zeros(256, np.uint64)
    occupied = np.zeros(4, np.uint64)
    importance = np.zeros(columns)
    nodes = np.empty(2 * bag, like.dtype)
    values = np.zeros((2 * bag, max(targets, _1)), np.float32)
    leaf = (_1 << column_shift) - _1

    # The smaller child comes first, so at most log2(rows) nodes wait, and the distance to a left
    # child never exceeds the number of rows.
    stack = np.empty((66, 4), np.uint64)
    stack[0, 0] = _0
    stack[0, 1] = bag
    stack[0, 2] = _0
    stack[0, 3] = _0
    waiting = _1
    count = _1
    while waiting > _0:
        waiting -= _1
        start = stack[waiting, 0]
        end = stack[waiting, 1]
        node = stack[waiting, 2]
        depth = stack[waiting, 3]
        n = end - start
        gain, column, cut = -1.0, _0, _0
        if (
            depth < max_depth
            and n >= min_split
            and n >= min_leaf + min_leaf
            and not _is_constant(words, start, end, width, targets)
        ):
            if targets == _0:
                total = _0
                for i in range(start, end):
                    total += words[i * width]
                gain, column, cut = _search_packed(
                    words, bytes_, start, end, width, total, extra, columns, max_features,
                    shift, inverse, order, state, histogram, occupied,
                )  # fmt: skip
            else:
                gain, column, cut = _search_general(
                    words, bytes_, start, end, width, targets, extra, columns, max_features,
                    min_leaf, order, state,
                )  # fmt: skip
        if gain < 0.0:
            nodes[node] = leaf
            _write_leaf(words, start, end, width, targets, shift, origin, scale, values, node)
            continue

        to = start - room if start >= room else start + room
        middle = to
        back = to + n - _1
        for i in range(start, end):
            left = uint64(uint64(bytes_[i * stride + column]) <= cut)
            _copy_row(words, i * width, words, (back + (middle - back) * left) * width, width)
            middle += left
            back += left - _1

        column -= payload * np.uint64(8)
        importance[column] += gain * np.float64(int64(n))
        nodes[node] = cut | (column << column_shift) | ((count - node) << distance_shift)
        small_left = middle - to <= to + n - middle
        for turn in range(2):
            # The larger child is pushed first, so the smaller is popped first.
            is_left = small_left == (turn == 1)
            first = to if is_left else middle
            last = middle if is_left else to + n
            child = count if is_left else count + _1
            if last - first == _1:
                nodes[child] = leaf
                _write_leaf(words, first, last, width, targets, shift, origin, scale, values, child)
                continue
            stack[waiting, 0] = first
            stack[waiting, 1] = last
            stack[waiting, 2] = child
            stack[waiting, 3] = depth + _1
            waiting += _1
        count += _2
    return nodes[:count].copy(), values[:count].copy(), importance
