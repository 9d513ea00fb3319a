"""Completeness of the sampling space: maps, and its course over time."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr
from matplotlib.figure import Figure

from uflux_kedro.figures.inputs import ordered_fluxes
from uflux_kedro.figures.labels import range_in_words
from uflux_kedro.figures.maps import draw_maps, mean_map
from uflux_kedro.figures.style import FLUX_COLOURS, PAGE_WIDTH, styled
from uflux_kedro.statistics.means import area_mean, multi_year_mean

_COLOURS = "viridis"


@styled()
def completeness_maps_figure(products: Mapping[str, xr.Dataset]) -> Figure:
    """Draw the multi-year mean completeness of each flux.

    Args:
        products: Flux -> dataset with ``<flux>_completeness(time, latitude, longitude)``, 0 outside
            the area of applicability, NaN where there is no land, and ``time_bnds``.

    Returns:
        The figure: hatched where most of the time is outside the area of applicability. Each title
        also gives the mean over land, weighted by area.

    Raises:
        InputError: If a flux is unknown or its variable is missing in the product.
    """
    fluxes = ordered_fluxes(products, "products")
    fields = {flux: mean_map(products[flux], f"{flux}_completeness") for flux in fluxes}
    hatched = {flux: _share_outside(products[flux], flux) > 0.5 for flux in fluxes}
    return draw_maps(
        fields,
        dict.fromkeys(fluxes, (_COLOURS, 0.0, 1.0)),
        label="completeness; hatched: outside the area of applicability",
        hatched=hatched,
    )


def _share_outside(product: xr.Dataset, flux: str) -> xr.DataArray:
    name = f"{flux}_completeness"
    values = product[name]
    outside = product.assign({name: (values == 0).astype(float).where(values.notnull())})
    return mean_map(outside, name)


@styled()
def completeness_series_figure(products: Mapping[str, xr.Dataset]) -> Figure:
    """Draw the completeness of each period, averaged over land by area, a line for each flux.

    Args:
        products: As for :func:`completeness_maps_figure`.

    Returns:
        The figure.

    Raises:
        InputError: If a flux is unknown or its variable is missing in the product.
    """
    fluxes = ordered_fluxes(products, "products")
    figure = Figure(figsize=(PAGE_WIDTH, 2.4), layout="constrained")
    axis = figure.subplots()
    said = []
    for flux in fluxes:
        multi_year_mean(products[flux], f"{flux}_completeness")  # checks the variable
        series = area_mean(products[flux][f"{flux}_completeness"]).compute()
        said.append(f"{flux} {range_in_words(series.to_numpy())}")
        axis.plot(series["time"], series, color=FLUX_COLOURS[flux], label=flux)
    axis.set(ylim=(0, 1), ylabel="completeness, land mean")
    figure.legend(loc="outside upper right", ncols=len(fluxes))
    figure.set_label(
        f"Completeness of each period, land mean, a line for each flux: {'; '.join(said)}."
    )
    return figure
