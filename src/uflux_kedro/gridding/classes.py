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
from uflux_kedro.gridding.cells import DEGREES, METRES_PER_DEGREE, transformer
from uflux_kedro.lazy import xr
from uflux_kedro.variables import IGBP_CLASSES

if TYPE_CHECKING:
    import dask.array as da

    from uflux_kedro.gridding.alignment import TargetGrid
    from uflux_kedro.gridding.projected import ProjectedGrid

_Blocks = Sequence[Sequence[tuple[tuple[slice, slice], Any]]]

_BLOCK = (400, 3600)
"""Rows and columns of the source beneath a block of the target. Flat ones share little with their
neighbours where degrees lie aslant in the source; with that they hold some two million cells."""

_CELLS = 512
"""Edge of a block of the target in its own cells, at most."""

_CHUNK = 2048
"""Edge of the blocks that are handed on."""

_POINTS = 101
"""Points on each edge of a block by which the part of the source beneath it is found."""

_STEP, _OFF = 16, 1e-3
"""Cells from one that is carried to another projection to the next, and how far off, in cells there,
those between them may be."""

_MARGIN = 2
"""Cells of the source by which an edge may bulge between those points."""


class _Cells(NamedTuple):
    """Cells of one size, rows ascending.

    Attributes:
        crs: Their projection.
        west: Western edge.
        south: Southern edge.
        width: Of a cell, in the projection's unit.
        height: Of a cell.
        rows: Number of rows.
        columns: Number of columns.
    """

    crs: str
    west: float
    south: float
    width: float
    height: float
    rows: int
    columns: int

    @property
    def metres(self) -> float:
        """Height of a cell, metres."""
        return self.height * (METRES_PER_DEGREE if self.crs == DEGREES else 1)

    def extent(self) -> str:
        """Where they lie, for messages."""
        east, north = self.west + self.columns * self.width, self.south + self.rows * self.height
        return f"{self.west:g} to {east:g}, {self.south:g} to {north:g}"

    def part(self, rows: slice, columns: slice) -> _Cells:
        """These rows and columns."""
        return self._replace(
            west=self.west + columns.start * self.width,
            south=self.south + rows.start * self.height,
            rows=rows.stop - rows.start,
            columns=columns.stop - columns.start,
        )

    def centres(self) -> tuple[np.ndarray, np.ndarray]:
        """Abscissae and ordinates (rows, columns)."""
        x = self.west + (np.arange(self.columns) + 0.5) * self.width
        y = self.south + (np.arange(self.rows) + 0.5) * self.height
        x, y = np.meshgrid(x, y)
        return x, y

    def cell_of(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Number of the cell in which each place lies, row by row; one more than all for none."""
        with np.errstate(invalid="ignore"):
            row, column = (y - self.south) / self.height, (x - self.west) / self.width
            inside = (row >= 0) & (row < self.rows) & (column >= 0) & (column < self.columns)
            index = row.astype("int32") * np.int32(self.columns) + column.astype("int32")
        return np.where(inside, index, np.int32(self.rows * self.columns))


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
    whole = _Cells(
        getattr(grid, "crs", DEGREES),
        grid.west,
        grid.south,
        grid.resolution,
        grid.resolution,
        *(target.sizes[n] for n in names),
    )
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


def _cells(crs: str, y: np.ndarray, x: np.ndarray) -> _Cells:
    width, height = float(np.diff(x).mean()), float(np.diff(y).mean())
    west, south = float(x[0]) - width / 2, float(y[0]) - height / 2
    return _Cells(crs, west, south, width, height, y.size, x.size)


def _spans(count: int, side: int) -> Sequence[slice]:
    return [slice(start, min(start + side, count)) for start in range(0, count, side)]


class _Part(NamedTuple):
    """What one block of the source gives to a block of the target: where in it, and its cells."""

    window: tuple[slice, slice]
    cells: _Cells


def _block(blocks: _Blocks, source: _Cells, target: _Cells, dtype: np.dtype) -> da.Array | None:
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


def _beneath(source: _Cells, target: _Cells) -> tuple[slice, slice] | None:
    """Rows and columns of the source that a block of the target may touch."""
    share = np.linspace(0, 1, _POINTS)
    x, y = np.meshgrid(
        target.west + share * target.columns * target.width,
        target.south + share * target.rows * target.height,
    )
    x, y = _carry(target.crs, source.crs, x, y)
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
    blocks: Sequence[np.ndarray], parts: Sequence[_Part], target: _Cells, dtype: np.dtype
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
    x, y = _centres(target, source)
    for values, part in zip(seen, parts, strict=True):
        of_centre = part.cells.cell_of(x, y).ravel()
        inside = of_centre < values.size
        found[inside] = values.ravel()[of_centre[inside]]
        if coarser:
            cell = target.cell_of(*_centres(part.cells, target))
            counted = np.bincount(
                (cell * classes + values).ravel(), minlength=(found.size + 1) * classes
            )
            counts += counted.reshape(-1, classes)[:-1]
    if coarser:
        # Where the two are nearly of one size, a cell may hold no centre: then its own decides.
        found = np.where(counts.any(axis=1), counts.argmax(axis=1), found).astype(dtype)
    return found.reshape(target.rows, target.columns)


def _centres(cells: _Cells, end: _Cells) -> tuple[np.ndarray, np.ndarray]:
    """Centres of cells in the projection of others.

    Every sixteenth is carried there and the rest interpolated, as GDAL does; where that is not good
    to a thousandth of the others' cells, as at the edge of the map, all are carried.
    """
    knots = [_knots(cells.rows), _knots(cells.columns)]
    if (
        min(len(k) for k in knots) > 1
        and len(knots[0]) * len(knots[1]) * 4 < cells.rows * cells.columns
    ):
        middles = [(k[:-1] + k[1:]) / 2 for k in knots]
        at_knots, at_middles = (
            _carry(
                cells.crs,
                end.crs,
                *np.meshgrid(
                    cells.west + (columns + 0.5) * cells.width,
                    cells.south + (rows + 0.5) * cells.height,
                ),
            )
            for rows, columns in (knots, middles)
        )
        off = [
            np.abs(middle - (k[:-1, :-1] + k[1:, :-1] + k[:-1, 1:] + k[1:, 1:]) / 4).max() / size
            for k, middle, size in zip(at_knots, at_middles, (end.width, end.height), strict=True)
        ]
        # Infinite places make it NaN.
        if max(off) <= _OFF:
            rows, columns = (
                _between(k, n) for k, n in zip(knots, (cells.rows, cells.columns), strict=True)
            )
            x, y = (rows @ values @ columns.T for values in at_knots)
            return x, y
    return _carry(cells.crs, end.crs, *cells.centres())


def _knots(count: int) -> np.ndarray:
    """Every sixteenth place of so many, and the last."""
    return np.unique([*range(0, count, _STEP), count - 1]).astype(float)


def _between(knots: np.ndarray, count: int) -> np.ndarray:
    """Weights (count, knots) of linear interpolation."""
    places = np.arange(count)
    left = np.clip(np.searchsorted(knots, places, "right") - 1, 0, len(knots) - 2)
    share = (places - knots[left]) / (knots[left + 1] - knots[left])
    weights = np.zeros((count, len(knots)))
    weights[places, left], weights[places, left + 1] = 1 - share, share
    return weights


def _carry(start: str, end: str, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places in another projection; infinite where they lie beyond the Earth's edge."""
    longitude, latitude = x, y
    if start != DEGREES:
        longitude, latitude = transformer(start, DEGREES).transform(x, y)
        # A hair more than half a turn is the rounding of an edge.
        longitude = np.where(np.abs(longitude) <= 180 + 1e-9, longitude, np.inf)
    if end == DEGREES:
        return longitude, latitude
    x, y = transformer(DEGREES, end).transform(longitude, latitude)
    return x, y
