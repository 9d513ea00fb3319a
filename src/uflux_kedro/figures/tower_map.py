"""Map of towers with their skill, one small map per flux.

Land is the outline of Natural Earth's countries that the package carries, so that the map needs
neither a product nor a download.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cartopy.crs as ccrs
import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from uflux_kedro.errors import require_columns
from uflux_kedro.figures.inputs import ordered_fluxes
from uflux_kedro.figures.labels import number
from uflux_kedro.figures.maps import WATER
from uflux_kedro.figures.style import DENSITY_COLOURS, PAGE_WIDTH, SKILL_COLOURS, styled
from uflux_kedro.readers.regions import read_countries
from uflux_kedro.validation.metrics import LEAST_SCORED

_LAND = "#D9DBDC"
_BELOW_ZERO = "#D55E00"
_UNSCORED: dict[str, Any] = {"marker": "o", "facecolors": "none", "edgecolors": "#595959", "linewidths": 0.6}  # fmt: skip
_EDGE: dict[str, Any] = {"edgecolors": "#262626", "linewidths": 0.25}
_SIZES = (9.0, 22.0)
"""Smallest and largest area of a dot, in points squared; it falls with the number of towers."""
_AREA = 900.0
"""Area of all dots of a map, in points squared, within those limits."""
_GLOBE_FROM = (150.0, 100.0)
"""Degrees of longitude or latitude between towers from which on the map shows the globe."""
_LEAST_RADIUS = 1.2e6
"""Metres from the middle of a regional map to its edge, at least."""


@dataclass(frozen=True)
class Frame:
    """Projection and extent of a map.

    Attributes:
        projection: The projection.
        extent: West, east, south and north edge in the projection.
        centre: Longitude and latitude of the middle.
    """

    projection: ccrs.Projection
    extent: tuple[float, float, float, float]
    centre: tuple[float, float]

    def place(self, longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
        """Return x and y in the projection, shape (n, 2)."""
        return self.projection.transform_points(ccrs.PlateCarree(), longitude, latitude)[:, :2]


def frame_of(longitude: np.ndarray, latitude: np.ndarray) -> Frame:
    """Choose a frame around towers: the globe, or an equal-area map of their region.

    Args:
        longitude: Degrees east, shape (n,), n at least 1; towers may be on both sides of the date
            line.
        latitude: Degrees north, shape (n,).
    """
    west, width = _shortest_arc(longitude)
    if width > _GLOBE_FROM[0] or np.ptp(latitude) > _GLOBE_FROM[1]:
        globe = ccrs.EqualEarth()
        ends = np.array([min(-57.0, latitude.min() - 2), 90.0]).clip(-90, 90)
        south, north = globe.transform_points(ccrs.PlateCarree(), np.zeros(2), ends)[:, 1]
        return Frame(globe, (*globe.x_limits, south, north), (0.0, 0.0))
    centre = ((west + width / 2 + 180) % 360 - 180, float(latitude.min() + np.ptp(latitude) / 2))
    region = ccrs.LambertAzimuthalEqualArea(*centre)
    frame = Frame(region, (0, 0, 0, 0), centre)
    x, y = frame.place(longitude, latitude).T
    middle = [(v.max() + v.min()) / 2 for v in (x, y)]
    half = [max(_LEAST_RADIUS, 0.58 * np.ptp(v)) for v in (x, y)]
    half = [max(half[0], 1.1 * half[1]), max(half[1], 0.5 * half[0])]
    extent = (middle[0] - half[0], middle[0] + half[0], middle[1] - half[1], middle[1] + half[1])
    return Frame(region, extent, centre)


def _shortest_arc(longitude: np.ndarray) -> tuple[float, float]:
    """Return the western end and the width in degrees of the shortest arc with all longitudes."""
    ordered = np.sort(np.unique(np.mod(longitude, 360)))
    gaps = np.diff(np.append(ordered, ordered[0] + 360))
    widest = int(gaps.argmax())
    return float(ordered[(widest + 1) % len(ordered)]), float(360 - gaps[widest])


@styled()
def tower_map_figure(skill: pd.DataFrame) -> Figure:
    """Draw the NSE of each tower at its place, one map per flux with the same frame.

    Args:
        skill: Result of :func:`uflux_kedro.validation.by_site.skill_by_site`.

    Returns:
        The figure: circles are coloured by NSE from 0 to 1, triangles are towers below 0, hollow
        circles towers with fewer than ten values or none that vary.

    Raises:
        InputError: If a flux is unknown or a column is missing.
    """
    require_columns(
        skill, ("flux", "site_id", "n", "NSE", "latitude", "longitude"), "skill by site"
    )
    fluxes = ordered_fluxes(skill["flux"], "skill by site")
    frame = frame_of(*(skill[c].to_numpy(float) for c in ("longitude", "latitude")))
    land = land_outlines(frame)
    rows = -(-(len(fluxes) + 1) // 2)
    west, east, south, north = frame.extent
    height = (PAGE_WIDTH / 2 - 0.1) * (north - south) / (east - west) + 0.3
    figure = Figure(figsize=(PAGE_WIDTH, height * rows), layout="constrained")
    axes = figure.subplots(rows, 2, squeeze=False).ravel()
    said = []
    for axis, flux in zip(axes, fluxes, strict=False):
        axis.add_collection(
            PolyCollection(land, facecolors=_LAND, edgecolors=_LAND, linewidths=0.3, zorder=0)
        )
        _frame(axis, frame)
        said.append(_draw_towers(axis, frame, skill[skill["flux"] == flux], flux))
    for axis in axes[len(fluxes) :]:
        axis.set_axis_off()
    _draw_key(figure, axes[len(fluxes)])
    figure.set_label("Map of towers. " + "; ".join(said))
    return figure


def land_outlines(frame: Frame) -> list[np.ndarray]:
    """Return the outlines of land in a frame's projection, each of shape (n, 2).

    On a regional map, outlines that lie wholly on the far half of the globe are left out: the
    projection would turn one around the point opposite the middle inside out.
    """
    lon0, lat0 = np.deg2rad(frame.centre)
    found = []
    for outline in read_countries().outlines:
        for polygon in getattr(outline, "geoms", [outline]):
            longitude, latitude = np.asarray(polygon.exterior.coords)[:, :2].T
            lon, lat = np.deg2rad(longitude), np.deg2rad(latitude)
            near = np.sin(lat0) * np.sin(lat) + np.cos(lat0) * np.cos(lat) * np.cos(lon - lon0)
            if isinstance(frame.projection, ccrs.EqualEarth) or near.max() > 0:
                points = frame.place(longitude, latitude)
                found.append(points[np.isfinite(points).all(axis=1)])
    return found


def _frame(axis: Axes, frame: Frame) -> None:
    west, east, south, north = frame.extent
    axis.set(xlim=(west, east), ylim=(south, north), aspect="equal", xticks=[], yticks=[])
    axis.spines[:].set_visible(True)
    axis.spines[:].set(linewidth=0.5, edgecolor="#999999")
    if isinstance(frame.projection, ccrs.EqualEarth):
        axis.spines[:].set_visible(False)
        x, y = np.asarray(frame.projection.boundary.coords)[:, :2].T
        axis.fill(x, y, facecolor=WATER, linewidth=0, zorder=-1)
    else:
        axis.set_facecolor(WATER)


def _draw_towers(axis: Axes, frame: Frame, skill: pd.DataFrame, flux: str) -> str:
    """Draw the towers of one flux; return what is seen."""
    scored = (skill["n"] >= LEAST_SCORED) & skill["NSE"].notna()
    nse = skill.loc[scored, "NSE"]
    size = min(max(_AREA / max(len(skill), 1), _SIZES[0]), _SIZES[1])
    # The lowest on top: what is wrong must not hide.
    for rows, style in (
        (skill[~scored], _UNSCORED),
        (skill.loc[nse[nse >= 0].sort_values(ascending=False).index], {"marker": "o", **_EDGE}),
        (skill.loc[nse[nse < 0].index], {"marker": "v", "color": _BELOW_ZERO, **_EDGE}),
    ):
        x, y = frame.place(*(rows[c].to_numpy(float) for c in ("longitude", "latitude"))).T
        colours: dict[str, Any] = (
            {}
            if style is _UNSCORED or "color" in style
            else {"c": SKILL_COLOURS.to_rgba(rows["NSE"])}
        )
        axis.scatter(x, y, s=size, zorder=3, **style, **colours)
    median = f", median {number(nse.median())}" if len(nse) else ""
    axis.set_title(flux)
    axis.set_title(
        f"{len(nse)} tower{'s'[: len(nse) != 1]}{median}", loc="right", size=6.5, weight="normal"
    )
    return f"{flux}: {len(nse)} towers with NSE{median}, {int((nse < 0).sum())} below 0"


def _draw_key(figure: Figure, axis: Axes) -> None:
    figure.colorbar(
        SKILL_COLOURS,
        cax=axis.inset_axes((0.1, 0.32, 0.8, 0.07)),
        orientation="horizontal",
        label="Nash-Sutcliffe efficiency (NSE)",
    )
    high = colormaps[DENSITY_COLOURS](0.75)
    dot: dict[str, Any] = {"linestyle": "", "markersize": 4, "markeredgewidth": 0.4}
    axis.legend(
        handles=[
            Line2D([], [], marker="o", color=high, mec="#262626", label="tower", **dot),
            Line2D([], [], marker="v", color=_BELOW_ZERO, mec="#262626", label="NSE below 0", **dot),
            Line2D([], [], marker="o", mfc="none", mec="#595959", label=f"fewer than {LEAST_SCORED} values", **dot),
        ],
        loc="lower center",
        bbox_to_anchor=(0.5, 0.45),
    )  # fmt: skip
