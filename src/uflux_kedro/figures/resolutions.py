"""A product beside one of much smaller cells: two maps and a scatter."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from uflux_kedro.errors import InputError
from uflux_kedro.figures.inputs import ordered_fluxes
from uflux_kedro.figures.labels import axis_label, flux_unit, number
from uflux_kedro.figures.maps import WATER
from uflux_kedro.figures.scatter import IDENTITY
from uflux_kedro.figures.style import FLUX_COLOURS, MAP_COLOURS, PAGE_WIDTH, styled
from uflux_kedro.gridding.cells import cell_edges
from uflux_kedro.gridding.projections import DEGREES

_NEEDED = ("coarse", "fine", "picture", "cells", "bias", "RMSE", "r2", "side")


@styled()
def resolutions_figure(comparison: xr.Dataset) -> Figure:
    """Draw Figure 7: the coarse product, the fine one, and the cells of both against each other.

    Args:
        comparison: Result of :func:`uflux_kedro.statistics.resolutions.compare_resolutions`.

    Returns:
        Two maps with one colour scale, each on its own cells, and a scatter of the coarse cells.

    Raises:
        InputError: If the flux is unknown or a variable is missing.
    """
    (flux,) = ordered_fluxes([comparison.attrs["variable"]], "comparison")
    absent = [name for name in _NEEDED if name not in comparison]
    if absent:
        raise InputError("comparison", absent[0], expected="a variable of that name", found="none")
    figure = Figure(figsize=(PAGE_WIDTH, 2.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    limits = _limits(comparison, flux)
    look: dict[str, Any] = {"cmap": MAP_COLOURS[flux], "vmin": limits[0], "vmax": limits[1], "rasterized": True}  # fmt: skip
    shown = comparison["coarse"].where(comparison["share"] > 0)
    picture = _draw_map(left, shown, ("latitude", "longitude"), look)
    left.set(title="coarse", xlabel="longitude (° east)", ylabel="latitude (° north)")
    _draw_map(middle, comparison["picture"], ("picture_y", "picture_x"), look)
    side = float(comparison["side"])
    words = f"{number(side, 0)} m" if side < 1000 else f"{number(side / 1000, 0)} km"
    middle.set_title(f"fine, {words}")
    if comparison.attrs["crs"] == DEGREES:
        middle.set(xlabel="longitude (° east)", ylabel="latitude (° north)")
    else:
        middle.set(xlabel="easting (km)", ylabel="northing (km)")
        for axis in (middle.xaxis, middle.yaxis):
            axis.set_major_formatter(lambda value, _: f"{value / 1000:.0f}")
    figure.colorbar(picture, ax=[left, middle], orientation="horizontal", extend="both",
                    label=flux_unit(flux), ticks=MaxNLocator(5), shrink=0.7, aspect=35)  # fmt: skip
    _draw_cells(right, comparison, flux)
    cells = int(comparison["cells"])
    r2 = float(comparison["r2"])
    figure.set_label(
        f"{flux}, {comparison.attrs['period']}: maps of the coarse product and of the fine one, and "
        f"{cells} coarse cells against the fine product's mean in them. Coarse less fine "
        f"{number(float(comparison['bias']))} {flux_unit(flux)}, "
        + (f"R² {number(r2)}." if np.isfinite(r2) else "too few cells for R².")
    )
    return figure


def _limits(comparison: xr.Dataset, flux: str) -> tuple[float, float]:
    values = np.concatenate([comparison[n].to_numpy().ravel() for n in ("coarse", "picture")])
    values = values[np.isfinite(values)]
    low, high = (float(v) for v in np.percentile(values, (1, 99))) if values.size else (0.0, 1.0)
    if flux == "NEE":
        top = max(abs(low), abs(high), 1e-6)
        return -top, top
    margin = max(high - low, 1e-6) * 0.02
    return low - margin, high + margin


def _draw_map(axis: Axes, field: xr.DataArray, names: tuple[str, str], look: dict[str, Any]) -> Any:
    y, x = (cell_edges(field[name].to_numpy()) for name in names)
    axis.set_facecolor(WATER)
    picture = axis.pcolormesh(x, y, np.ma.masked_invalid(field.transpose(*names).to_numpy()), **look)  # fmt: skip
    if names[0] == "latitude":
        axis.set_aspect(1 / max(np.cos(np.deg2rad(float(np.mean(y)))), 0.1))
    else:
        axis.set_aspect("equal")
    axis.xaxis.set_major_locator(MaxNLocator(4))
    axis.yaxis.set_major_locator(MaxNLocator(4))
    return picture


def _draw_cells(axis: Axes, comparison: xr.Dataset, flux: str) -> None:
    fine, coarse = (comparison[name].to_numpy().ravel() for name in ("fine", "coarse"))
    both = np.isfinite(fine) & np.isfinite(coarse)
    axis.set(title="coarse cells", xlabel=axis_label(flux, "fine"), ylabel=axis_label(flux, "coarse"))  # fmt: skip
    if not both.any():
        axis.text(
            0.5, 0.5, "No coarse cell is\nhalf covered.", transform=axis.transAxes, ha="center"
        )
        return
    axis.plot(fine[both], coarse[both], linestyle="", marker="o", ms=3, alpha=0.6,
              color=FLUX_COLOURS[flux], markeredgewidth=0)  # fmt: skip
    low = min(fine[both].min(), coarse[both].min())
    high = max(fine[both].max(), coarse[both].max())
    pad = max((high - low) * 0.08, 1e-3)
    ends = (low - pad, high + pad)
    axis.plot(ends, ends, **IDENTITY)
    axis.set(xlim=ends, ylim=ends, aspect="equal")
    r2 = float(comparison["r2"])
    lines = [
        f"n {int(comparison['cells'])}" + (f", R² {number(r2)}" if np.isfinite(r2) else ""),
        f"coarse less fine {number(float(comparison['bias']))}",
        f"RMSE {number(float(comparison['RMSE']))}",
    ]
    axis.text(
        0.97, 0.03, "\n".join(lines), transform=axis.transAxes, ha="right", va="bottom", size=6
    )
