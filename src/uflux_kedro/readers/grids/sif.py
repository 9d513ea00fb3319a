"""Read sun-induced fluorescence: GOME-2 and GOSAT monthly, contiguous SIF (CSIF) every four days.

All of them may be composites of eight days, and GeoTIFF maps (extra ``raster``), as GOSIF is.

Maps of GOME-2 and CSIF have no time: it is taken from the date in the file name
(``..._SIF_v27_20110101_31.nc``) or its day of the year (``OCO2.SIF.clear.inst.2001001.v2.nc``).
Composites keep their own step here; :func:`uflux_kedro.gridding.means.means_over` averages all sources to
months.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import xarray as xr

from uflux_kedro.readers.grids.cubes import open_source
from uflux_kedro.readers.grids.grid_source import GridSource

_UNITS = {"": "mW m-2 nm-1 sr-1"}
"""Only the product guide states the unit of GOME-2 maps."""


def _with_composites(source: GridSource) -> tuple[GridSource, ...]:
    """Return a source, and the same by eight days, of which some may be missing."""
    return source, replace(source, step="8 days", gaps=True)


GOME2 = _with_composites(GridSource.of_family("gome2", units=_UNITS))
GOSAT755 = _with_composites(GridSource.of_family("gosat755"))
GOSAT772 = _with_composites(GridSource.of_family("gosat772"))
_CSIF = GridSource.of_family("csif", step="4 days", units=_UNITS)
CSIF = (*_with_composites(_CSIF), replace(_CSIF, step="month"))


def read_gome2(paths: Sequence[Path]) -> xr.Dataset:
    """Read GOME-2 SIF at 740 nm: cube of SIF, mW m-2 nm-1 sr-1, monthly or by eight days."""
    return open_source(paths, *GOME2)


def read_gosat755(paths: Sequence[Path]) -> xr.Dataset:
    """Read GOSAT SIF at 755 nm: cube of SIF, mW m-2 nm-1 sr-1, monthly or by eight days."""
    return open_source(paths, *GOSAT755)


def read_gosat772(paths: Sequence[Path]) -> xr.Dataset:
    """Read GOSAT SIF at 772 nm: cube of SIF, mW m-2 nm-1 sr-1, monthly or by eight days."""
    return open_source(paths, *GOSAT772)


def read_csif(paths: Sequence[Path]) -> xr.Dataset:
    """Read contiguous SIF (CSIF, or GOSIF as GeoTIFF): cube of CSIF, mW m-2 nm-1 sr-1.

    Periods are of four days, or of eight, which restart each year, or months.
    """
    return open_source(paths, *CSIF)
