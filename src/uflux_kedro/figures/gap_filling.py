"""Gap filling of half-hourly records: before and after, errors by length, sums, residuals."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from uflux_kedro.errors import InputError, require_columns
from uflux_kedro.figures.labels import number, unit_text
from uflux_kedro.figures.style import PAGE_WIDTH, styled

_UNITS = {"NEE": "umol CO₂ m-2 s-1", "LE": "W m-2", "H": "W m-2"}
"""Units of half-hours."""
_SUM_UNITS = {"NEE": "gC m-2", "LE": "MJ m-2", "H": "MJ m-2"}

TRUTH = "truth"
"""Method of sums that are known, as in a simulation."""

_DARK = "#262626"
_STYLES = {
    "uflux": ("#0072B2", "-", "o"),
    "mds": ("#D55E00", "-", "s"),
    "mds_symmetric": ("#E69F00", "--", "^"),
    "interpolation": ("#009E73", ":", "D"),
    TRUTH: (_DARK, "--", "x"),
}
"""Colour, line and marker of a method: lines differ too, since some lie on top of each other."""
_OTHER_STYLES = (
    ("#CC79A7", "-.", "v"),
    ("#56B4E9", "-", "P"),
    ("#8C8C8C", "--", "X"),
    ("#F0E442", ":", "<"),
)
_NAMES = {"uflux": "UFLUX", "mds": "MDS", "mds_symmetric": "MDS, symmetric"}

_SEASONS = {"Dec-Feb": (12, 1, 2), "Mar-May": (3, 4, 5), "Jun-Aug": (6, 7, 8), "Sep-Nov": (9, 10, 11)}  # fmt: skip
_LENGTHS = {
    1 / 48: "½ h", 1 / 24: "1 h", 1 / 6: "4 h", 0.5: "12 h", 1: "1 d", 4 / 3: "32 h", 3: "3 d", 7: "7 d",
    12: "12 d", 30: "30 d", 60: "60 d", 90: "90 d", 180: "180 d", 365: "1 yr",
}  # fmt: skip
"""Lengths of gaps with a label of their own, days."""


@styled()
def fingerprint_figure(measured: pd.DataFrame, filled: pd.DataFrame) -> Figure:
    """Draw each flux by day and hour, as measured and filled: a row of two panels per flux.

    Args:
        measured: Record with the measured fluxes among NEE, LE and H, NaN where missing; a regular
            index of time.
        filled: Filled fluxes of the same times, ``NEE_F`` for ``NEE``.

    Returns:
        The figure. Missing values are grey; colours end at the 99th percentile of both panels.

    Raises:
        InputError: If no flux is there, a filled one is missing, or the times differ.
    """
    fluxes = _fluxes_of(measured.columns, "measured")
    require_columns(filled, [f"{flux}_F" for flux in fluxes], "filled")
    if not measured.index.equals(filled.index) or len(measured) < 2:
        raise InputError("filled", "time", expected="the times of the record", found="others")
    figure = Figure(figsize=(PAGE_WIDTH, 0.35 + 1.45 * len(fluxes)), layout="constrained")
    figure.get_layout_engine().set(wspace=0.04)  # type: ignore[union-attr, call-arg]
    grid = figure.subplots(len(fluxes), 2, sharex=True, sharey=True, squeeze=False)
    for row, flux in zip(grid, fluxes, strict=True):
        before, after = _by_day(measured[flux]), _by_day(filled[f"{flux}_F"])
        values = np.abs(np.concatenate([before.to_numpy().ravel(), after.to_numpy().ravel()]))
        finite = values[np.isfinite(values)]
        limit = float(np.percentile(finite, 99)) if len(finite) else 1.0
        for axis, table in zip(row, (before, after), strict=True):
            image = _draw_days(axis, table, limit or 1.0)
        row[0].set_ylabel("hour")
        missing = (measured[flux].isna().mean(), filled[f"{flux}_F"].isna().mean())
        for axis, what, share in zip(row, ("measured", "filled"), missing, strict=True):
            axis.set_title(f"{flux}, {what}")
            axis.set_title(f"{share:.0%} missing", loc="right", fontsize=7, fontweight="normal")
        figure.colorbar(image, ax=row, label=_unit(flux), extend="both", pad=0.01)
    return figure


def _draw_days(axis: Axes, table: pd.DataFrame, limit: float):  # type: ignore[no-untyped-def]
    """Draw a table of hours by days, its colours symmetric around 0."""
    days = date2num(table.columns.to_numpy())
    axis.set_facecolor("#BDBDBD")
    image = axis.imshow(
        np.ma.masked_invalid(table.to_numpy()),
        extent=(days[0], days[-1] + 1, 24, 0),
        aspect="auto",
        interpolation="nearest",
        cmap="PuOr_r",
        vmin=-limit,
        vmax=limit,
    )
    locator = AutoDateLocator(minticks=3, maxticks=6)
    axis.xaxis_date()
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axis.set_yticks([0, 6, 12, 18, 24])
    return image


def _by_day(flux: pd.Series) -> pd.DataFrame:
    """Return a flux as a table with a row per step of the day and a column per day."""
    time = pd.DatetimeIndex(flux.index)
    first = time[0].normalize()
    step = time[1] - time[0]
    a_day = round(pd.Timedelta("1D") / step)
    n_days = (time[-1].normalize() - first).days + 1
    values = np.full(n_days * a_day, np.nan)
    values[np.asarray((time - first) // step)] = flux
    days = pd.date_range(first, periods=n_days, freq="D")
    return pd.DataFrame(values.reshape(n_days, a_day).T, columns=days)


@styled()
def gap_length_figure(scores: pd.DataFrame) -> Figure:
    """Draw RMSE against the length of gaps by method, a panel per flux.

    Args:
        scores: ``method``, ``flux``, ``days`` (length of the gaps) and ``RMSE`` (in the flux's unit);
            rows of several site-years, or seeds, are averaged.

    Returns:
        The figure: lines are means, small marks single rows.

    Raises:
        InputError: If a column is missing, a flux is none of NEE, LE and H, or no RMSE is there.
    """
    require_columns(scores, ("method", "flux", "days", "RMSE"), "scores")
    scores = scores.dropna(subset=["RMSE", "days"])
    fluxes = _fluxes_of(scores["flux"].unique(), "scores", all_known=True)
    methods = _methods_of(scores)
    figure = Figure(figsize=(PAGE_WIDTH, 2.6), layout="constrained")
    axes = figure.subplots(1, len(fluxes), squeeze=False)[0]
    for axis, flux in zip(axes, fluxes, strict=True):
        of_flux = scores[scores["flux"] == flux]
        for method, style in methods.items():
            rows = of_flux[of_flux["method"] == method]
            if rows.empty:
                continue
            mean = rows.groupby("days")["RMSE"].mean()
            if rows["days"].duplicated().any():
                axis.scatter(
                    rows["days"], rows["RMSE"], s=5, color=style["color"], alpha=0.35, lw=0
                )
            axis.plot(mean.index, mean, **style, ms=4, label=_name(method))
        _log_lengths(axis, np.sort(of_flux["days"].unique()))
        axis.set(title=flux, ylabel=f"RMSE ({_unit(flux)})", ylim=(0, None))
        axis.grid(axis="y")
    figure.supxlabel("length of the gap", size=8)
    _legend(figure, axes)
    return figure


def _log_lengths(axis: Axes, days: NDArray[np.float64]) -> None:
    """Give the x-axis a logarithmic scale with ticks at the lengths that are there."""
    axis.set_xscale("log")
    axis.set_xlim(days[0] / 1.6, days[-1] * 1.6)
    shown, apart = [days[0]], (days[-1] / days[0]) ** 0.14
    for length in days[1:]:
        if length > apart * shown[-1]:
            shown.append(length)
    axis.xaxis.set_major_locator(FixedLocator(shown))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _length(value)))


def _length(days: float) -> str:
    """Return the length of a gap as text."""
    for known, text in _LENGTHS.items():
        if np.isclose(days, known, rtol=0.02):
            return text
    return f"{days:.3g} d" if days >= 1 else f"{24 * days:.3g} h"


@styled()
def cumulative_figure(sums: pd.DataFrame, flux: str = "NEE") -> Figure:
    """Draw the sum of a flux from the start by method, with its interval.

    Args:
        sums: ``method``, ``time``, ``value``, ``lower``, ``upper``: sums from the start to each time,
            gC m-2 for NEE and MJ m-2 for LE and H. The method :data:`TRUTH` is drawn dark.
        flux: NEE, LE or H.

    Returns:
        The figure: bands are intervals, numbers the last sum and half the width of its interval.

    Raises:
        InputError: If a column is missing, the table is empty, or the flux is unknown.
    """
    require_columns(sums, ("method", "time", "value", "lower", "upper"), "sums")
    _fluxes_of([flux], "sums", all_known=True)
    methods = _methods_of(sums)
    figure = Figure(figsize=(PAGE_WIDTH, 2.8), layout="constrained")
    axis = figure.subplots()
    for method, style in methods.items():
        line = {**style, "marker": None}
        rows = sums[sums["method"] == method].sort_values("time")
        last = rows.iloc[-1]
        half = (last["upper"] - last["lower"]) / 2
        digits = 1 if max(abs(last["value"]), half) < 10 else 0
        label = f"{_name(method)}: {number(last['value'], digits)}"
        if np.isfinite(half):
            label += f" ± {number(half, digits)}"
        axis.fill_between(
            rows["time"], rows["lower"], rows["upper"], color=style["color"], alpha=0.2, lw=0
        )
        axis.plot(rows["time"], rows["value"], **line, label=label, zorder=3)
    locator = AutoDateLocator(minticks=4, maxticks=9)
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axis.axhline(0, color=_DARK, linewidth=0.5, zorder=0)
    axis.margins(x=0)
    axis.set_ylabel(f"sum of {flux} ({unit_text(_SUM_UNITS[flux])})")
    axis.grid(axis="y")
    figure.legend(loc="outside right upper", title="at the end")
    return figure


@styled()
def residuals_figure(residuals: pd.DataFrame, flux: str) -> Figure:
    """Draw mean and root mean square of residuals by hour of the day, a column per season.

    Args:
        residuals: ``method``, ``time``, ``truth`` and ``prediction`` of hidden records, in the flux's
            unit; rows without truth or prediction are left out.
        flux: NEE, LE or H.

    Returns:
        The figure: above the mean of prediction minus truth, below the RMSE.

    Raises:
        InputError: If a column is missing, no row has truth and prediction, or the flux is unknown.
    """
    require_columns(residuals, ("method", "time", "truth", "prediction"), "residuals")
    _fluxes_of([flux], "residuals", all_known=True)
    rows = residuals.dropna(subset=["truth", "prediction"])
    methods = _methods_of(rows)
    time = pd.DatetimeIndex(rows["time"])
    error = rows["prediction"] - rows["truth"]
    by_hour = (
        pd.DataFrame({"mean": error, "square": error**2})
        .groupby([rows["method"].to_numpy(), _season(time), time.hour])
        .mean()
    )
    figure = Figure(figsize=(PAGE_WIDTH, 3.4), layout="constrained")
    grid = figure.subplots(2, len(_SEASONS), sharex=True, sharey="row")
    for season, (above, below) in zip(_SEASONS, grid.T, strict=True):
        for method, style in methods.items():
            line = {**style, "marker": None}
            if (method, season) not in by_hour.index:
                continue
            course = by_hour.loc[(method, season)].reindex(range(24))
            middle = course.index.to_numpy() + 0.5
            above.plot(middle, course["mean"], **line, label=_name(method))
            below.plot(middle, np.sqrt(course["square"]), **line, label=_name(method))
        if season not in by_hour.index.get_level_values(1):
            above.text(12, 0, "no records", ha="center", va="bottom", color="#595959")
        above.axhline(0, color=_DARK, linewidth=0.5, zorder=0)
        above.set_title(season)
        above.grid(axis="y")
        below.grid(axis="y")
    grid[0][0].set(ylabel=f"bias of {flux}\n({_unit(flux)})", xlim=(0, 24), xticks=[0, 6, 12, 18, 24])  # fmt: skip
    grid[1][0].set(ylabel=f"RMSE of {flux}\n({_unit(flux)})", ylim=(0, None))
    figure.supxlabel("hour of the day", size=8)
    _legend(figure, grid.ravel())
    return figure


def _season(time: pd.DatetimeIndex) -> NDArray[np.object_]:
    names = {month: name for name, months in _SEASONS.items() for month in months}
    return np.array([names[month] for month in time.month], dtype=object)


def _fluxes_of(names: Iterable[str], where: str, *, all_known: bool = False) -> list[str]:
    """Return the fluxes of half-hours among names, in their order.

    Raises:
        InputError: If there is none, or, with ``all_known``, a name is none of them.
    """
    given = list(names)
    found = [flux for flux in _UNITS if flux in given]
    unknown = sorted(set(given) - set(_UNITS)) if all_known else []
    if not found or unknown:
        shown = ", ".join(unknown) or "none"
        raise InputError(where, "flux", expected="some of NEE, LE, H", found=shown)
    return found


def _methods_of(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return each method's colour, line and marker; known ones look alike in every figure."""
    methods = list(dict.fromkeys(table["method"]))
    if not methods:
        raise InputError("table", "method", expected="a row", found="none")
    others = [method for method in methods if method not in _STYLES]
    styles = {method: style for method, style in _STYLES.items() if method in methods}
    styles |= dict(zip(others, cycle(_OTHER_STYLES), strict=False))
    keys = ("color", "linestyle", "marker")
    return {method: dict(zip(keys, style, strict=True)) for method, style in styles.items()}


def _legend(figure: Figure, axes: Iterable[Axes]) -> None:
    """Add one legend for the lines of all panels."""
    lines = {str(line.get_label()): line for axis in axes for line in axis.get_lines()}
    named = {label: line for label, line in lines.items() if not label.startswith("_")}
    figure.legend(named.values(), named.keys(), loc="outside upper right", ncols=4)


def _name(method: str) -> str:
    return _NAMES.get(method, method.replace("_", " "))


def _unit(flux: str) -> str:
    return unit_text(_UNITS[flux])
