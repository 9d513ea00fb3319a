"""Compare a product with another one, or with the truth of a simulated Earth, cell by cell.

Both are averaged by area to the coarser of their grids and over their common months. Only cells and
months with a value in both count.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.gridding.cells import cell_area
from uflux_kedro.gridding.conservative import mean_by_area
from uflux_kedro.gridding.means import means_over
from uflux_kedro.statistics.means import period_days
from uflux_kedro.variables import VARIABLES

_PLACE = ("latitude", "longitude")
_BINS = 400
"""Bins of the density of cells and months, over the physical bounds of the flux."""
_LEAST_MONTHS = 6
"""Calendar months that a cell's seasonal cycle needs."""

SCORES = {
    "months": ("common months", "1"),
    "area": ("area with both, mean over the months", "km2"),
    "product_mean": ("mean of the product", None),
    "peer_mean": ("mean of the peer", None),
    "product_total": ("total of the product, a year of the common months", "PgC yr-1"),
    "peer_total": ("total of the peer, a year of the common months", "PgC yr-1"),
    "bias": ("product less peer", None),
    "RMSE": ("root mean squared difference of cells and months", None),
    "NSE": ("Nash-Sutcliffe efficiency of cells and months", "1"),
    "r2": ("squared correlation of cells and months", "1"),
    "spatial_r2": ("squared correlation of the cells' multi-year means", "1"),
    "seasonal_r2": ("squared correlation of the cells' mean seasonal cycles, less their mean", "1"),
    "seasonal_NSE": ("Nash-Sutcliffe efficiency of the same", "1"),
    "coverage": ("share of the peer within two standard deviations of the members", "1"),
}
"""Score -> description and unit; None is the flux's unit. All are weighted by area and days."""

SEASONS = {
    "December to February": (11, 0, 1),
    "March to May": (2, 3, 4),
    "June to August": (5, 6, 7),
    "September to November": (8, 9, 10),
}
"""Season -> its calendar months, January being 0."""

_SERIES = {"days": "1", "common_area": "km2", "product_series": None, "peer_series": None}
"""Column of the monthly series -> unit; None is the flux's unit. Days have the unit 1, since xarray
would read "d" as a duration."""


def _of_days(cube: xr.Dataset) -> bool:
    return bool((period_days(cube) == 1).all())


def compare_with_peer(product: xr.Dataset, variable: str, peer: xr.Dataset) -> xr.Dataset:
    """Compare a product with a peer, by days where both are of days, else by months.

    Args:
        product: ``variable`` (time, latitude, longitude) and its ``_std``, with ``time_bnds``;
            months or shorter steps, lazily.
        variable: The flux.
        peer: The same flux in the same unit, likewise.

    Returns:
        Scalars of :data:`SCORES`; ``product``, ``peer`` and ``difference`` (latitude,
        longitude), means over the common months; ``seasonal_difference`` (season, latitude,
        longitude), of :data:`SEASONS` by number, NaN without a common month; ``product_series`` and ``peer_series`` (time),
        means over the ``common_area`` (km2) of months of so many ``days``; ``density`` (peer_bin,
        product_bin), km2 times months in each pair of bins of their values. A score that needs a spread or more months
        than there are is NaN.

    Raises:
        InputError: If they have no month or no cell in common.
    """
    ours, theirs = _fields(product, variable), _fields(peer, variable)
    span: Literal["day", "month"] = "day" if _of_days(ours) and _of_days(theirs) else "month"
    ours = means_over(ours, "product", span, whole=True)
    theirs = theirs.drop_vars(f"{variable}_std", errors="ignore")
    theirs = means_over(theirs, "peer", span, whole=True)
    months = ours.indexes["time"].intersection(theirs.indexes["time"])
    if months.empty:
        raise InputError(
            "peer",
            "time",
            expected=f"{span}s in common with the product, {_span(ours)}",
            found=_span(theirs),
        )
    ours, theirs = _on_one_grid(ours.sel(time=months), theirs.sel(time=months))
    lower, upper = VARIABLES[variable].lower, VARIABLES[variable].upper
    sums = _Sums(np.linspace(lower, upper, _BINS + 1), (12, *(ours.sizes[a] for a in _PLACE)))
    area = cell_area(ours).to_numpy()
    days = period_days(ours).to_numpy()
    for i, month in enumerate(months):
        one, other = (c.isel(time=i).transpose(*_PLACE, ...) for c in (ours, theirs))
        spread = one[f"{variable}_std"].to_numpy() if f"{variable}_std" in one else None
        sums.add(
            one[variable].to_numpy().astype(float),
            other[variable].to_numpy().astype(float),
            spread,
            area,
            float(days[i]),
            month,
        )
    if not sums.weight:
        raise InputError(
            "peer", variable, expected="values where the product has some", found="none"
        )
    return _result(sums, variable, ours, area)


