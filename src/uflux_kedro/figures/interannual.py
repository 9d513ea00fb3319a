"""Interannual variability of each flux: ensemble, members by timestamp, other products, towers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from uflux_kedro.errors import require_columns
from uflux_kedro.figures.inputs import ordered_fluxes
from uflux_kedro.figures.labels import flux_unit, number, unit_text
from uflux_kedro.figures.style import FLUX_COLOURS, PAGE_WIDTH, styled
from uflux_kedro.statistics.interannual import COLUMNS, NO_TIMESTAMP, SEASON, YEAR

_GROUPS: dict[str, dict[str, Any]] = {
    SEASON: {"color": "#6E6E6E", "linestyle": "-", "marker": "s"},
    YEAR: {"color": "#262626", "linestyle": "--", "marker": "D"},
    NO_TIMESTAMP: {"color": "#262626", "linestyle": ":", "marker": "^"},
}
_PEER_COLOURS = ("#56B4E9", "#CC79A7", "#0072B2", "#D55E00", "#F0E442")
_PEER_MARKERS = ("v", "P", "X", "<", ">")
_BAND: dict[str, Any] = {"linewidth": 0, "alpha": 0.25}
_LEAST_PEERS = 3
"""Peers from which a band of one standard deviation is drawn among them."""
_POINTS = 3
"""Years up to which values are drawn as points, with bars for their bands."""


@styled()
def interannual_figure(table: pd.DataFrame, fluxes: Iterable[str]) -> Figure:
    """Draw the years of each flux.

    Args:
        table: Rows of :func:`uflux_kedro.statistics.interannual.interannual_table`.
        fluxes: The fluxes, each of which gets a row.

    Returns:
        The figure. Left: totals (means of energy) of the mapped land. Middle: departures of the
        means from those over the years that a line has. Right: departures at towers. A panel
        without two years says which there are.

    Raises:
        InputError: If a column is missing or a flux is unknown.
    """
    require_columns(table, COLUMNS, "table of years")
    fluxes = ordered_fluxes(fluxes, "table of years")
    figure = Figure(figsize=(PAGE_WIDTH, 1.35 * len(fluxes) + 0.7), layout="constrained")
    rows = figure.subplots(len(fluxes), 3, squeeze=False)
    peers = list(dict.fromkeys(table.loc[table["kind"] == "peer", "name"]))
    said = []
    for axes, flux in zip(rows, fluxes, strict=True):
        part = table[table["flux"] == flux]
        shown = "total" if (part["statistic"] == "total").any() else "mean"
        maps = part[part["kind"].isin(("ensemble", "member", "peer"))]
        _draw_levels(axes[0], maps[maps["statistic"] == shown], flux, peers)
        _draw_departures(axes[1], maps[maps["statistic"] == "mean"], flux, peers)
        _draw_towers(axes[2], part[part["statistic"] == "anomaly"], flux)
        said.append(_in_words(maps[maps["statistic"] == shown], flux))
    for axis, title in zip(
        rows[0], ("Mapped land", "Mapped land, departure", "Towers, departure"), strict=True
    ):
        axis.set_title(title)
    figure.legend(handles=_handles(table, peers), loc="outside lower center", ncols=4)
    figure.set_label(
        "For each flux three panels of annual values: totals over the mapped land, departures of "
        "the means from those over the years, and departures at the towers. " + " ".join(said)
    )
    return figure


def _in_words(rows: pd.DataFrame, flux: str) -> str:
    """Return the years of the ensemble as a sentence."""
    ours = rows[rows["kind"] == "ensemble"].sort_values("year")
    if ours.empty:
        return f"{flux}: no full year."
    low, high = ours["value"].min(), ours["value"].max()
    years = _span(ours["year"])
    what = number(low, 1) if len(ours) == 1 else f"{number(low, 1)} to {number(high, 1)}"
    return f"{flux}, ensemble, {years}: {what} {unit_text(str(ours['unit'].iloc[0]))}."


def _span(years: pd.Series) -> str:
    first, last = int(years.min()), int(years.max())
    return str(first) if first == last else f"{first}\N{EN DASH}{last}"


def _draw_levels(axis: Axes, rows: pd.DataFrame, flux: str, peers: Sequence[str]) -> None:
    unit = unit_text(str(rows["unit"].iloc[0])) if len(rows) else flux_unit(flux)
    axis.set_ylabel(f"{flux}\n({unit})")
    if rows.empty:
        _say(axis, "No full calendar year\nis mapped.")
        return
    ours = rows[rows["kind"] == "ensemble"]
    _draw_lines(axis, rows, flux, peers, ours.set_index("year")[["lower", "upper"]])


def _draw_departures(axis: Axes, rows: pd.DataFrame, flux: str, peers: Sequence[str]) -> None:
    years = rows.loc[rows["kind"] == "ensemble", "year"]
    if years.nunique() < 2:
        found = f"Only {_span(years)} is mapped" if len(years) else "No full calendar year\nis mapped"  # fmt: skip
        _say(axis, f"{found}: there are\nno years to compare.")
        return
    axis.set_ylabel(flux_unit(flux))
    key = ["kind", "name"]
    rows = rows[rows.groupby(key)["year"].transform("nunique") > 1]
    departure = rows["value"] - rows.groupby(key)["value"].transform("mean")
    _draw_lines(axis, rows.assign(value=departure), flux, peers, None)
    axis.axhline(0, color="#BBBBBB", linewidth=0.6, zorder=0)


def _draw_lines(
    axis: Axes,
    rows: pd.DataFrame,
    flux: str,
    peers: Sequence[str],
    interval: pd.DataFrame | None,
) -> None:
    few = rows["year"].nunique() <= _POINTS
    members = rows[rows["kind"] == "member"]
    others = rows[rows["kind"] == "peer"]
    if others["name"].nunique() >= _LEAST_PEERS:
        _draw_band(axis, _spread(others), _PEER_COLOURS[0], few, 0.0)
    shift = 0.06 if few else 0.0  # so that bars of the same year do not hide each other
    for place, (group, style) in enumerate(_GROUPS.items()):
        of_group = members[members["group"] == group]
        if of_group.empty:
            continue
        spread = _spread(of_group)
        if of_group.groupby("name").ngroups > 1:
            _draw_band(axis, spread, style["color"], few, shift * (place + 1))
        look = {**style, "marker": style["marker"] if few else None, "ms": 3, "linewidth": 0.9}
        axis.plot(spread.index + shift * (place + 1), spread["value"], **look)
    for name, one in others.groupby("name"):
        one = one.sort_values("year")  # noqa: PLW2901
        axis.plot(one["year"] - shift, one["value"], **_peer_look(peers.index(str(name))))
    ours = rows[rows["kind"] == "ensemble"].sort_values("year")
    if interval is not None and interval.notna().all(axis=None):
        _draw_band(axis, interval.sort_index(), FLUX_COLOURS[flux], few, 0.0)
    axis.plot(ours["year"], ours["value"], color=FLUX_COLOURS[flux], linewidth=2, marker="o", ms=3.5)  # fmt: skip
    _years(axis, rows["year"])


def _peer_look(place: int) -> dict[str, Any]:
    """Return colour, marker and line of the peer at a place in the legend."""
    return {
        "color": _PEER_COLOURS[place % len(_PEER_COLOURS)],
        "marker": _PEER_MARKERS[place % len(_PEER_MARKERS)],
        "ms": 3.5,
        "linewidth": 0.8,
    }


def _spread(rows: pd.DataFrame) -> pd.DataFrame:
    """Return mean, and mean less and plus one standard deviation, by year."""
    by_year = rows.groupby("year")["value"]
    mean, deviation = by_year.mean(), by_year.std().fillna(0)
    return pd.DataFrame({"value": mean, "lower": mean - deviation, "upper": mean + deviation})


def _draw_band(axis: Axes, band: pd.DataFrame, colour: str, few: bool, shift: float) -> None:
    if few:
        axis.vlines(band.index + shift, band["lower"], band["upper"], color=colour, linewidth=1)
    else:
        axis.fill_between(band.index, band["lower"], band["upper"], color=colour, **_BAND)


def _draw_towers(axis: Axes, rows: pd.DataFrame, flux: str) -> None:
    if rows["year"].nunique() < 2:
        _say(axis, "Fewer than two years\nwith three towers.")
        return
    axis.set_ylabel(flux_unit(flux))
    few = rows["year"].nunique() <= _POINTS
    shift = 0.06 if few else 0.0
    looks: dict[str, tuple[str, dict[str, Any], float]] = {
        "towers": ("#262626", {"marker": "o", "mfc": "none", "ms": 3.5}, -shift),
        "model at towers": (FLUX_COLOURS[flux], {"linestyle": "--", "marker": ".", "ms": 4}, shift),
    }
    for kind, (colour, look, aside) in looks.items():
        one = rows[rows["kind"] == kind].sort_values("year").set_index("year")
        _draw_band(axis, one[["lower", "upper"]], colour, few, aside)
        axis.plot(one.index + aside, one["value"], color=colour, linewidth=1, **look)
    counts = rows.loc[rows["kind"] == "towers", "n"]
    low, high = int(counts.min()), int(counts.max())
    words = f"{low}" if low == high else f"{low} to {high}"
    # Below the axis: above it stands the column's title.
    axis.set_xlabel(f"{words} towers", size=6.5)
    axis.axhline(0, color="#BBBBBB", linewidth=0.6, zorder=0)
    _years(axis, rows["year"])


def _years(axis: Axes, years: pd.Series) -> None:
    axis.yaxis.set_major_locator(MaxNLocator(4))
    low, high = int(np.min(years)), int(np.max(years))
    axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    if high - low < _POINTS:
        axis.set_xticks(range(low, high + 1))
    axis.set_xlim(low - 0.5, high + 0.5)


def _say(axis: Axes, words: str) -> None:
    axis.text(0.5, 0.5, words, transform=axis.transAxes, ha="center", va="center", size=7)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)


def _handles(table: pd.DataFrame, peers: Sequence[str]) -> list[Any]:
    handles: list[Any] = [
        Line2D([], [], color="#6E6E6E", linewidth=2, marker="o", ms=3.5, label="ensemble (in the flux's colour)"),
        Patch(color="#6E6E6E", alpha=0.4, linewidth=0, label="its 90 % interval; others ±1 sd"),
    ]  # fmt: skip
    groups = set(table["group"].dropna())
    members = table[table["kind"] == "member"].groupby(["group", "flux"])["name"].nunique()
    counts = members.groupby("group").max()  # of one flux
    for group, style in _GROUPS.items():
        if group in groups:
            label = f"members, {group} ({counts[group]})"
            handles.append(Line2D([], [], ms=3, linewidth=0.9, label=label, **style))
    handles += [Line2D([], [], label=name, **_peer_look(i)) for i, name in enumerate(peers)]
    handles.append(Line2D([], [], color="#262626", marker="o", mfc="none", ms=3.5, label="towers, observed"))  # fmt: skip
    handles.append(Line2D([], [], color="#6E6E6E", linestyle="--", marker=".", label="held-out prediction there"))  # fmt: skip
    return handles
