"""Guards at the door: what a netCDF file must be before anything is computed from it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.variables import VARIABLES, Variable

COORDINATE_NAMES = {
    "lat": "latitude", "Lat": "latitude", "Latitude": "latitude",
    "lon": "longitude", "Lon": "longitude", "Longitude": "longitude",
    "valid_time": "time", "Time": "time",
}  # fmt: skip

Step = Literal["month", "4 days", "hour"]
"""How long the periods of a source are."""

_MAX_UNEVENNESS = 0.05
"""Gaussian latitudes differ from even spacing by less than this; a lost row doubles the step."""


def open_netcdf(path: Path) -> xr.Dataset:
    """Open a netCDF file, its coordinates named ``time``, ``latitude``, ``longitude``.

    Raises:
        InputError: If the file is absent, truncated or something else.
    """
    try:
        with Path(path).open("rb") as stream:
            classic = stream.read(4) in (b"CDF\x01", b"CDF\x02")
        # The netCDF library reads zeros past the end of a truncated classic file; scipy stops.
        dataset = xr.open_dataset(path, engine="scipy" if classic else "netcdf4", cache=False)
    except (OSError, ValueError, TypeError, KeyError, IndexError, EOFError) as error:
        raise InputError(
            path,
            None,
            expected="a complete netCDF file",
            found=f"{type(error).__name__}: {error}",
            hint="The file is truncated or of another kind: fetch it again",
        ) from error
    present = {*dataset.variables, *dataset.dims}
    return dataset.rename({k: v for k, v in COORDINATE_NAMES.items() if k in present})


def normalise_grid(cube: xr.Dataset, where: str | Path) -> xr.Dataset:
    """Turn the grid so that latitude ascends and longitude ascends from -180.

    Args:
        cube: With 1-D coordinates ``latitude`` and ``longitude`` in degrees, running either
            way, longitude as -180..180 or 0..360.
        where: File, for the message.

    Raises:
        InputError: If a coordinate is absent, out of range, unsorted, uneven or doubled.
    """
    for name, lowest, highest in (("latitude", -90, 90), ("longitude", -180, 360)):
        if name not in cube.coords or cube[name].dims != (name,):
            raise InputError(
                where, name, expected="a 1-D coordinate", found=f"dimensions {dict(cube.sizes)}"
            )
        # Single precision would make 0.1 degree grids of two files differ.
        cube = cube.assign_coords({name: cube[name].astype("float64").round(5)})
        _check_axis(cube[name].to_numpy(), name, lowest, highest, where)
    cube = cube.assign_coords(longitude=(cube.longitude + 180) % 360 - 180)
    cube = cube.sortby("latitude").sortby("longitude")
    if not cube.indexes["longitude"].is_unique:
        raise InputError(
            where,
            "longitude",
            expected="each meridian once",
            found=f"{int(cube.indexes['longitude'].duplicated().sum())} of them twice",
            hint="Drop the column that repeats the first",
        )
    cube.latitude.attrs = {"standard_name": "latitude", "units": "degrees_north", "axis": "Y"}
    cube.longitude.attrs = {"standard_name": "longitude", "units": "degrees_east", "axis": "X"}
    return cube


def _check_axis(
    values: np.ndarray, name: str, lowest: float, highest: float, where: str | Path
) -> None:
    if not ((values >= lowest) & (values <= highest)).all():
        raise InputError(
            where,
            name,
            expected=f"{lowest} to {highest} degrees",
            found=f"{np.min(values):g} to {np.max(values):g}",
        )
    if values.size < 2:
        raise InputError(where, name, expected="two values or more", found=str(values.size))
    steps = np.diff(values)
    if not ((steps > 0).all() or (steps < 0).all()):
        raise InputError(where, name, expected="values that only rise or only fall", found="both")
    usual = np.median(steps)
    worst = steps[np.argmax(np.abs(steps - usual))]
    if abs(worst - usual) > _MAX_UNEVENNESS * abs(usual):
        raise InputError(
            where, name, expected=f"even steps of {usual:g} degrees", found=f"a step of {worst:g}"
        )


def with_periods(cube: xr.Dataset, step: Step, where: str | Path) -> xr.Dataset:
    """Put time at the start of its period and add the periods' bounds.

    Args:
        cube: With a coordinate ``time``, one timestamp anywhere in each period.
        step: How long a period is. Four-day periods begin anew with each year.
        where: File or source, for the message.

    Returns:
        The cube with ``time`` (datetime64[ns]) and the coordinate ``time_bnds`` (time, bnds).

    Raises:
        InputError: If times are not dates, doubled, unordered, or if periods are missing.
    """
    if "time" not in cube.coords or not np.issubdtype(cube["time"].dtype, np.datetime64):
        found = str(cube["time"].dtype) if "time" in cube.coords else "none"
        raise InputError(where, "time", expected="dates of the common calendar", found=found)
    times = pd.DatetimeIndex(cube["time"].to_numpy())
    starts, ends = _periods(times, step)
    _check_sequence(starts, ends, step, where)
    bounds = np.column_stack([starts, ends]).astype("datetime64[ns]")
    cube = cube.drop_vars("time_bnds", errors="ignore")
    cube = cube.assign_coords(time=bounds[:, 0], time_bnds=(("time", "bnds"), bounds))
    cube["time"].attrs = {"standard_name": "time", "axis": "T", "bounds": "time_bnds"}
    return cube


def _periods(times: pd.DatetimeIndex, step: Step) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
    if step == "month":
        starts = times.to_period("M").to_timestamp()
        return starts, starts + pd.offsets.MonthBegin(1)
    if step == "hour":
        return times, times + pd.Timedelta("1h")
    starts = times.normalize()
    next_year = pd.to_datetime((starts.year + 1).astype(str) + "-01-01")
    ends = (starts + pd.Timedelta("4D")).to_series().clip(upper=next_year.to_series().to_numpy())
    return starts, pd.DatetimeIndex(ends)


def _check_sequence(
    starts: pd.DatetimeIndex, ends: pd.DatetimeIndex, step: Step, where: str | Path
) -> None:
    if not starts.is_unique:
        twice = starts[starts.duplicated()].unique()
        raise InputError(
            where, "time", expected="each period once", found=f"{listed(twice)} more than once"
        )
    if not starts.is_monotonic_increasing:
        late = starts[1:][np.diff(starts) < np.timedelta64(0)]
        raise InputError(
            where, "time", expected="times in order", found=f"{listed(late)} after a later time"
        )
    gaps = np.flatnonzero(starts[1:].to_numpy() != ends[:-1].to_numpy())
    if not gaps.size:
        return
    if step == "month":
        complete = pd.date_range(starts[0], starts[-1], freq="MS")
        found = f"{listed(complete.difference(starts))} missing"
    else:
        found = "; ".join(f"nothing from {ends[i]} to {starts[i + 1]}" for i in gaps[:5])
    raise InputError(
        where,
        "time",
        expected=f"a record without gaps from {starts[0]:%Y-%m-%d} to {ends[-1]:%Y-%m-%d}",
        found=found,
        hint="Fetch what is missing",
    )


def listed(times: pd.DatetimeIndex) -> str:
    """Times as text: months where all are months, shortened where they are many."""
    pattern = "%Y-%m" if (times.day == 1).all() and (times.hour == 0).all() else "%Y-%m-%d"
    names = list(dict.fromkeys(times.strftime(pattern)))
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def lazily_within_bounds(
    data: xr.DataArray, variable: Variable, where: str | Path, unit: str
) -> xr.DataArray:
    """Check an array that waits on dask as it is computed, so that nothing is read twice.

    Args:
        data: In the canonical unit.
        variable: What it is.
        where: File, for the message.
        unit: Unit that the file declares, for the message.

    Returns:
        The same array; computing it raises InputError where a value is out of bounds.
    """
    checked = data.data.map_blocks(
        check_bounds, variable.name, str(where), unit, dtype=data.dtype, meta=data.data._meta
    )
    return data.copy(data=checked)


def check_bounds(values: np.ndarray, name: str, where: str, unit: str) -> np.ndarray:
    """Return the values, if all lie within the variable's physical bounds; NaN passes.

    Args:
        values: In the canonical unit.
        name: Canonical name.
        where: File, for the message.
        unit: Unit that the file declares, for the message.

    Raises:
        InputError: If some lie outside.
    """
    variable = VARIABLES[name]
    # Packed integers miss a bound by a rounding error.
    slack = 1e-4 * (variable.upper - variable.lower)
    outside = (values < variable.lower - slack) | (values > variable.upper + slack)
    if outside.any():
        worst = values[outside]
        raise InputError(
            where,
            name,
            expected=f"{variable.lower:g} to {variable.upper:g} {variable.unit}",
            found=f"{worst.min():g} to {worst.max():g} in {worst.size} of {values.size} values",
            hint=f"Read with the unit that the file declares, {unit!r}: is it the right one?",
        )
    return values
