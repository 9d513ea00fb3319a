"""Zarr v3 stores with overviews, each cell of which is the mean by area of the cells below it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product as combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from uflux_kedro.explorer.grid import first_edge

_CHUNK = 128
"""Cells along each side of a chunk: one or a few of them fill a screen."""
_PERIODS = 12
"""Periods in a chunk: stepping through a year reads each chunk once."""
_BLOCK_LEVEL = 3
"""Level whose chunks are read at once: 1024 cells along each side."""

_GZIP = b"\x1f\x8b"
"""How a gzip file begins."""

_CONVENTION = {
    "schema_url": "https://raw.githubusercontent.com/zarr-conventions/multiscales/refs/tags/v1/schema.json",
    "spec_url": "https://github.com/zarr-conventions/multiscales/blob/v1/README.md",
    "uuid": "d35379db-88df-4056-af3a-620245f8e347",
    "name": "multiscales",
    "description": "Multiscale layout of zarr datasets",
}

Sums = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Values times area, and the area with a value: (time, rows, columns)."""


def overviews(rows: int, columns: int, most: int | None = None) -> int:
    """Return the number of overviews, each of half the resolution, until one chunk holds all cells.

    Args:
        rows: Rows of the grid.
        columns: Columns of the grid.
        most: Highest number; None for no limit.
    """
    needed = 0
    while max(rows, columns) > _CHUNK << needed:
        needed += 1
    return needed if most is None else min(needed, most)