def _fields(product: xr.Dataset, variable: str) -> xr.Dataset:
    names = [n for n in (variable, f"{variable}_std") if n in product]
    bounds = product["time_bnds"]
    return product[names].assign_coords(time_bnds=(("time", "bnds"), bounds.to_numpy()))


def _span(cube: xr.Dataset) -> str:
    index = cube.indexes["time"]
    return f"{index[0]:%Y-%m} to {index[-1]:%Y-%m}"


def _on_one_grid(a: xr.Dataset, b: xr.Dataset) -> tuple[xr.Dataset, xr.Dataset]:
    """Return both on the coarser grid."""
    if all(a.sizes[x] == b.sizes[x] and np.allclose(a[x], b[x], atol=1e-4) for x in _PLACE):
        return a, b.assign_coords({axis: a[axis] for axis in _PLACE})
    step = {id(c): float(np.diff(c["latitude"].to_numpy()).mean()) for c in (a, b)}
    if step[id(a)] < step[id(b)]:
        return _averaged(a, b), b
    return a, _averaged(b, a)


def _averaged(cube: xr.Dataset, target: xr.Dataset) -> xr.Dataset:
    bounds = cube["time_bnds"]
    fields = cube.drop_vars("time_bnds").map(mean_by_area, target=target)
    return fields.assign_coords(time_bnds=bounds)


