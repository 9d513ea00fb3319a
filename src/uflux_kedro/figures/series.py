"""Time series of chosen towers: measured, predicted, and the interval of the prediction."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from uflux_kedro.errors import require_columns
from uflux_kedro.figures.inputs import ordered_fluxes
from uflux_kedro.figures.labels import axis_label, number
from uflux_kedro.figures.style import FLUX_COLOURS, PAGE_WIDTH, styled
from uflux_kedro.validation.by_site import LEAST_SERIES
from uflux_kedro.validation.metrics import score

_TOWER = "#262626"
_COLUMNS = ("site_id", "time", "truth", "prediction", "lower", "upper")


@styled()
def series_figure(
    calibrated: pd.DataFrame, flux: str, towers: Mapping[str, str], level: float,
    places: Mapping[str, str] | None = None,
) -> Figure:  # fmt: skip
    """Draw the series of towers that the model was not trained on, one panel per tower.

    Args:
        calibrated: Held-out rows: ``site_id``, ``time``, ``truth``, ``prediction``, ``lower``,
            ``upper``, in the flux's unit.
        flux: Name of the flux.
        towers: Tower -> why it is shown, in the order of the panels.
        level: Probability inside the interval.
        places: Tower -> what it is, such as its IGBP class.

    Returns:
        The figure: dots and thin line are measured, the thick line is predicted, the band is the
        interval. Lines break where a period is missing. Without a tower it is a sentence.

    Raises:
        InputError: If the flux is unknown or a column is missing.
    """
    ordered_fluxes([flux], "series")
    require_columns(calibrated, _COLUMNS, f"held-out rows of {flux}")
    if not towers:
        figure = Figure(figsize=(PAGE_WIDTH, 0.6))
        figure.text(
            0.5,
            0.5,
            f"{flux}: no tower has {LEAST_SERIES} values; name others in reporting.towers",
            ha="center",
        )
        return figure
    figure = Figure(figsize=(PAGE_WIDTH, 1.55 * len(towers) + 0.45), layout="constrained")
    axes = figure.subplots(len(towers), 1, squeeze=False)[:, 0]
    said = []
    for axis, (site, why) in zip(axes, towers.items(), strict=True):
        rows = calibrated[calibrated["site_id"] == site].sort_values("time")
        _draw(axis, with_breaks(rows), FLUX_COLOURS[flux], level)
        axis.set_title(" · ".join(filter(None, (site, (places or {}).get(site), why))), size=8)
        count = _count(rows)
        axis.set_title(count, loc="right", size=6.5, weight="normal")
        said.append(f"{site} ({why}): {count}")
    figure.supylabel(axis_label(flux), size=8)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.set_label(f"{flux}, measured and predicted. " + "; ".join(said))
    return figure


def _count(rows: pd.DataFrame) -> str:
    both = rows.dropna(subset=["truth", "prediction"])
    inside = (both["truth"] >= both["lower"]) & (both["truth"] <= both["upper"])
    nse = score(both["truth"], both["prediction"])["NSE"]
    return f"NSE {number(nse)}, n = {len(both):,}, {inside.mean():.0%} inside the interval"


def with_breaks(rows: pd.DataFrame) -> pd.DataFrame:
    """Insert a row without values wherever more than one and a half steps lie between two rows.

    Args:
        rows: Rows of one tower with ``time``, ascending; the step is the median one.
    """
    steps = rows["time"].diff()
    gaps = rows[steps > 1.5 * steps.median()]
    breaks = pd.DataFrame({"time": gaps["time"] - pd.Timedelta(seconds=1)})
    return pd.concat([rows, breaks], ignore_index=True).sort_values("time", ignore_index=True)


def _draw(axis: Axes, rows: pd.DataFrame, colour: str, level: float) -> None:
    time = rows["time"].to_numpy()
    low, high = (rows[name].to_numpy(float) for name in ("lower", "upper"))
    axis.fill_between(
        time, low, high, color=colour, alpha=0.22, linewidth=0,
        label=f"{level:.0%} interval of the prediction",
    )  # fmt: skip
    # Without dots, a period between two missing ones would not be seen.
    many = np.isfinite(rows["truth"].to_numpy(float)).sum() > 400
    axis.plot(
        time, rows["prediction"], color=colour, linewidth=1.4, marker="" if many else "o",
        markersize=1.8, label="predicted by models that never saw the tower",
    )  # fmt: skip
    axis.plot(
        time, rows["truth"], color=_TOWER, linewidth=0.5, marker="" if many else "o",
        markersize=1.6, label="measured",
    )  # fmt: skip
    axis.axhline(0, color="#BBBBBB", linewidth=0.6, zorder=0)
    axis.margins(x=0.01)
