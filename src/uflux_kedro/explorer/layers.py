"""Fields of a product that the map shows, and their colours."""

from __future__ import annotations

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.colors import to_hex
from numpy.typing import NDArray

from uflux_kedro.explorer.grid import rows_and_columns
from uflux_kedro.figures.maps import SPREAD_COLOURS, mean_scale, round_top
from uflux_kedro.figures.peers import DIFFERENCE_COLOURS
from uflux_kedro.products.fields import INAPPLICABLE, OUTSIDE

Scale = tuple[str, float, float]
"""Colour map and its limits."""

_OF_ONE: Scale = ("viridis", 0.0, 1.0)
_OF_BITS: Scale = ("cividis", 0.0, 1.0)
_COLOURS = 64

DERIVED_COLOURS = {"ET": "Blues", "WUE": "YlGnBu"}
"""What is derived from fluxes -> colour map of its mean."""

FLAGS = {
    "extrapolated": (INAPPLICABLE, "no tower resembles the cell"),
    "outside": (OUTSIDE, "a predictor is outside its range in training"),
}
"""Statistic -> bit of the flag that it is the share of, and its meaning."""


def product_layers(product: xr.Dataset, flux: str, members: bool) -> dict[str, xr.DataArray]:
    """Return the fields of a product that the map shows, lazily.

    Args:
        product: The product.
        flux: Its flux.
        members: Whether to keep the members' own fields.

    Returns:
        Name -> field (..., time, rows, columns). Of each of :data:`FLAGS` ``<flux>_<name>`` is 1 where
        the bit is set, 0 elsewhere, and missing where there is no value.
    """
    rows_columns = rows_and_columns(product)
    names = [flux, *(f"{flux}_{name}" for name in ("lower", "upper", "completeness"))]
    if members:
        names.append(f"{flux}_member")
    found = {
        name: product[name].transpose(..., "time", *rows_columns)
        for name in names
        if name in product
    }
    flag = f"{flux}_flag"
    for name, (bit, meaning) in FLAGS.items() if flag in product else ():
        if bit == INAPPLICABLE and f"{flux}_completeness" not in product:
            continue  # the bit is never set then
        share = ((product[flag].astype("int16") & bit) > 0).astype("float32")
        share = share.where(product[flux].notnull()).transpose("time", *rows_columns)
        share.attrs = {"long_name": meaning, "units": "1"}
        found[f"{flux}_{name}"] = share
    return found


def flux_scales(flux: str, mean: xr.DataArray, width: xr.DataArray | None) -> dict[str, Scale]:
    """Return the scale of each statistic.

    Args:
        flux: The flux.
        mean: Mean over time.
        width: Widths of intervals; None for no intervals.
    """
    scales = {
        "mean": (DERIVED_COLOURS[flux], 0.0, round_top(mean.to_numpy(), steps=4))
        if flux in DERIVED_COLOURS
        else mean_scale(flux, mean),
        "completeness": _OF_ONE,
    } | dict.fromkeys(FLAGS, _OF_BITS)
    if width is not None:
        scales["width"] = (SPREAD_COLOURS, 0.0, round_top(width.to_numpy(), steps=4))
    return scales


def difference_scale(difference: NDArray[np.floating]) -> Scale:
    """Return the scale of differences, symmetrical about zero."""
    top = round_top(difference, steps=4)
    return DIFFERENCE_COLOURS, -top, top


def colour_table(name: str) -> list[str]:
    """Return the colours of a colour map from low to high, such as ``#440154``."""
    return [to_hex(c) for c in matplotlib.colormaps[name](np.linspace(0, 1, _COLOURS))]


def period_labels(product: xr.Dataset) -> list[str]:
    """Return the name of each period: ``2019-07``, ``2019-07-15`` or ``2019-01-01 to 2019-06-30``."""
    starts, ends = product["time_bnds"].to_numpy().astype("datetime64[D]").T
    labels = []
    for start, end in zip(starts, ends, strict=True):
        month = start.astype("datetime64[M]")
        if start == month.astype("datetime64[D]") and end == (month + 1).astype("datetime64[D]"):
            labels.append(str(month))
        elif end - start <= np.timedelta64(1, "D"):
            labels.append(str(start))
        else:
            labels.append(f"{start} to {end - np.timedelta64(1, 'D')}")
    return labels
