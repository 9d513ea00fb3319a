"""Open GeoTIFF maps of one variable, such as GOSIF, with rioxarray (extra ``raster``)."""

from __future__ import annotations

import warnings
from pathlib import Path

import xarray as xr

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.readers.grids.grid_source import GridSource
from uflux_kedro.readers.grids.guards import require_packing

_SIGNATURES = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_PACKING = ("scale_factor", "add_offset", "_FillValue", "units")
_GOSIF = {"scale_factor": 1e-4, "_FillValue": 32767, "missing_value": 32766}
"""GOSIF declares no packing: water is 32767, snow and ice 32766; Li and Xiao (2019), doi
10.3390/rs11050517."""


def is_geotiff(path: Path) -> bool:
    """Return whether a file is a TIFF, by its first bytes."""
    with Path(path).open("rb") as stream:
        return stream.read(4) in _SIGNATURES


def open_raster(path: Path, name: str | None, what: str, otherwise: str = "") -> xr.DataArray:
    """Open a raster file lazily with rioxarray.

    Args:
        path: The file.
        name: Variable, for messages.
        what: What needs rioxarray, for the message where it is not installed.
        otherwise: What else the user can do then.

    Raises:
        ConfigurationError: If rioxarray is not installed.
        InputError: If the file is no raster.
    """
    try:
        import rioxarray
        from rasterio.errors import RasterioError
    except ImportError as error:
        raise ConfigurationError(
            f"{what} needs rioxarray: install uflux_kedro[raster]{otherwise}"
        ) from error
    try:
        data = rioxarray.open_rasterio(path, cache=False)
    except (RasterioError, OSError, ValueError) as error:
        raise InputError(
            path, name, expected="a raster file", found=f"{type(error).__name__}: {error}"
        ) from error
    assert isinstance(data, xr.DataArray)
    return data


def open_geotiff(path: Path, source: GridSource) -> xr.Dataset:
    """Open a map on latitude and longitude.

    Args:
        path: GeoTIFF with one band; scale, offset and fill value as it declares them.
        source: Source of one variable, which the band is.

    Returns:
        The map (latitude, longitude) under the source's first name of the variable, lazily.

    Raises:
        ConfigurationError: If rioxarray is not installed.
        InputError: If the file is damaged, has several bands or a projection, or the source has
            several variables.
    """
    variables = set(source.names.values())
    if len(variables) > 1:
        raise InputError(
            path,
            None,
            expected=f"netCDF or HDF with the variables {', '.join(sorted(variables))}",
            found="a GeoTIFF, whose bands have no names",
            hint="Convert it with `gdal_translate -of netCDF` and name the variables",
        )
    data = open_raster(path, None, f"{path}: GeoTIFF", ", or convert the file to netCDF")
    crs = data.rio.crs
    if data.sizes["band"] != 1 or crs is None or not crs.is_geographic:
        raise InputError(
            path,
            None,
            expected="one band on latitude and longitude",
            found=f"{data.sizes['band']} bands, projection {crs}",
            hint="Warp it first, for example with `gdalwarp -t_srs EPSG:4326`",
        )
    kept = {k: data.attrs[k] for k in _PACKING if k in data.attrs}
    if path.name.startswith("GOSIF_"):
        kept |= _GOSIF
    name = next(iter(source.names))
    stored = data.isel(band=0, drop=True).drop_vars("spatial_ref").drop_attrs().assign_attrs(kept)
    with warnings.catch_warnings(category=xr.SerializationWarning, action="ignore"):
        found = xr.decode_cf(stored.rename(y="latitude", x="longitude").to_dataset(name=name))
    require_packing(found, path)
    return found
