"""Latitudinal profiles: every member, the ensemble mean, and the towers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from uflux_kedro.errors import require_columns
from uflux_kedro.figures.inputs import ordered_fluxes
from uflux_kedro.figures.labels import axis_label, flux_unit, latitude_text, number
from uflux_kedro.figures.style import FLUX_COLOURS, PAGE_WIDTH, styled
from uflux_kedro.variables import FLUXES

_MEMBER: dict[str, Any] = {"color": "#8C8C8C", "linewidth": 0.5, "alpha": 0.8}
_TOWER: dict[str, Any] = {"s": 8.0, "facecolors": "none", "edgecolors": "black", "linewidths": 0.6}


def tower_means(towers: pd.DataFrame) -> pd.DataFrame:
    """Return the mean annual flux of each tower, every calendar month with the same weight.

    A tower without any value in a calendar month gets NaN, since the mean of its other months
    would be that of a season.

    Args:
        towers: ``site_id``, ``time``, ``latitude`` and fluxes, one row per site and period.

    Returns:
        ``site_id``, ``latitude`` and the fluxes in ``towers``, one row per site.

    Raises:
        InputError: If a column is missing.
    """
    require_columns(towers, ("site_id", "time", "latitude"), "towers")
    fluxes = [flux for flux in FLUXES if flux in towers]
    by_month = towers.groupby(["site_id", towers["time"].dt.month.rename("month")])
    months = by_month[fluxes].mean().groupby("site_id")
    means = months.mean().where(months.count() == 12)
    return means.assign(latitude=towers.groupby("site_id")["latitude"].first()).reset_index()


@styled()
def profiles_figure(profiles: Mapping[str, xr.DataArray], towers: pd.DataFrame) -> Figure:
    """Draw the multi-year mean flux by latitude.

    Args:
        profiles: Flux -> zonal means ``(member, latitude)`` in the flux's unit, from
            :func:`uflux_kedro.statistics.means.zonal_mean`.
        towers: Mean flux of each tower, from :func:`tower_means`.

    Returns:
        The figure: thin lines are members, the thick line is their mean, circles are towers.

    Raises:
        InputError: If a flux is unknown or ``towers`` has no latitude.
    """
    fluxes = ordered_fluxes(profiles, "profiles")
    require_columns(towers, ("latitude",), "towers")
    figure = Figure(figsize=(PAGE_WIDTH, 3.7), layout="constrained")
    axes = figure.subplots(1, len(fluxes), sharey=True, squeeze=False)[0]
    for axis, flux in zip(axes, fluxes, strict=True):
        _draw_profile(axis, profiles[flux].transpose("member", "latitude"), flux)
        if flux in towers:
            axis.scatter(towers[flux], towers["latitude"], zorder=3, **_TOWER)
    latitude = profiles[fluxes[0]]["latitude"].to_numpy()
    low, high = float(latitude.min()), float(latitude.max())
    axes[0].set(ylabel="latitude (° north)", ylim=(max(low, -60.0), min(high, 85.0)))
    figure.legend(
        handles=[
            Line2D([], [], label="one member", **_MEMBER),
            Line2D([], [], label="ensemble mean", color="#262626", linewidth=2),
            Line2D(
                [], [], label="tower", linestyle="", marker="o", mfc="none", mec="black", ms=3.5
            ),
        ],
        loc="outside lower center",
        ncols=3,
    )
    figure.set_label(_in_words({flux: profiles[flux] for flux in fluxes}))
    return figure


def _in_words(profiles: Mapping[str, xr.DataArray]) -> str:
    """Return where the ensemble's mean is highest."""
    said = []
    for flux, profile in profiles.items():
        mean = profile.mean("member")
        if not bool(mean.notnull().any()):
            continue
        top = mean.isel(latitude=int(mean.argmax("latitude")))
        where = latitude_text(float(top["latitude"]))
        said.append(f"{flux} is highest at {where}, {number(float(top))} {flux_unit(flux)}.")
    return f"Mean by latitude of each member, of the ensemble and at towers. {' '.join(said)}"


def _draw_profile(axis: Axes, profile: xr.DataArray, flux: str) -> None:
    latitude = profile["latitude"].to_numpy()
    lines = [np.column_stack([member, latitude]) for member in profile.to_numpy()]
    axis.add_collection(LineCollection(lines, **_MEMBER))
    axis.plot(profile.mean("member"), latitude, color=FLUX_COLOURS[flux], linewidth=2)
    axis.axvline(0, color="#BBBBBB", linewidth=0.6, zorder=0)
    axis.set(title=flux, xlabel=axis_label(flux))
    axis.grid(axis="y")
    axis.margins(x=0.06)
    axis.autoscale_view()
