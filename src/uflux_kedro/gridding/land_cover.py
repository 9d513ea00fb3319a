"""The class of each target cell where source and target lie in different projections.

A class is never blended: a coarser cell takes that of most of the source's cells whose centres lie
in it, a finer one that of the source's cell in which its own centre lies. Centres are counted, since
GDAL's mode is over a box around the target cell, and in the sinusoidal projection of MODIS that box
is up to several times as wide as a cell of degrees far from Greenwich.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from uflux_kedro.errors import InputError
from uflux_kedro.gridding.cells import Cells, carry, centres_in
from uflux_kedro.lazy import xr
from uflux_kedro.variables import IGBP_CLASSES

if TYPE_CHECKING:
    import dask.array as da

    from uflux_kedro.gridding.grids import ProjectedGrid, TargetGrid

_Blocks = Sequence[Sequence[tuple[tuple[slice, slice], Any]]]

_BLOCK = (400, 3600)
"""Rows and columns of the source beneath a block of the target. Flat ones share little with their
neighbours where degrees lie aslant in the source; with that they hold some two million cells."""

_CELLS = 512
"""Edge of a block of the target in its own cells, at most."""

_CHUNK = 2048
"""Edge of the blocks that are handed on."""

_MARGIN = 2
"""Cells of the source by which an edge may bulge between those points."""


def class_of_cells(
    data: xr.DataArray, crs: str, grid: TargetGrid | ProjectedGrid, target: xr.Dataset
) -> xr.DataArray:
    """Bring a map of classes onto a grid.

    Args:
        data: Codes on two evenly spaced axes, ``latitude`` and ``longitude`` or ``y`` and ``x``.
        crs: Their projection, as pyproj reads it.
        grid: The target.
        target: Its coordinates.

    Returns:
        Codes of the target's cells, lazy in blocks; water (0) where the source has no cell.

    Raises:
        InputError: If the two have no place in common.
    """
    import dask.array as da

    axes = ("y", "x") if "x" in data.dims else ("latitude", "longitude")
    data = data.transpose(*axes)
    data = data.sortby([a for a in axes if not data.indexes[a].is_monotonic_increasing])
    source = _cells(crs, *(data[axis].to_numpy() for axis in axes))
    names = ("latitude", "longitude") if "x" not in target.dims else ("y", "x")
    whole = grid.cells()
    values = data.data if isinstance(data.data, da.Array) else da.from_array(data.to_numpy())
    sides = (int(cells * source.metres / whole.metres) for cells in _BLOCK)
    rows, columns = (
        _spans(count, max(1, min(side, _CELLS)))
        for count, side in zip((whole.rows, whole.columns), sides, strict=True)
    )
    given = _blocks_of(values)
    blocks = [
        [_block(given, source, whole.part(r, c), values.dtype) for c in columns] for r in rows
    ]
    if all(block is None for row in blocks for block in row):
        raise InputError(
            str(data.name),
            None,
            expected=f"cells within {whole.extent()} of {whole.crs}",
            found=f"none in {source.extent()} of {source.crs}",
        )
    water = IGBP_CLASSES["WAT"]
    found = da.block(
        [
            [
                da.full((r.stop - r.start, c.stop - c.start), water, dtype=data.dtype, chunks=-1)
                if block is None
                else block
                for c, block in zip(columns, row, strict=True)
            ]
            for r, row in zip(rows, blocks, strict=True)
        ]
    )
    coords = {name: target[name] for name in names}
    found = found.rechunk(tuple(min(_CHUNK, edge) for edge in found.shape))
    return xr.DataArray(found, coords, names, data.name, data.attrs)


def _cells(crs: str, y: np.ndarray, x: np.ndarray) -> Cells:
    width, height = float(np.diff(x).mean()), float(np.diff(y).mean())
    west, south = float(x[0]) - width / 2, float(y[0]) - height / 2
    return Cells(crs, west, south, width, height, y.size, x.size)


def _spans(count: int, side: int) -> Sequence[slice]:
    return [slice(start, min(start + side, count)) for start in range(0, count, side)]


class _Part(NamedTuple):
    """What one block of the source gives to a block of the target: where in it, and its cells."""

    window: tuple[slice, slice]
    cells: Cells


def _block(blocks: _Blocks, source: Cells, target: Cells, dtype: np.dtype) -> da.Array | None:
    """Classes of a block of the target, lazily; None where the source has nothing beneath it."""
    import dask
    import dask.array as da

    window = _beneath(source, target)
    if window is None:
        return None
    given, parts = [], []
    for row in blocks:
        for whole, block in row:
            (top, bottom), (left, right) = (
                (max(seen.start, own.start), min(seen.stop, own.stop))
                for seen, own in zip(window, whole, strict=True)
            )
            if top < bottom and left < right:
                first = whole[0].start, whole[1].start
                inner = (
                    slice(top - first[0], bottom - first[0]),
                    slice(left - first[1], right - first[1]),
                )
                given.append(block)
                parts.append(_Part(inner, source.part(slice(top, bottom), slice(left, right))))
    found = dask.delayed(_classes)(given, parts, target, dtype)
    return da.from_delayed(found, (target.rows, target.columns), dtype)


def _blocks_of(values: da.Array) -> _Blocks:
    """Rows and columns of each block, and the block itself, which is computed once for all."""
    spans = [
        [slice(end - size, end) for size, end in zip(sizes, np.cumsum(sizes), strict=True)]
        for sizes in values.chunks
    ]
    # Optimised, every slice of a block would read it again.
    delayed = values.to_delayed(optimize_graph=False)
    return [
        [((rows, columns), delayed[i, j]) for j, columns in enumerate(spans[1])]
        for i, rows in enumerate(spans[0])
    ]


def _beneath(source: Cells, target: Cells) -> tuple[slice, slice] | None:
    """Rows and columns of the source that a block of the target may touch."""
    x, y = carry(target.crs, source.crs, *target.lattice())
    spans = []
    for values, low, size, count in (
        (y, source.south, source.height, source.rows),
        (x, source.west, source.width, source.columns),
    ):
        places = (values[np.isfinite(values)] - low) / size
        if not places.size:
            return None
        first = max(int(np.floor(places.min())) - _MARGIN, 0)
        last = min(int(np.ceil(places.max())) + _MARGIN, count)
        if first >= last:
            return None
        spans.append(slice(first, last))
    return spans[0], spans[1]


def _classes(
    blocks: Sequence[np.ndarray], parts: Sequence[_Part], target: Cells, dtype: np.dtype
) -> np.ndarray:
    """Classes of the target's cells, from what the source's blocks have beneath them."""
    water = IGBP_CLASSES["WAT"]
    classes = max(IGBP_CLASSES.values()) + 1
    found = np.full(target.rows * target.columns, water, dtype)
    seen = [block[part.window] for block, part in zip(blocks, parts, strict=True)]
    if all((values == water).all() for values in seen):
        return found.reshape(target.rows, target.columns)
    source = parts[0].cells
    coarser = target.metres > 1.01 * source.metres
    counts = np.zeros((found.size if coarser else 0, classes), "int32")
    x, y = centres_in(target, source.crs, (source.width, source.height))
    for values, part in zip(seen, parts, strict=True):
        of_centre = part.cells.cell_of(x, y).ravel()
        inside = of_centre < values.size
        found[inside] = values.ravel()[of_centre[inside]]
        if coarser:
            cell = target.cell_of(
                *centres_in(part.cells, target.crs, (target.width, target.height))
            )
            counted = np.bincount(
                (cell * classes + values).ravel(), minlength=(found.size + 1) * classes
            )
            counts += counted.reshape(-1, classes)[:-1]
    if coarser:
        # Where the two are nearly of one size, a cell may hold no centre: then its own decides.
        found = np.where(counts.any(axis=1), counts.argmax(axis=1), found).astype(dtype)
    return found.reshape(target.rows, target.columns)
