"""Mean seasonal cycles, tower against model, by IGBP class."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from uflux_kedro.errors import require_columns
from uflux_kedro.figures.inputs import held_out_pairs
from uflux_kedro.figures.labels import axis_label, number
from uflux_kedro.figures.style import FLUX_COLOURS, PAGE_WIDTH, styled

_TOWER_COLOUR = "#262626"


def seasonal_cycles(predictions: pd.DataFrame, sites: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of each calendar month at each site, with aligned hemispheres.

    Args:
        predictions: ``site_id``, ``time``, ``truth``, ``prediction``; rows without truth or
            prediction are left out.
        sites: ``site_id``, ``latitude``, ``IGBP`` (class name).

    Returns:
        ``IGBP``, ``site_id``, ``month`` (1-12, shifted by six months south of the equator),
        ``truth``, ``prediction``.

    Raises:
        InputError: If a column is missing or no row has truth and prediction.
    """
    pairs = held_out_pairs(predictions, "predictions")
    require_columns(sites, ("site_id", "latitude", "IGBP"), "sites")
    pairs = pairs.merge(sites[["site_id", "latitude", "IGBP"]], on="site_id")
    month = pairs["time"].dt.month
    local = month.where(pairs["latitude"] >= 0, (month + 5) % 12 + 1)
    return (
        pairs.assign(month=local)
        .groupby(["IGBP", "site_id", "month"], as_index=False)[["truth", "prediction"]]
        .mean()
    )


@styled()
def seasons_figure(predictions: pd.DataFrame, sites: pd.DataFrame, flux: str) -> Figure:
    """Draw the seasonal cycle of one flux, one panel per IGBP class, sites weighted equally.

    Args:
        predictions: Held-out predictions of the flux, in its unit.
        sites: ``site_id``, ``latitude``, ``IGBP``.
        flux: Name of the flux.

    Returns:
        The figure: lines are means over towers, bands are one standard deviation among them.

    Raises:
        InputError: If a column is missing or no row has truth and prediction.
    """
    cycles = seasonal_cycles(predictions, sites)
    classes = (
        cycles.groupby("IGBP")["site_id"].nunique().sort_values(ascending=False, kind="stable")
    )
    columns = min(4, len(classes))
    rows = -(-len(classes) // columns)
    figure = Figure(figsize=(PAGE_WIDTH, 1.5 * rows + 0.5), layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axis, (name, count) in zip(axes, classes.items(), strict=False):
        of_class = cycles[cycles["IGBP"] == name].groupby("month")
        for column, colour, label in (
            ("truth", _TOWER_COLOUR, "tower"),
            ("prediction", FLUX_COLOURS[flux], "model"),
        ):
            _draw_cycle(axis, of_class[column], colour, label)
        axis.set_title(f"{name}  ({count})")
    for axis in axes[len(classes) :]:
        axis.set_axis_off()
    for axis in axes[max(0, len(classes) - columns) : len(classes)]:
        axis.tick_params(labelbottom=True)  # also above an empty panel
    axes[0].set(xlim=(1, 12), xticks=[1, 4, 7, 10])
    figure.supylabel(axis_label(flux), size=8)
    figure.supxlabel("month (shifted by six months south of the equator)", size=8)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    figure.set_label(f"Seasonal cycle of {flux}, tower and model. {_said(cycles, classes.index)}")
    return figure


def _said(cycles: pd.DataFrame, classes: pd.Index) -> str:
    """Return the range of the mean cycle of each class, of towers and model, as text."""
    means = cycles.groupby(["IGBP", "month"])[["truth", "prediction"]].mean().groupby("IGBP")
    low, high = means.min(), means.max()
    return "; ".join(
        f"{name}: tower {_range(low['truth'][name], high['truth'][name])}, "
        f"model {_range(low['prediction'][name], high['prediction'][name])}"
        for name in classes
    )


def _range(low: float, high: float) -> str:
    return f"{number(low, 1)} to {number(high, 1)}"


def _draw_cycle(axis: Axes, by_month: pd.api.typing.SeriesGroupBy, colour: str, label: str) -> None:
    mean, deviation = by_month.mean(), by_month.std().fillna(0.0)
    axis.fill_between(
        mean.index, mean - deviation, mean + deviation, color=colour, alpha=0.15, linewidth=0
    )
    axis.plot(mean.index, mean, color=colour, label=label)
