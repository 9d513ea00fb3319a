"""Read Sentinel-2 surface reflectance (level 2A) of one tile: GeoTIFF, COG or JPEG 2000.

Needs the extra ``raster``. A scene has one file for each band, B02 (blue), B04 (red), B08 (near
infrared) at 10 m, and the scene classification SCL at 20 m, which masks cloud, shadow and snow.
Reflectance is (stored + offset) / 10000, where the offset is -1000 since processing baseline 04.00
(25 January 2022, and all reprocessed scenes) and 0 before. Some archives have applied the offset
and still name the baseline, so that the option ``offset`` overrides the name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Literal

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.readers.grids.geotiff import open_raster
from uflux_kedro.readers.grids.guards import lazily_within_bounds
from uflux_kedro.readers.grids.periods import date_in_name, with_periods
from uflux_kedro.readers.grids.stored_array import lazily
from uflux_kedro.variables import VARIABLES

BANDS = {"B02": "BLUE", "B04": "RED", "B08": "NIR", "B8A": "NIR"}
CLEAR_CLASSES = (4, 5, 6, 7)
"""Vegetation, bare soil, water, unclassified; see the SCL table of the level-2A product guide."""

_SCENE_CLASSES = "SCL"
_QUANTIFICATION = 10_000
_BLOCK = 2048
_OFFSET_SINCE_BASELINE_4 = -1000
_RESOLUTION = re.compile(r"_(10|20|60)m(?![0-9A-Za-z])")


def read_sentinel2(
    paths: Sequence[Path],
    offset: int | None = None,
    clear: Sequence[int] = CLEAR_CLASSES,
    step: Literal["day", "month"] = "day",
) -> xr.Dataset:
    """Read the scenes of one tile.

    Args:
        paths: Files of bands, with date and band in their names or those of their folders.
        offset: Added to the stored numbers; None takes it from the processing baseline in the
            names (``N0400``).
        clear: Classes of the scene classification to keep.
        step: Period of a file: scenes of a ``day``, or composites of a ``month``.

    Returns:
        Cube (time, y, x) of RED, NIR and, where present, BLUE; float32 0-1, lazy, NaN where
        not clear. ``y`` and ``x`` in metres of the tile's projection, ``attrs["crs"]``;
        ``time`` the day or the month's first, with ``time_bnds``.

    Raises:
        ConfigurationError: If the extra ``raster`` is not installed.
        InputError: If a scene has no red or near-infrared band or no classification, scenes have
            different grids, or the offset is unknown.
    """
    if not paths:
        raise InputError("Sentinel-2", None, expected="at least one file", found="none")
    named = sorted((_day(path), _band(path), Path(path)) for path in paths if _band(path))
    days = []
    for day, files in groupby(named, key=lambda file: file[0]):
        bands = {
            band: _finest(day, band, [path for *_, path in of_band])
            for band, of_band in groupby(files, key=lambda file: file[1])
        }
        days.append(_read_scene(day, bands, offset, tuple(clear)))
    if not days:
        expected = f"a band in the name, {', '.join(BANDS)} or {_SCENE_CLASSES}"
        raise InputError(paths[0], None, expected=expected, found=Path(paths[0]).name)
    first = days[0]
    for scene in days[1:]:
        if not _same_grid(scene, first):
            raise InputError(
                scene.attrs["file"],
                None,
                expected=f"the grid of {first.attrs['file']}",
                found=f"{scene.attrs['crs']}, {scene.sizes['y']} x {scene.sizes['x']} cells",
                hint="Read each tile separately",
            )
    cube = xr.concat(days, dim="time", combine_attrs="drop_conflicts")
    cube = with_periods(cube, step, Path(paths[0]).parent, gaps=True)
    return cube.assign_attrs(source="sentinel2")


def _day(path: Path) -> pd.Timestamp:
    for name in (path.name, *(parent.name for parent in path.parents)):
        # In 20220701T105631 the time of day follows the date.
        date = date_in_name(Path(re.sub(r"(?<=\d{8})T\d{6}", "", name)))
        if date is not None:
            return date.normalize()
    raise InputError(path, "time", expected="a date in the name", found=path.name)


def _band(path: Path) -> str:
    found = re.search(rf"(?<![A-Z0-9])({'|'.join(BANDS)}|{_SCENE_CLASSES})(?![0-9A-Z])", path.name)
    return found[1] if found else ""


def _finest(day: pd.Timestamp, band: str, paths: Sequence[Path]) -> Path:
    """Return the file of the finest resolution; scenes may have a band at 10, 20 and 60 m."""
    metres = [int(m[1]) if (m := _RESOLUTION.search(p.name)) else 0 for p in paths]
    finest = [path for path, size in zip(paths, metres, strict=True) if size == min(metres)]
    if len(finest) > 1:
        raise InputError(
            finest[1],
            band,
            expected=f"one scene of {day:%Y-%m-%d}",
            found=f"a second scene, {finest[0]}",
            hint="Read each tile separately, and one product of each day",
        )
    return finest[0]


def _read_scene(
    day: pd.Timestamp, files: dict[str, Path], offset: int | None, clear: tuple[int, ...]
) -> xr.Dataset:
    where = next(iter(files.values()))
    present = {BANDS[band] for band in files if band in BANDS}
    if _SCENE_CLASSES not in files or not {"RED", "NIR"} <= present:
        raise InputError(
            where.parent,
            None,
            expected=f"B04, B08 and {_SCENE_CLASSES} of {day:%Y-%m-%d}",
            found=", ".join(files),
        )
    bands = {BANDS[b]: b for b in sorted(BANDS, reverse=True) if b in files}
    stored = {name: _open(files[band], name) for name, band in bands.items()}
    grid = stored["RED"]
    kept = _kept(_open(files[_SCENE_CLASSES], _SCENE_CLASSES), grid, clear, files)
    scene = xr.Dataset(attrs={"crs": grid.attrs["crs"], "file": str(files["B04"])})
    for name, data in stored.items():
        path = files[bands[name]]
        if not _same_grid(data, grid):
            raise InputError(
                path,
                name,
                expected=f"the grid of B04, {_describe(grid)}",
                found=_describe(data),
            )
        added = _offset(path) if offset is None else offset
        reflectance = ((data + np.float32(added)) / np.float32(_QUANTIFICATION)).where(
            kept & (data != 0)
        )
        reflectance = lazily_within_bounds(
            reflectance.astype("float32"), VARIABLES[name], path, f"1e-4, offset {added}"
        )
        scene[name] = reflectance.assign_attrs(VARIABLES[name].cf_attributes())
    return scene.expand_dims(time=[day.to_datetime64()])


def _same_grid(one: xr.Dataset | xr.DataArray, other: xr.Dataset | xr.DataArray) -> bool:
    same_axes = one["x"].equals(other["x"]) and one["y"].equals(other["y"])
    return same_axes and one.attrs["crs"] == other.attrs["crs"]


def _describe(grid: xr.DataArray) -> str:
    x, y = grid["x"].to_numpy(), grid["y"].to_numpy()
    return f"{grid.attrs['crs']}, {y.size} x {x.size} cells from {x[0]:g}, {y[0]:g}"


def _offset(path: Path) -> int:
    baseline = re.search(r"_N(\d{2})(\d{2})_", str(path))
    if baseline:
        return _OFFSET_SINCE_BASELINE_4 if int(baseline[1]) >= 4 else 0
    raise InputError(
        path,
        None,
        expected="the processing baseline in the name, such as N0400",
        found="none, and scenes of any date may have been reprocessed",
        hint="Set the option offset: -1000 since baseline 04.00, else 0",
    )


def _open(path: Path, name: str) -> xr.DataArray:
    data = open_raster(path, name, "Sentinel-2")
    if data.sizes["band"] != 1 or data.rio.crs is None:
        found = f"{data.sizes['band']} bands, projection {data.rio.crs}"
        raise InputError(path, name, expected="one band with its projection", found=found)
    crs = data.rio.crs.to_string()
    data = data.isel(band=0).drop_vars(["band", "spatial_ref"]).rename(name)
    return lazily(data, path, (_BLOCK, _BLOCK)).sortby("y").astype("float32").assign_attrs(crs=crs)


def _kept(
    classes: xr.DataArray, grid: xr.DataArray, clear: tuple[int, ...], files: dict[str, Path]
) -> xr.DataArray:
    """Return where a scene is clear, on the grid of its bands."""
    times = [grid.sizes[axis] / classes.sizes[axis] for axis in ("y", "x")]
    # The centre of the scene is the same, whatever the size of cells.
    shifted = any(
        abs(float(grid[axis].mean() - classes[axis].mean()))
        > abs(float(grid[axis][1] - grid[axis][0])) / 2
        for axis in ("y", "x")
    )
    if (
        shifted
        or classes.attrs["crs"] != grid.attrs["crs"]
        or times[0] != times[1]
        or times[0] != int(times[0])
    ):
        raise InputError(
            files[_SCENE_CLASSES],
            _SCENE_CLASSES,
            expected=f"whole cells of the bands' grid, {_describe(grid)}",
            found=_describe(classes),
        )
    mask = da.isin(classes.data, clear)
    side = int(times[0])
    if side > 1:
        mask = da.repeat(da.repeat(mask, side, axis=0), side, axis=1)
    return xr.DataArray(mask.rechunk(grid.data.chunks), grid.coords, grid.dims)