def write_pyramid(
    fields: Mapping[str, xr.DataArray],
    area: xr.DataArray,
    folder: Path | str,
    *,
    levels: int | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> int:
    """Write fields with their overviews as the groups ``0`` (as they are), ``1``, ... of a store.

    Blocks of 12 periods and 1024 x 1024 cells are read one by one, so memory does not grow with the
    grid. A cell of an overview is the mean, weighted by area, of those of its cells that have a value,
    and missing where none has.

    Args:
        fields: Name -> field (..., time, rows, columns); all on one grid and of the same periods.
        area: Area of the cells (rows, columns), m2.
        folder: Folder of the store.
        levels: Highest number of overviews; None for as many as it takes.
        attributes: Attributes of the store.

    Returns:
        Number of overviews.
    """
    import zarr

    rows, columns = area.dims
    count = overviews(area.sizes[rows], area.sizes[columns], levels)
    root = zarr.open_group(folder, mode="w", zarr_format=3)
    root.attrs.update({**(attributes or {}), **_layout(count)})
    any_field = next(iter(fields.values()))
    groups = [root.create_group(str(level)) for level in range(count + 1)]
    for level, group in enumerate(groups):
        _write_axes(group, any_field, level)
    for name, field in fields.items():
        arrays = [_create(group, name, field, level) for level, group in enumerate(groups)]
        leading = [range(field.sizes[dim]) for dim in field.dims[:-3]]
        for place in combinations(*leading):
            one = field.isel(dict(zip(field.dims[:-3], place, strict=True)))
            for start in range(0, one.sizes["time"], _PERIODS):
                periods = slice(start, min(start + _PERIODS, one.sizes["time"]))
                branch = _Branch(one.isel(time=periods), area, arrays, (*place, periods))
                for row, column in combinations(*map(range, _chunks(arrays[-1]))):
                    branch.make(count, row, column)
    _forget_time(Path(folder))
    return count


def _forget_time(folder: Path) -> None:
    """Take the time of writing out of the chunks, so that the same map has the same bytes.

    It is bytes 4 to 7 of a gzip member, and 0 says that there is none (RFC 1952, section 2.3.1).
    """
    for file in folder.rglob("*"):
        if file.is_file() and file.suffix != ".json":
            with file.open("r+b") as stream:
                if stream.read(2) == _GZIP:
                    stream.seek(4)
                    stream.write(bytes(4))


def _layout(count: int) -> dict[str, Any]:
    """Return the attributes of the convention for multiscale data."""
    layout: list[dict[str, Any]] = [{"asset": "0", "transform": {"scale": [1.0, 1.0]}}]
    for level in range(1, count + 1):
        layout.append(
            {
                "asset": str(level),
                "derived_from": str(level - 1),
                "transform": {"scale": [2.0, 2.0], "translation": [0.0, 0.0]},
                "resampling_method": "average",
            }
        )
    return {"zarr_conventions": [_CONVENTION], "multiscales": {"layout": layout}}


def _write_axes(group: Any, field: xr.DataArray, level: int) -> None:
    """Write the centres of the cells, and the periods."""
    for dim in field.dims[-2:]:
        centres = field[dim].to_numpy().astype(float)
        edge, step = first_edge(centres)
        side = step * 2**level
        places = (
            centres if level == 0 else edge + side * (np.arange(_size(len(centres), level)) + 0.5)
        )
        attributes = {key: field[dim].attrs[key] for key in ("units", "standard_name") if key in field[dim].attrs}  # fmt: skip
        axis = group.create_array(dim, data=places, dimension_names=(dim,), attributes=attributes)
        axis.attrs["axis"] = "X" if dim == field.dims[-1] else "Y"
    days = (field["time"].to_numpy().astype("datetime64[D]") - np.datetime64("1970-01-01")).astype("int64")  # fmt: skip
    about = {"units": "days since 1970-01-01", "calendar": "proleptic_gregorian", "standard_name": "time"}  # fmt: skip
    group.create_array("time", data=days, dimension_names=("time",), attributes=about)


def _size(cells: int, level: int) -> int:
    return -(-cells // 2**level)


def _create(group: Any, name: str, field: xr.DataArray, level: int) -> Any:
    from zarr.codecs import GzipCodec

    *leading, periods, rows, columns = field.shape
    shape = (periods, _size(rows, level), _size(columns, level))
    chunk = (min(_PERIODS, periods), min(_CHUNK, shape[1]), min(_CHUNK, shape[2]))
    return group.create_array(
        name,
        shape=(*leading, *shape),
        chunks=(*(1 for _ in leading), *chunk),
        dtype="float32",
        fill_value=float("nan"),
        dimension_names=tuple(map(str, field.dims)),
        attributes={k: v for k, v in field.attrs.items() if k in ("long_name", "units")},
        compressors=GzipCodec(level=1),  # which browsers decode by themselves
        config={"write_empty_chunks": True},  # an absent file is an error in a browser
    )


def _chunks(array: Any) -> list[int]:
    """Return the numbers of chunks along rows and columns."""
    return [-(-size // _CHUNK) for size in array.shape[-2:]]


class _Block(NamedTuple):
    """Cells in memory.

    Attributes:
        values: Values (time, rows, columns).
        area: Area of the cells (rows, columns).
        top: Row of the first cell in the grid.
        left: Its column.
    """

    values: NDArray[np.float32]
    area: NDArray[np.float64]
    top: int
    left: int

    def cut(self, rows: slice, columns: slice) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Return values and area of some rows and columns of the grid."""
        inner = (
            slice(rows.start - self.top, rows.stop - self.top),
            slice(columns.start - self.left, columns.stop - self.left),
        )
        return self.values[:, *inner], self.area[inner]


@dataclass(frozen=True)
class _Branch:
    """A field of some periods, and the arrays that it is written to.

    Attributes:
        field: The field (time, rows, columns).
        area: Area of the cells (rows, columns).
        arrays: Array of each level.
        place: Index of the periods in the arrays, and of what comes before.
    """

    field: xr.DataArray
    area: xr.DataArray
    arrays: list[Any]
    place: tuple[Any, ...]

    def make(self, level: int, row: int, column: int, block: _Block | None = None) -> Sums:
        """Write a chunk of a level after the four below it.

        Args:
            level: The level.
            row: Row of the chunk among the level's chunks.
            column: Column of the chunk.
            block: Cells that hold those of the chunk; None if they have not been read.
        """
        side = _CHUNK << level
        rows, columns = (slice(i * side, (i + 1) * side) for i in (row, column))
        if block is None and level <= _BLOCK_LEVEL:
            block = self._read(rows, columns)
        if level == 0 and block is not None:
            values, area = block.cut(rows, columns)
            known = np.isfinite(values)
            self._write(0, row, column, values)
            return np.where(known, values, 0) * area, known * area
        below = _chunks(self.arrays[level - 1])
        parts = [
            [
                self.make(level - 1, i, j, block)
                for j in range(2 * column, min(2 * column + 2, below[1]))
            ]
            for i in range(2 * row, min(2 * row + 2, below[0]))
        ]
        total, weight = (
            _halved(np.block([[part[k] for part in line] for line in parts])) for k in (0, 1)
        )
        self._write(level, row, column, total / np.where(weight > 0, weight, np.nan))
        return total, weight

    def _read(self, rows: slice, columns: slice) -> _Block:
        part = dict(zip(self.area.dims, (rows, columns), strict=True))
        field, area = self.field.isel(part), self.area.isel(part)
        return _Block(field.to_numpy(), area.to_numpy().astype(float), rows.start, columns.start)

    def _write(self, level: int, row: int, column: int, values: NDArray[Any]) -> None:
        rows, columns = values.shape[-2:]
        top, left = row * _CHUNK, column * _CHUNK
        where = (*self.place, slice(top, top + rows), slice(left, left + columns))
        self.arrays[level][where] = values.astype("float32")


def _halved(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add up 2 x 2 cells; a last row or column stays alone where their number is odd."""
    periods, rows, columns = sums.shape
    even = np.pad(sums, ((0, 0), (0, rows % 2), (0, columns % 2)))
    return even.reshape(periods, (rows + 1) // 2, 2, (columns + 1) // 2, 2).sum(axis=(2, 4))
