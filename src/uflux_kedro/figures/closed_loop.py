"""The closed loop: error and coverage on the map by size of the network, and by completeness."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from uflux_kedro.errors import require_columns
from uflux_kedro.figures.inputs import ordered_fluxes
from uflux_kedro.figures.labels import flux_unit, range_in_words
from uflux_kedro.figures.style import PAGE_WIDTH, styled

NETWORK_COLOURS = {"random": "#0072B2", "real": "#D55E00", "no tropics": "#009E73"}
_OTHER = "#595959"
_NOMINAL: dict[str, Any] = {"color": "#262626", "linewidth": 0.8, "linestyle": ":"}
_COLUMNS = ("network", "towers", "flux", "by", "group", "RMSE", "coverage")


@styled()
def closed_loop_figure(on_map: pd.DataFrame, at_towers: pd.DataFrame, level: float) -> Figure:
    """Draw, for each flux, error of the map, coverage, and coverage by completeness.

    Args:
        on_map: Maps; see :class:`uflux_kedro.uncertainty.closed_loop.ClosedLoop`.
        at_towers: Towers; see there.
        level: Nominal coverage.

    Returns:
        One row of three panels a flux: RMSE over vegetated land by the number of towers; coverage
        of the map (lines) and of unseen towers (dashed) by it; coverage on the map by
        completeness, with the largest network of each kind.

    Raises:
        InputError: If a flux is unknown or a column is missing.
    """
    require_columns(on_map, _COLUMNS, "closed loop on the map")
    require_columns(at_towers, ("network", "towers", "flux", "judged_on", "coverage"), "closed loop at towers")  # fmt: skip
    fluxes = ordered_fluxes(on_map["flux"], "closed loop")
    figure = Figure(figsize=(PAGE_WIDTH, 2.1 * len(fluxes) + 0.4), layout="constrained")
    axes = figure.subplots(len(fluxes), 3, squeeze=False)
    for row, flux in zip(axes, fluxes, strict=True):
        maps = on_map[on_map["flux"] == flux]
        unseen = at_towers[(at_towers["flux"] == flux) & (at_towers["judged_on"] == "unseen")]
        for network, part in maps.groupby("network", sort=False):
            line: dict[str, Any] = {
                "color": NETWORK_COLOURS.get(str(network), _OTHER), "marker": "o", "markersize": 3,
            }  # fmt: skip
            whole = part[part["by"] == "vegetation"].sort_values("towers")
            row[0].plot(whole["towers"], whole["RMSE"], label=str(network), **line)
            row[1].plot(whole["towers"], whole["coverage"], **line)
            there = unseen[unseen["network"] == network].sort_values("towers")
            row[1].plot(there["towers"], there["coverage"], **line | {"marker": ""}, linestyle="--")
            bins = part[(part["by"] == "completeness") & (part["towers"] == part["towers"].max())]
            # Five classes with "to" between their ends would touch each other.
            classes = bins["group"].str.replace(" to ", "\N{EN DASH}")
            row[2].plot(classes, bins["coverage"], **line)
        _finish(row, flux, sorted(maps["towers"].unique()), level)
    axes[0][0].legend()
    figure.set_label(_in_words(on_map, fluxes))
    return figure


def _in_words(on_map: pd.DataFrame, fluxes: list[str]) -> str:
    """Return the coverage and error of the largest networks."""
    whole = on_map[on_map["by"] == "vegetation"]
    largest = whole[whole["towers"] == whole["towers"].max()]
    said = [
        f"{flux}: RMSE {range_in_words(part['RMSE'].to_numpy(), flux_unit(flux))}, coverage "
        f"{range_in_words(part['coverage'].to_numpy())}."
        for flux in fluxes
        if len(part := largest[largest["flux"] == flux])
    ]
    return (
        "Error of the map, coverage, and coverage by completeness, by the number of towers. With the "
        f"largest networks: {' '.join(said)}"
    )


def _finish(row: Any, flux: str, sizes: list[int], level: float) -> None:
    axis: Axes
    for axis in row[:2]:
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(FixedLocator(sizes))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_xlabel("towers")
    row[0].set(title=flux, ylabel=f"RMSE of the map ({flux_unit(flux)})")
    for axis in row[1:]:
        axis.axhline(level, **_NOMINAL)
        axis.set_ylim(top=1.01)
        axis.set_ylabel("coverage")
    row[2].set_xlabel("completeness")
    row[2].tick_params(axis="x", labelsize=6)
