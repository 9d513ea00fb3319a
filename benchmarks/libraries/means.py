"""Monthly means of shorter periods: ours against flox's sums by group.

flox assigns each period to one group. A period across the end of a month belongs to two, weighted by
its part in each: it is repeated, and weighted sums are divided by sums of weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from benchmarks.libraries.contest import Contest, Work
from uflux_kedro.gridding import means
from uflux_kedro.gridding.means import means_over

_MISSING = 0.1


def contests(folder: Path) -> Iterator[Contest]:
    """Compare for hours, days and periods of four days, in memory and with dask."""
    del folder
    for what, step, periods, cells, block in (
        ("2 months of hours, 60 x 120 cells", "1h", 24 * 59, (60, 120), None),
        ("2 years of days, 180 x 360 cells", "1D", 730, (180, 360), None),
        ("2 years of days, 180 x 360 cells, dask", "1D", 730, (180, 360), 31),
        ("2 years of 4 days, 180 x 360 cells", "4D", 183, (180, 360), None),
        ("2 years of 4 days, 180 x 360 cells, dask", "4D", 183, (180, 360), 8),
    ):
        yield Contest(
            what, "flox", ("flox", "numpy-groupies"), _ours, _theirs, (step, periods, cells, block),
            (means._weighted_mean,), (_by_flox,),
        )  # fmt: skip


def _cube(step: str, periods: int, cells: tuple[int, int], block: int | None) -> xr.Dataset:
    starts = pd.date_range("2001-01-01", periods=periods, freq=step)
    bounds = np.stack([starts, starts + pd.Timedelta(step)], axis=1)
    rng = np.random.default_rng(0)
    values = rng.normal(10, 3, (periods, *cells)).astype("float32")
    values[rng.random(values.shape) < _MISSING] = np.nan
    cube = xr.Dataset(
        {"TA": (("time", "latitude", "longitude"), values)},
        {"time": starts, "time_bnds": (("time", "bnds"), bounds)},
    )
    return cube.chunk(time=block) if block else cube


def _ours(*cube: object) -> Work:
    given = _cube(*cube)
    means_over(given.isel(latitude=[0], longitude=[0]), "benchmark", "month").load()
    return lambda: means_over(given, "benchmark", "month")["TA"].to_numpy()  # noqa: PLW0108 - lazy


def _theirs(*cube: object) -> Work:
    given = _cube(*cube)
    _by_flox(given.isel(latitude=[0], longitude=[0])).load()
    return lambda: _by_flox(given)["TA"].transpose("span", ...).to_numpy()


def _by_flox(cube: xr.Dataset) -> xr.Dataset:
    from flox.xarray import xarray_reduce

    starts, ends = cube["time_bnds"].to_numpy().T
    edges = pd.date_range(starts[0], ends[-1], freq="MS").to_numpy()
    first = np.searchsorted(edges, starts, side="right") - 1
    last = np.searchsorted(edges, ends, side="left") - 1
    period = np.repeat(np.arange(starts.size), 1 + (last > first))
    span = first[period] + np.append(False, period[1:] == period[:-1])
    whole = (span >= 0) & (span < edges.size - 1)
    period, span = period[whole], span[whole]
    length = np.minimum(ends[period], edges[span + 1]) - np.maximum(starts[period], edges[span])
    weight = xr.DataArray(length / np.timedelta64(1, "D"), dims="time")
    group = xr.DataArray(span, dims="time", name="span")
    values = cube.drop_vars("time_bnds")
    if period.size > starts.size:
        values = values.isel(time=period)
    values = values.isel(time=slice(weight.size)).drop_vars("time")
    groups = np.arange(edges.size - 1)
    sums = xarray_reduce(values * weight, group, func="sum", expected_groups=groups)
    weights = xarray_reduce(values.notnull() * weight, group, func="sum", expected_groups=groups)
    return (sums / weights.where(weights > 0)).astype("float32")
