"""Join tiles of land cover in the sinusoidal projection (MCD12Q1, 500 m) into one lazy map.

A tile is 1112 km wide, with 2400 x 2400 cells of 463 m. It is read when its block of the map is
computed, so that the map may cover the globe.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import dask.array as da
import numpy as np
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.readers.grids.eos import open_tile
from uflux_kedro.readers.grids.stored_array import lazily
from uflux_kedro.variables import IGBP_CLASSES

logger = logging.getLogger(__name__)

_SAME_PLACE = 0.01
"""Largest offset of the corners of a tile from the grid of the first, as a share of a cell."""


class _Tile(NamedTuple):
    """A tile and its grid.

    Attributes:
        path: Its file.
        data: Stored codes (y, x), lazy, from south to north.
        crs: Its projection.
    """

    path: Path
    data: xr.DataArray
    crs: str


def one_year(dated: Sequence[tuple[int, Path]]) -> tuple[int, list[Path]]:
    """Select the tiles of the latest year; of two files of a tile, the last by name, the newer.

    Args:
        dated: Year and path of each tile, with its place in the name (``h18v04``).

    Returns:
        The year, and one path for each tile.

    Raises:
        InputError: If a tile of another year is missing in the latest.
    """
    years: defaultdict[int, dict[str, Path]] = defaultdict(dict)
    for year, path in sorted(dated):
        place = _place(path)
        if place in years[year]:
            logger.info("%s is read instead of %s", path.name, years[year][place].name)
        years[year][place] = path
    latest = max(years)
    missing = set().union(*years.values()) - set(years[latest])
    if missing:
        raise InputError(
            dated[0][1].parent,
            "IGBP",
            expected=f"every tile of the other years in {latest}",
            found=f"{', '.join(sorted(missing))} missing",
            hint=f"Download the missing tiles, or remove those of {latest}",
        )
    return latest, list(years[latest].values())


def _place(path: Path) -> str:
    """Return ``h18v04`` from a file name, or the whole name if it has no such part."""
    return next((p for p in path.name.split(".") if len(p) == 6 and p[::3] == "hv"), path.name)


def mosaic(
    paths: Sequence[Path],
    names: Sequence[str],
    codes: Callable[[np.ndarray, Path], np.ndarray],
) -> xr.Dataset:
    """Join tiles into a map; each tile is a block.

    Args:
        paths: One file for each tile.
        names: Possible names of the variable.
        codes: Function that converts the stored values of a tile (NaN where missing) and its path
            to classes (int8).

    Returns:
        Dataset with IGBP (y, x), int8, lazy, both axes ascending; 0 where there is no tile.
        ``attrs["crs"]`` is the projection.

    Raises:
        InputError: If a tile has no such variable, or the tiles are not on one grid.
    """
    tiles = [_open(path, names) for path in paths]
    first = tiles[0]
    rows, columns = first.data.shape
    side = float(first.data["x"][1] - first.data["x"][0])
    south = min(float(tile.data["y"][0]) for tile in tiles)
    west = min(float(tile.data["x"][0]) for tile in tiles)
    blocks: dict[tuple[int, int], da.Array] = {}
    for tile in tiles:
        up = (float(tile.data["y"][0]) - south) / (rows * side)
        right = (float(tile.data["x"][0]) - west) / (columns * side)
        place = round(up), round(right)
        off = max(abs(up - place[0]) * rows, abs(right - place[1]) * columns)
        if (tile.data.shape, tile.crs) != ((rows, columns), first.crs) or off > _SAME_PLACE:
            size = " x ".join(map(str, tile.data.shape))
            raise InputError(
                tile.path,
                "IGBP",
                expected=f"the grid of {first.path.name}: {rows} x {columns} cells of {side:.2f} m",
                found=f"{size} cells in {tile.crs}, {off:.2g} of a cell off the grid",
            )
        if place in blocks:
            raise InputError(
                tile.path, "IGBP", expected="each tile once", found="a second file of the same tile"
            )
        blocks[place] = tile.data.data.map_blocks(codes, tile.path, dtype="int8")
    up, right = (max(place[i] for place in blocks) + 1 for i in (0, 1))
    water = da.full((rows, columns), IGBP_CLASSES["WAT"], dtype="int8", chunks=(rows, columns))
    data = da.block([[blocks.get((i, j), water) for j in range(right)] for i in range(up)])
    axes = {
        name: (
            name,
            start + np.arange(count) * side,
            {"standard_name": f"projection_{name}_coordinate", "units": "m"},
        )
        for name, start, count in (("y", south, data.shape[0]), ("x", west, data.shape[1]))
    }
    return xr.Dataset({"IGBP": (("y", "x"), data)}, axes, {"crs": first.crs})


def _open(path: Path, names: Sequence[str]) -> _Tile:
    dataset = open_tile(path)
    name = next((n for n in names if n in dataset.data_vars), None)
    if name is None:
        raise InputError(
            path,
            "IGBP",
            expected=f"a variable named {' or '.join(names)}",
            found=", ".join(map(str, dataset.data_vars)) or "none",
        )
    # A tile is one block, since any part of it requires unpacking the whole.
    data = lazily(dataset[name], path, dataset[name].shape).sortby("y")
    return _Tile(path, data, dataset.attrs["crs"])
