"""Read NASA's HDF-EOS grids: HDF5 (VIIRS) with the netCDF library, HDF4 (MODIS) with pyhdf.

Such files have neither coordinates nor time. They store fields in the group of a grid and the
corners as text in ``StructMetadata.0``. Global maps are on latitude and longitude, tiles in the
sinusoidal projection of a sphere.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.readers.grids.guards import open_netcdf, require_packing

_HDF4, _HDF5 = b"\x0e\x03\x13\x01", b"\x89HDF"
_PACKED_DEGREES = 1_000_000
"""Corners are written as DDDMMMSSS.SS: degrees times a million, minutes, seconds."""

_GEOGRAPHIC, _SINUSOIDAL = "GCTP_GEO", "GCTP_SNSOID"


def is_eos(path: Path) -> bool:
    """Return whether a file is HDF-EOS: HDF4, or HDF5 with the suffix .h5 or .he5."""
    with Path(path).open("rb") as stream:
        start = stream.read(4)
    if start == _HDF4:
        return True
    return start == _HDF5 and Path(path).suffix in (".h5", ".he5")


def open_eos(path: Path) -> xr.Dataset:
    """Open the grid of an HDF-EOS file.

    Args:
        path: A global map on latitude and longitude, such as MOD13C2, MCD43C4, VNP13C2.

    Returns:
        Unpacked fields (latitude, longitude) under their own names.

    Raises:
        ConfigurationError: If the file is HDF4 and pyhdf is not installed.
        InputError: If the file is damaged or has no such grid.
    """
    fields, structure = _open(path)
    if _GEOGRAPHIC not in structure:
        raise InputError(
            path,
            None,
            expected=f"a grid of latitude and longitude ({_GEOGRAPHIC})",
            found="a grid in another projection",
            hint="Reproject the tiles first, for example with AppEEARS or gdalwarp",
        )
    west, north, east, south = _corners(structure, path)
    if max(map(abs, (west, north, east, south))) > 360:
        west, north, east, south = (c / _PACKED_DEGREES for c in (west, north, east, south))
    return _on_axes(fields, structure, path, ("latitude", "longitude"), (west, north, east, south))


def is_tile(path: Path) -> bool:
    """Return whether a file is HDF-EOS in the sinusoidal projection."""
    return is_eos(path) and _SINUSOIDAL in _open(path)[1]


def open_tile(path: Path) -> xr.Dataset:
    """Open a tile in the sinusoidal projection, such as one of MCD12Q1.

    Args:
        path: HDF-EOS file with one grid.

    Returns:
        Unpacked fields (y, x) under their own names, at cell centres in metres, north first;
        ``attrs["crs"]`` is the projection.

    Raises:
        ConfigurationError: If the file is HDF4 and pyhdf is not installed.
        InputError: If the file is damaged or has no such grid.
    """
    fields, structure = _open(path)
    radius = re.search(r"ProjParams=\(([.\d]+)", structure)
    if _SINUSOIDAL not in structure or radius is None:
        raise _no_grid(path, "no tile in the sinusoidal projection with its radius")
    tile = _on_axes(fields, structure, path, ("y", "x"), _corners(structure, path))
    # +over: cells beyond the edge of the Earth get longitudes beyond 180, not those of the far side.
    crs = f"+proj=sinu +lon_0=0 +R={radius[1]} +units=m +over +no_defs"
    return tile.assign_attrs(crs=crs)


def _open(path: Path) -> tuple[xr.Dataset, str]:
    """Return the fields, and the text that describes their grid."""
    with Path(path).open("rb") as stream:
        hdf4 = stream.read(4) == _HDF4
    return _open_hdf4(path) if hdf4 else _open_hdf5(path)


def _on_axes(
    fields: xr.Dataset,
    structure: str,
    path: Path,
    names: tuple[str, str],
    corners: tuple[float, float, float, float],
) -> xr.Dataset:
    rows, columns = _shape(structure, path)
    west, north, east, south = corners
    axes = {
        names[0]: north + (np.arange(rows) + 0.5) * (south - north) / rows,
        names[1]: west + (np.arange(columns) + 0.5) * (east - west) / columns,
    }
    maps = {
        name: data.rename(dict(zip(data.dims, axes, strict=True)))
        for name, data in fields.data_vars.items()
        if data.shape == (rows, columns)
    }
    return xr.Dataset(maps, axes, fields.attrs)


def _open_hdf5(path: Path) -> tuple[xr.Dataset, str]:
    import netCDF4

    try:
        with netCDF4.Dataset(path) as file:
            structure = str(file["HDFEOS INFORMATION"]["StructMetadata.0"][...])
            grids = list(file["HDFEOS/GRIDS"].groups)
    except (OSError, LookupError, RuntimeError) as error:
        raise _no_grid(path, f"{type(error).__name__}: {error}") from error
    if len(grids) != 1:
        raise _no_grid(path, f"{len(grids)} grids: {', '.join(grids)}")
    return open_netcdf(path, group=f"HDFEOS/GRIDS/{grids[0]}/Data Fields"), structure


def _open_hdf4(path: Path) -> tuple[xr.Dataset, str]:
    try:
        from pyhdf.error import HDF4Error
        from pyhdf.SD import SD
    except ImportError as error:
        raise ConfigurationError(
            f"{path}: HDF4 needs pyhdf: install uflux_kedro[hdf4], or convert the file to netCDF"
        ) from error
    try:
        file = SD(str(path))
        structure = str(file.attributes().get("StructMetadata.0", ""))
        fields = {}
        for name, (_, shape, *_rest) in file.datasets().items():
            if len(shape) == 2:
                attributes = dict(file.select(name).attributes())
                block = dask.delayed(_read_hdf4)(path, name)
                dtype = file.select(name).get(start=(0, 0), count=(1, 1)).dtype
                data = da.from_delayed(block, tuple(shape), dtype)
                fields[name] = (("YDim", "XDim"), data, _packing(attributes))
        file.end()
    except (HDF4Error, ValueError, TypeError) as error:
        raise _no_grid(path, f"{type(error).__name__}: {error}") from error
    decoded = xr.decode_cf(xr.Dataset(fields), decode_times=False)
    require_packing(decoded, path)
    return decoded, structure


def _read_hdf4(path: Path, name: str) -> np.ndarray:
    from pyhdf.SD import SD

    file = SD(str(path))
    try:
        return file.select(name).get()
    finally:
        file.end()


def _packing(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return CF attributes; HDF4 subtracts the offset before scaling, CF adds it afterwards."""
    kept = {k: v for k, v in attributes.items() if k in ("scale_factor", "_FillValue", "units")}
    offset, scale = attributes.get("add_offset", 0), attributes.get("scale_factor", 1)
    return kept | ({"add_offset": -offset * scale} if offset else {})


def _shape(structure: str, path: Path) -> tuple[int, int]:
    found = [re.search(rf"\b{dim}=(\d+)", structure) for dim in ("YDim", "XDim")]
    if not all(found):
        raise _no_grid(path, "no XDim and YDim in StructMetadata.0")
    rows, columns = (int(match[1]) for match in found if match)
    return rows, columns


def _corners(structure: str, path: Path) -> tuple[float, float, float, float]:
    """Return west, north, east and south in the units of the file."""
    corners: list[float] = []
    for name in ("UpperLeftPointMtrs", "LowerRightMtrs"):
        match = re.search(rf"{name}=\(([-+.\d]+),([-+.\d]+)\)", structure)
        if match is None:
            raise _no_grid(path, f"no {name} in StructMetadata.0")
        corners.extend(float(value) for value in match.groups())
    west, north, east, south = corners
    return west, north, east, south


def _no_grid(path: Path, found: str) -> InputError:
    return InputError(path, None, expected="an HDF-EOS file with one grid", found=found)