@dataclass
class _Sums:
    """Sums over cells and months, weighted by area and days.

    Attributes:
        edges: Edges of the bins of ``density``, in the flux's unit.
        shape: Calendar months, latitudes, longitudes.
        weight: Area times days with both values, m2 d.
        moments: Product, peer, their squares and their product.
        error: Squared difference.
        within: Weight of the peer's values within two standard deviations of the members.
        with_spread: Weight of the cells and months with a spread.
        days: Days of the months with any common value.
        months: Number of these months.
        density: (peer bins, product bins), km2 times months.
        cycle: (product and peer, calendar months, latitude, longitude), times days.
        cycle_days: Days in ``cycle`` (calendar months, latitude, longitude).
        series: Month, its days, area with both values in m2, means of product and peer.
    """

    edges: np.ndarray
    shape: tuple[int, ...]
    weight: float = 0.0
    moments: np.ndarray = field(default_factory=lambda: np.zeros(5))
    error: float = 0.0
    within: float = 0.0
    with_spread: float = 0.0
    days: float = 0.0
    months: int = 0
    density: np.ndarray = field(init=False)
    cycle: np.ndarray = field(init=False)
    cycle_days: np.ndarray = field(init=False)
    series: list[tuple[pd.Timestamp, float, float, float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.density = np.zeros((self.edges.size - 1,) * 2)
        self.cycle = np.zeros((2, *self.shape))
        self.cycle_days = np.zeros(self.shape)

    def add(
        self,
        product: np.ndarray,
        peer: np.ndarray,
        spread: np.ndarray | None,
        area: np.ndarray,
        days: float,
        start: pd.Timestamp,
    ) -> None:
        """Add a month of both (latitude, longitude)."""
        common = np.isfinite(product) & np.isfinite(peer)
        if not common.any():
            return
        month = start.month - 1
        p, t, w = product[common], peer[common], area[common] * days
        means = (_dot(w, v) / w.sum() for v in (p, t))
        self.series.append((start, days, float(area[common].sum()), *means))
        self.weight += w.sum()
        self.days += days
        self.months += 1
        self.moments += [_dot(w, v) for v in (p, t, p * p, t * t, p * t)]
        self.error += _dot(w, (p - t) ** 2)
        self.cycle[0, month][common] += p * days
        self.cycle[1, month][common] += t * days
        self.cycle_days[month][common] += days
        place = [np.searchsorted(self.edges, v, "right") - 1 for v in (t, p)]
        bins = [i.clip(0, self.edges.size - 2) for i in place]
        np.add.at(self.density, tuple(bins), area[common] / 1e6)
        if spread is not None:
            s = spread[common]
            known = np.isfinite(s)
            self.with_spread += w[known].sum()
            self.within += w[known & (np.abs(p - t) <= 2 * s)].sum()


def _result(sums: _Sums, variable: str, grid: xr.Dataset, area: np.ndarray) -> xr.Dataset:
    """Return scores, mean maps and density from the sums."""
    p, t, pp, tt, pt = sums.moments / sums.weight
    known = sums.cycle_days.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums.cycle.sum(axis=1) / known
        cycles = sums.cycle / sums.cycle_days
    cycles[:, :, (sums.cycle_days > 0).sum(axis=0) < _LEAST_MONTHS] = np.nan
    with np.errstate(invalid="ignore"):
        present = np.isfinite(cycles[0])
        usual = np.where(present, cycles, 0).sum(axis=1) / np.maximum(present.sum(axis=0), 1)
    seasonal = _pairs(cycles - usual[:, None], np.broadcast_to(area, cycles.shape[1:]))
    spatial = _pairs(means, area)
    canonical = VARIABLES[variable].unit
    yearly = sums.weight / (sums.months / 12) * 1e-15
    has_total = canonical.startswith("gC")
    scores = {
        "months": sums.months,
        "area": sums.weight / sums.days / 1e6,
        "product_mean": p,
        "peer_mean": t,
        "product_total": p * yearly if has_total else np.nan,
        "peer_total": t * yearly if has_total else np.nan,
        "bias": p - t,
        "RMSE": np.sqrt(sums.error / sums.weight),
        "NSE": _efficiency(sums.error / sums.weight, tt - t * t),
        "r2": _squared_correlation(pp - p * p, tt - t * t, pt - p * t),
        "spatial_r2": spatial[0],
        "seasonal_r2": seasonal[0],
        "seasonal_NSE": seasonal[1],
        "coverage": sums.within / sums.with_spread if sums.with_spread else np.nan,
    }
    data: dict[str, Any] = {
        name: ((), float(scores[name]), {"long_name": words, "units": unit or canonical})
        for name, (words, unit) in SCORES.items()
    }
    attributes = {"units": canonical, "cell_methods": "time: mean"}
    for name, values in {"product": means[0], "peer": means[1], "difference": means[0] - means[1]}.items():  # fmt: skip
        data[name] = (_PLACE, values.astype("float32"), attributes)
    data["seasonal_difference"] = (("season", *_PLACE), _by_season(sums), attributes)
    series = pd.DataFrame(sums.series, columns=["time", *_SERIES]).set_index("time")
    series["common_area"] /= 1e6
    for name, unit in _SERIES.items():
        data[name] = ("time", series[name].to_numpy(), {"units": unit or canonical})
    middle = (sums.edges[1:] + sums.edges[:-1]) / 2
    data["density"] = (("peer_bin", "product_bin"), sums.density, {"units": "km2"})
    coords = {axis: grid[axis] for axis in _PLACE} | {"peer_bin": middle, "product_bin": middle}
    coords |= {"time": series.index, "season": range(1, len(SEASONS) + 1)}
    return xr.Dataset(data, coords, {"variable": variable})


def _by_season(sums: _Sums) -> np.ndarray:
    """Return product less peer in each season (season, latitude, longitude)."""
    found = []
    for months in SEASONS.values():
        amount, days = (
            sums.cycle[:, list(months)].sum(axis=1),
            sums.cycle_days[list(months)].sum(axis=0),
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            found.append((amount[0] - amount[1]) / days)
    return np.stack(found).astype("float32")


def _pairs(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Return weighted squared correlation and efficiency of product and peer (2, ...)."""
    common = np.isfinite(values).all(axis=0)
    if common.sum() < 2:
        return np.nan, np.nan
    p, t = values[0][common], values[1][common]
    w = weights[common] / weights[common].sum()
    dp, dt = p - _dot(w, p), t - _dot(w, t)
    spread = _dot(w, dt * dt)
    r2 = _squared_correlation(_dot(w, dp * dp), spread, _dot(w, dp * dt))
    return r2, _efficiency(_dot(w, (p - t) ** 2), spread)


def _dot(weights: np.ndarray, values: np.ndarray) -> float:
    """Return the weighted sum, to the same last digit however many threads BLAS would take."""
    return float((weights * values).sum())


def _squared_correlation(var_p: float, var_t: float, cov: float) -> float:
    return float(cov**2 / (var_p * var_t)) if var_p > 0 and var_t > 0 else np.nan


def _efficiency(squared_error: float, spread: float) -> float:
    return float(1 - squared_error / spread) if spread > 0 else np.nan
