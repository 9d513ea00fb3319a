"""Cloud-optimised GeoTIFF files of products in a projection (extra ``raster``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.files import replacing
from uflux_kedro.gridding.cells import cell_edges
from uflux_kedro.simulated import SIMULATED

_WINDOW = 1024
"""Edge of the window that is in memory at a time, cells."""

_ABOUT = ("title", "source", "references", SIMULATED)
"""Attributes of the product that each file has as tags."""


def write_geotiffs(product: xr.Dataset, folder: Path) -> list[Path]:
    """Write one cloud-optimised GeoTIFF per field and period: ``<field>_<start>.tif``.

    Fields with further dimensions, such as members, are not written.

    Args:
        product: A finished product with ``y``, ``x`` and ``crs``.
        folder: Folder of the files; an existing one is replaced when all files are complete.

    Returns:
        The files.

    Raises:
        ConfigurationError: If the extra is not installed.
    """
    about = {key: product.attrs[key] for key in _ABOUT if key in product.attrs}
    fields = [str(n) for n, v in product.data_vars.items() if v.dims == ("time", "y", "x")]
    with replacing(folder) as temporary:
        temporary.mkdir()
        for name in fields:
            for i, start in enumerate(product.indexes["time"]):
                file = temporary / f"{name}_{start:%Y-%m-%d}.tif"
                field = product[name].isel(time=i).assign_attrs(about)
                _write(field, product["crs"].attrs["crs_wkt"], file)
    return sorted(folder.glob("*.tif"))


def _write(field: xr.DataArray, crs: str, path: Path) -> None:
    """Write one field of one period, window by window from the north."""
    try:
        import rasterio
        from rasterio.shutil import copy
        from rasterio.windows import Window
    except ImportError as error:
        raise ConfigurationError("GeoTIFF needs rasterio: install uflux_kedro[raster]") from error
    y, x = field["y"].to_numpy(), field["x"].to_numpy()
    x_edges, y_edges = cell_edges(x, "x"), cell_edges(y, "y")
    side = float(x[1] - x[0])
    real = field.dtype.kind == "f"
    shape: dict[str, Any] = {
        "width": x.size,
        "height": y.size,
        "count": 1,
        "dtype": field.dtype.name,
        "crs": crs,
        "transform": rasterio.Affine(side, 0, x_edges[0], 0, -side, y_edges[-1]),
    }
    plain = path.with_suffix(".plain.tif")
    with rasterio.open(
        plain, "w", driver="GTiff", tiled=True, bigtiff="if_safer",
        nodata=np.nan if real else None, **shape,
    ) as file:  # fmt: skip
        for top in range(0, y.size, _WINDOW):
            for left in range(0, x.size, _WINDOW):
                rows = slice(max(0, y.size - top - _WINDOW), y.size - top)
                columns = slice(left, min(left + _WINDOW, x.size))
                values = field.isel(y=rows, x=columns).to_numpy()[::-1]
                height, width = values.shape
                file.write(values, 1, window=Window(left, top, width, height))
        file.update_tags(**{k: str(v) for k, v in field.attrs.items()})
    copy(
        plain, path, driver="COG", compress="deflate", bigtiff="if_safer",
        predictor="floating_point" if real else "standard",
        overview_resampling="average" if real else "nearest",
    )  # fmt: skip
    plain.unlink()
