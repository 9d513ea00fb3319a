"""Open netCDF files and check their coordinates and values."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path

import numpy as np
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.readers.grids.periods import Step
from uflux_kedro.variables import VARIABLES, Variable, bounds_of_step

logger = logging.getLogger(__name__)

COORDINATE_NAMES = {
    "lat": "latitude", "Lat": "latitude", "Latitude": "latitude", "LAT": "latitude",
    "lon": "longitude", "Lon": "longitude", "Longitude": "longitude", "LON": "longitude",
    "valid_time": "time", "Time": "time",
}  # fmt: skip

_MAX_UNEVENNESS = 0.05
"""Gaussian latitudes differ from even steps by less; a missing row doubles the step."""

_FILES_KEPT_OPEN = 16
"""At least the number of threads that read at the same time."""

_UPPER_OF_SHORT_PERIODS = {name: bounds_of_step(name, "hour")[1] for name in ("SW_IN", "P")}
"""Highest daily or hourly value, where it is higher than that of a month."""


def open_netcdf(path: Path, group: str | None = None) -> xr.Dataset:
    """Open a netCDF file, with coordinates renamed to ``time``, ``latitude`` and ``longitude``.

    If the file has bounds of time, time is their start.

    Args:
        path: The file.
        group: Group of an HDF5 file with the variables.

    Raises:
        InputError: If the file is absent, truncated or no netCDF, or its numbers are packed with
            a scale factor of zero or that is no number.
    """
    _limit_caches()
    try:
        with Path(path).open("rb") as stream:
            classic = stream.read(4) in (b"CDF\x01", b"CDF\x02")
        # Of a truncated classic file the netCDF library reads zeros; scipy raises an error.
        engine = "scipy" if classic else "netcdf4"
        dataset = xr.open_dataset(
            path,
            engine=engine,
            cache=False,
            decode_timedelta=False,
            backend_kwargs={"group": group} if group else None,
        )
    # The decoders raise many kinds of exceptions on a damaged header.
    except Exception as error:
        raise InputError(
            path,
            None,
            expected="a complete netCDF file",
            found=f"{type(error).__name__}: {error}",
            hint="The file is truncated or of another format: download it again",
        ) from error
    require_packing(dataset, path)
    present = {*dataset.variables, *dataset.dims}
    names: dict[str, str] = {}
    for found, name in COORDINATE_NAMES.items():
        # cfgrib writes `valid_time` beside `time`.
        if found in present and name not in {*present, *names.values()}:
            names[found] = name
    opened = _at_start_of_bounds(_on_common_calendar(dataset.rename(names)))
    opened.set_close(dataset.close)
    return opened


def require_packing(dataset: xr.Dataset, path: Path) -> None:
    """Check that numbers can be unpacked.

    Args:
        dataset: As decoded, with the packing in the encoding of its variables.
        path: The file, for the message.

    Raises:
        InputError: If a scale factor is zero, infinite or no number, or an offset is not finite.
    """
    for name, variable in dataset.variables.items():
        for key in ("scale_factor", "add_offset"):
            value = np.asarray(variable.encoding.get(key, 1.0), dtype=float)
            if not np.isfinite(value).all() or (key == "scale_factor" and not value.all()):
                raise InputError(
                    path,
                    str(name),
                    expected=f"a {key} with which numbers can be unpacked",
                    found=f"{float(value.flat[0]):g}",
                    hint="The file is damaged: download it again, or mend the attribute",
                )


@cache
def _limit_caches() -> None:
    """Keep few files open, and limit the cache of the netCDF library, by default 64 MiB a variable.

    Blocks are read once and in whole chunks of the file, so that a cache is useless. An open file
    takes about 5 MB, and xarray keeps 128 of them open: memory would grow with the record. Opening a
    file again takes milliseconds, reading its blocks seconds.
    """
    import netCDF4

    netCDF4.set_chunk_cache(2**20)
    xr.set_options(file_cache_maxsize=_FILES_KEPT_OPEN)


def _on_common_calendar(dataset: xr.Dataset) -> xr.Dataset:
    """Convert dates of another calendar to the common one, if they all exist there.

    The dates of a calendar without leap days exist in the common calendar. 29 February is then
    missing in a daily record, which is reported where gaps are not allowed.
    """
    for name in ("time", _bounds_of_time(dataset)):
        if name in dataset.variables and dataset[name].dtype == object and dataset[name].size:
            dates = np.atleast_1d(dataset[name].to_numpy())
            # Files of NASA AppEEARS count days since 2000 and declare the julian calendar.
            try:
                stamps = np.array([d.isoformat() for d in dates.flat], dtype="datetime64[ns]")
            except (AttributeError, ValueError):
                continue  # no dates, or 30 February: the check of times reports it
            stamps = stamps.reshape(dataset[name].shape)
            dataset = dataset.assign({name: (dataset[name].dims, stamps, dataset[name].attrs)})
    return dataset


def _bounds_of_time(dataset: xr.Dataset) -> str | None:
    if "time" not in dataset.coords:
        return None
    name = dataset["time"].attrs.get("bounds") or dataset["time"].encoding.get("bounds")
    return name if isinstance(name, str) else None


def _at_start_of_bounds(dataset: xr.Dataset) -> xr.Dataset:
    name = _bounds_of_time(dataset)
    bounds = dataset.variables.get(name) if name else None
    if bounds is None or bounds.ndim != 2 or bounds.dims[0] != "time":
        return dataset
    if not np.issubdtype(bounds.dtype, np.datetime64):
        return dataset
    return dataset.assign_coords(time=("time", bounds[:, 0].to_numpy()))


def normalise_grid(cube: xr.Dataset, where: str | Path) -> xr.Dataset:
    """Sort the grid so that latitude ascends and longitude ascends from -180.

    For a region on both sides of 180 degrees the meridians between are added as missing.

    Args:
        cube: With 1-D coordinates ``latitude`` and ``longitude`` in degrees, ascending or
            descending, longitude within -180..180 or 0..360.
        where: File, for the message.

    Raises:
        InputError: If a coordinate is absent, not numeric, out of range, unsorted, uneven or
            has duplicates.
    """
    for name, lowest, highest in (("latitude", -90, 90), ("longitude", -180, 360)):
        if name not in cube.coords or cube[name].dims != (name,):
            raise InputError(
                where, name, expected="a 1-D coordinate", found=f"dimensions {dict(cube.sizes)}"
            )
        if cube[name].dtype.kind not in "iuf":
            raise InputError(
                where, name, expected="numbers, in degrees", found=f"values of {cube[name].dtype}"
            )
        # In single precision the same 0.1 degree grid may differ between files.
        cube = cube.assign_coords({name: cube[name].astype("float64").round(5)})
        _check_axis(cube[name].to_numpy(), name, lowest, highest, where)
    step = abs(float(cube.longitude[-1] - cube.longitude[0])) / (cube.sizes["longitude"] - 1)
    cube = cube.assign_coords(longitude=(cube.longitude + 180) % 360 - 180)
    cube = cube.sortby("latitude").sortby("longitude")
    if not cube.indexes["longitude"].is_unique:
        raise InputError(
            where,
            "longitude",
            expected="each meridian once",
            found=f"{int(cube.indexes['longitude'].duplicated().sum())} of them twice",
            hint="Remove the column that repeats the first",
        )
    cube = _over_date_line(cube, step)
    cube.latitude.attrs = {"standard_name": "latitude", "units": "degrees_north", "axis": "Y"}
    cube.longitude.attrs = {"standard_name": "longitude", "units": "degrees_east", "axis": "X"}
    return cube


def _over_date_line(cube: xr.Dataset, step: float) -> xr.Dataset:
    """Add missing meridians to a region on both sides of 180 degrees.

    Without them its easternmost and westernmost columns would be neighbours, and the area between
    would be interpolated from both.
    """
    longitude = cube["longitude"].to_numpy()
    gap = int(np.diff(longitude).argmax())
    east, west = longitude[gap : gap + 2]
    if west - east < 1.5 * step:
        return cube
    between = np.linspace(east, west, round((west - east) / step) + 1)[1:-1].round(5)
    return cube.reindex(longitude=np.insert(longitude, gap + 1, between))


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


def lazily_finite(data: xr.DataArray, variable: Variable, where: str | Path) -> xr.DataArray:
    """Make infinite values of a dask array missing when it is computed, and log their number.

    Args:
        data: On dask.
        variable: Variable of the array, for the message.
        where: File, for the message.
    """
    finite = data.data.map_blocks(
        without_infinite, variable.name, str(where), dtype=data.dtype, meta=data.data._meta
    )
    return data.copy(data=finite)


def without_infinite(values: np.ndarray, name: str, where: str) -> np.ndarray:
    """Return the values with NaN for infinite ones, whose number is logged."""
    infinite = np.isinf(values)
    if not infinite.any():
        return values
    logger.warning(
        "%s: %s: %d of %d values are infinite: set to missing",
        where, name, infinite.sum(), values.size,
    )  # fmt: skip
    return np.where(infinite, np.float32(np.nan), values)


def lazily_within_bounds(
    data: xr.DataArray, variable: Variable, where: str | Path, unit: str, step: Step = "month"
) -> xr.DataArray:
    """Check the bounds of a dask array when it is computed, so that nothing is read twice.

    Args:
        data: In the canonical unit.
        variable: Variable of the array.
        where: File, for the message.
        unit: Unit that the file declares, for the message.
        step: Length of the periods; the bounds of hours and days are wider than those of months.

    Returns:
        The same array; computing it raises InputError if a value is out of bounds.
    """
    checked = data.data.map_blocks(
        check_bounds, variable.name, str(where), unit, step, dtype=data.dtype, meta=data.data._meta
    )
    return data.copy(data=checked)


def _upper(name: str, step: Step) -> float:
    short = step in ("day", "6 hours", "3 hours", "hour")
    return (_UPPER_OF_SHORT_PERIODS if short else {}).get(name, VARIABLES[name].upper)


def allowed(name: str, step: Step) -> tuple[float, float]:
    """Return the lowest and the highest value that :func:`check_bounds` lets pass.

    Packed integers may exceed a bound by their rounding error.
    """
    lower, upper = VARIABLES[name].lower, _upper(name, step)
    slack = 1e-4 * (upper - lower)
    return lower - slack, upper + slack


def check_bounds(
    values: np.ndarray, name: str, where: str, unit: str, step: Step = "month"
) -> np.ndarray:
    """Return the values if all are NaN, infinite or within the physical bounds of the variable.

    Infinite values are no error of the unit: see :func:`lazily_finite`.

    Args:
        values: In the canonical unit.
        name: Canonical name.
        where: File, for the message.
        unit: Unit that the file declares, for the message.
        step: Length of the periods.

    Raises:
        InputError: If any value is outside.
    """
    variable, upper = VARIABLES[name], _upper(name, step)
    lowest, highest = allowed(name, step)
    outside = np.isfinite(values) & ((values < lowest) | (values > highest))
    if outside.any():
        worst = values[outside]
        raise InputError(
            where,
            name,
            expected=f"{variable.lower:g} to {upper:g} {variable.unit}",
            found=f"{worst.min():g} to {worst.max():g} in {worst.size} of {values.size} values",
            hint=f"Check the unit that the file declares, {unit!r}",
        )
    return values
