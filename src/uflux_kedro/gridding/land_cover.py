"""Regrid classes between projections.

A coarser target cell takes the most frequent class among the source cells whose centres lie in it,
a finer one the class of the source cell in which its own centre lies. Centres are counted because
GDAL's mode covers a box around the target cell: in the sinusoidal projection of MODIS, far from
Greenwich, that box is several times as wide as a cell in degrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from uflux_kedro.errors import InputError
from uflux_kedro.gridding.projections import Cells, project_centres, project_points
from uflux_kedro.lazy import xr
from uflux_kedro.variables import IGBP_CLASSES

if TYPE_CHECKING:
    import dask.array as da

    from uflux_kedro.gridding.grids import ProjectedGrid, TargetGrid

_Blocks = Sequence[Sequence[tuple[tuple[slice, slice], Any]]]

_SOURCE_BLOCK = (400, 3600)
"""Rows and columns of the source under a block of the target, some two million cells with the
overlap. Flat blocks overlap little where meridians are slanted in the source's projection."""

_MAX_BLOCK = 512
"""Longest edge of a block of the target, in its own cells."""

_CHUNK = 2048
"""Edge of the chunks that are returned, cells."""

_MARGIN = 2
"""Source cells added on each side, since an edge may bulge between the points of the lattice."""


def class_of_cells(
    data: xr.DataArray, crs: str, grid: TargetGrid | ProjectedGrid, target: xr.Dataset
) -> xr.DataArray:
    """Regrid a map of classes.

    Args:
        data: Codes on two evenly spaced axes, ``latitude`` and ``longitude`` or ``y`` and ``x``.
        crs: Their projection, as pyproj reads it.
        grid: The target grid.
        target: Its coordinates.

    Returns:
        Codes of the target's cells, lazy in blocks; water (0) where the source has no cell.

    Raises:
        InputError: If source and target do not overlap.
    """
    import dask.array as da

    axes = ("y", "x") if "x" in data.dims else ("latitude", "longitude")
    data = data.transpose(*axes)
    data = data.sortby([a for a in axes if not data.indexes[a].is_monotonic_increasing])
    source = _cells(crs, *(data[axis].to_numpy() for axis in axes))
    names = ("latitude", "longitude") if "x" not in target.dims else ("y", "x")
    all_cells = grid.cells()
    values = data.data if isinstance(data.data, da.Array) else da.from_array(data.to_numpy())
    sides = (int(cells * source.metres / all_cells.metres) for cells in _SOURCE_BLOCK)
    rows, columns = (
        _spans(count, max(1, min(side, _MAX_BLOCK)))
        for count, side in zip((all_cells.rows, all_cells.columns), sides, strict=True)
    )
    source_blocks = _blocks_of(values)
    blocks = [
        [_block(source_blocks, source, all_cells.part(r, c), values.dtype) for c in columns]
        for r in rows
    ]
    if all(block is None for row in blocks for block in row):
        raise InputError(
            str(data.name),
            None,
            expected=f"a map that overlaps the grid, {all_cells.extent()} in {all_cells.crs}",
            found=f"one from {source.extent()} in {source.crs}",
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
    """The part of one source block under a block of the target.

    Attributes:
        window: Its rows and columns within the source block.
        cells: Its cells.
    """

    window: tuple[slice, slice]
    cells: Cells


def _block(blocks: _Blocks, source: Cells, target: Cells, dtype: np.dtype) -> da.Array | None:
    """Return the classes of a block of the target, lazily; None where the source has no cells."""
    import dask
    import dask.array as da

    window = _source_window(source, target)
    if window is None:
        return None
    used, parts = [], []
    for row in blocks:
        for span, block in row:
            (top, bottom), (left, right) = (
                (max(wanted.start, own.start), min(wanted.stop, own.stop))
                for wanted, own in zip(window, span, strict=True)
            )
            if top < bottom and left < right:
                first = span[0].start, span[1].start
                inner = (
                    slice(top - first[0], bottom - first[0]),
                    slice(left - first[1], right - first[1]),
                )
                used.append(block)
                parts.append(_Part(inner, source.part(slice(top, bottom), slice(left, right))))
    found = dask.delayed(_classes)(used, parts, target, dtype)
    return da.from_delayed(found, (target.rows, target.columns), dtype)


def _blocks_of(values: da.Array) -> _Blocks:
    """Return each dask block with its rows and columns; a block is computed once for all uses."""
    spans = [
        [slice(end - size, end) for size, end in zip(sizes, np.cumsum(sizes), strict=True)]
        for sizes in values.chunks
    ]
    # With an optimised graph every slice of a block would read the block again.
    delayed = values.to_delayed(optimize_graph=False)
    return [
        [((rows, columns), delayed[i, j]) for j, columns in enumerate(spans[1])]
        for i, rows in enumerate(spans[0])
    ]


def _source_window(source: Cells, target: Cells) -> tuple[slice, slice] | None:
    """Return the rows and columns of the source that a block of the target may touch."""
    x, y = project_points(target.crs, source.crs, *target.lattice())
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
    """Return the classes of the target's cells from the source blocks under them."""
    water = IGBP_CLASSES["WAT"]
    classes = max(IGBP_CLASSES.values()) + 1
    found = np.full(target.rows * target.columns, water, dtype)
    windows = [block[part.window] for block, part in zip(blocks, parts, strict=True)]
    if all((values == water).all() for values in windows):
        return found.reshape(target.rows, target.columns)
    source = parts[0].cells
    coarser = target.metres > 1.01 * source.metres
    counts = np.zeros((found.size if coarser else 0, classes), "int32")
    x, y = project_centres(target, source.crs, (source.width, source.height))
    for values, part in zip(windows, parts, strict=True):
        of_centre = part.cells.cell_of(x, y).ravel()
        inside = of_centre < values.size
        found[inside] = values.ravel()[of_centre[inside]]
        if coarser:
            cell = target.cell_of(
                *project_centres(part.cells, target.crs, (target.width, target.height))
            )
            counted = np.bincount(
                (cell * classes + values).ravel(), minlength=(found.size + 1) * classes
            )
            counts += counted.reshape(-1, classes)[:-1]
    if coarser:
        # Where the two are nearly of one size, a target cell may hold no source centre: then it
        # takes the class under its own centre.
        found = np.where(counts.any(axis=1), counts.argmax(axis=1), found).astype(dtype)
    return found.reshape(target.rows, target.columns)
