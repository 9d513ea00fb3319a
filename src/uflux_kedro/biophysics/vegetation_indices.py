"""Vegetation indices from surface reflectances (0-1, no unit)."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from uflux_kedro.biophysics._formula import formula


@formula
def ndvi(NIR: Any, RED: Any) -> Any:
    """Return the normalised difference vegetation index, (NIR - RED) / (NIR + RED).

    Source: Tucker (1979), doi 10.1016/0034-4257(79)90013-0.

    Args:
        NIR: Near-infrared reflectance.
        RED: Red reflectance; shapes broadcast.

    Returns:
        Index in -1..1; NaN where the sum of the reflectances is not positive. Atmospheric
        correction can make a reflectance slightly negative; ratios beyond -1..1 are clipped.
    """
    return np.clip(_ratio(NIR - RED, NIR + RED), -1.0, 1.0)


@formula
def nirv(NIR: Any, RED: Any) -> Any:
    """Return the near-infrared reflectance of vegetation, NDVI x NIR.

    Source: Badgley et al. (2017), doi 10.1126/sciadv.1602244.

    Args:
        NIR: Near-infrared reflectance.
        RED: Red reflectance; shapes broadcast.

    Returns:
        NIRv; NaN where NDVI is.
    """
    return ndvi(NIR, RED) * NIR


@formula
def kndvi(NIR: Any, RED: Any) -> Any:
    """Return the kernel NDVI, tanh(NDVI^2).

    Source: Camps-Valls et al. (2021), doi 10.1126/sciadv.abc7447.

    Args:
        NIR: Near-infrared reflectance.
        RED: Red reflectance; shapes broadcast.

    Returns:
        Index in 0..0.77; NaN where NDVI is.
    """
    return np.tanh(ndvi(NIR, RED) ** 2)


@formula
def evi(NIR: Any, RED: Any, BLUE: Any) -> Any:
    """Return the enhanced vegetation index, 2.5 (NIR - RED) / (NIR + 6 RED - 7.5 BLUE + 1).

    Source: Huete et al. (2002), doi 10.1016/S0034-4257(02)00096-2.

    Args:
        NIR: Near-infrared reflectance.
        RED: Red reflectance.
        BLUE: Blue reflectance; shapes broadcast.

    Returns:
        Index; NaN where the denominator is not positive, as over cloud and bright snow.
    """
    return _ratio(2.5 * (NIR - RED), NIR + 6.0 * RED - 7.5 * BLUE + 1.0)


@formula
def evi2(NIR: Any, RED: Any) -> Any:
    """Return the two-band enhanced vegetation index, 2.5 (NIR - RED) / (NIR + 2.4 RED + 1).

    Source: Jiang et al. (2008), doi 10.1016/j.rse.2008.06.006.

    Args:
        NIR: Near-infrared reflectance.
        RED: Red reflectance; shapes broadcast.

    Returns:
        Index.
    """
    return _ratio(2.5 * (NIR - RED), NIR + 2.4 * RED + 1.0)


@formula
def lswi(NIR: Any, SWIR: Any) -> Any:
    """Return the land surface water index, (NIR - SWIR) / (NIR + SWIR).

    Source: Xiao et al. (2004), doi 10.1016/j.rse.2003.11.008.

    Args:
        NIR: Near-infrared reflectance.
        SWIR: Shortwave-infrared reflectance at 1.6 um; shapes broadcast.

    Returns:
        Index in -1..1; NaN where the sum of the reflectances is not positive.
    """
    return np.clip(_ratio(NIR - SWIR, NIR + SWIR), -1.0, 1.0)


def _ratio(numerator: Any, denominator: Any) -> Any:
    return numerator / xr.where(denominator > 0, denominator, np.nan)
