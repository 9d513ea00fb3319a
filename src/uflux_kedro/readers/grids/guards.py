"""Guards at the door: what a netCDF file must be before anything is computed from it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.readers.grids.periods import Step
from uflux_kedro.variables import VARIABLES, Variable, bounds_of_step

COORDINATE_NAMES = {
    "lat": "latitude", "Lat": "latitude", "Latitude": "latitude", "LAT": "latitude",
    "lon": "longitude", "Lon": "longitude", "Longitude": "longitude", "LON": "longitude",
    "valid_time": "time", "Time": "time",
}  # fmt: skip

_MAX_UNEVENNESS = 0.05
"""Gaussian latitudes differ from even spacing by less than this; a lost row doubles the step."""

_FILES_KEPT_OPEN = 16
"""As many as threads read at one time, or more."""

_UPPER_OF_SHORT_PERIODS = {name: bounds_of_step(name, "hour")[1] for name in ("SW_IN", "P")}
"""Highest value that a day or an hour can have where that of a month is lower."""


def open_netcdf(path: Path, group: str | None = None) -> xr.Dataset:
    """Open a netCDF file, its coordinates named ``time``, ``latitude``, ``longitude``.

    Time is the left edge of its bounds where the file declares them.

    Args:
        path: The file.
        group: Group of an HDF5 file that holds the variables.

    Raises:
        InputError: If the file is absent, truncated or something else.
    """
    _keep_little()
    try:
        with Path(path).open("rb") as stream:
            classic = stream.read(4) in (b"CDF\x01", b"CDF\x02")
        # The netCDF library reads zeros past the end of a truncated classic file; scipy stops.
        engine = "scipy" if classic else "netcdf4"
        dataset = xr.open_dataset(
            path,
            engine=engine,
            cache=False,
            decode_timedelta=False,
            backend_kwargs={"group": group} if group else None,
        )
    # What a damaged header raises depends on where the decoders stumble.
    except Exception as error:
        raise InputError(
            path,
            None,
            expected="a complete netCDF file",
            found=f"{type(error).__name__}: {error}",
            hint="The file is truncated or of another kind: fetch it again",
        ) from error
    present = {*dataset.variables, *dataset.dims}
    names: dict[str, str] = {}
    for found, name in COORDINATE_NAMES.items():
        # cfgrib writes `valid_time` beside `time`.
        if found in present and name not in {*present, *names.values()}:
            names[found] = name
    return _at_start_of_bounds(_on_common_calendar(dataset.rename(names)))


@cache
def _keep_little() -> None:
    """Let few files stay open, and the netCDF library keep little of each, not 64 MiB a variable.

    Blocks are read once and in the file's own pieces, so that what it keeps is never asked for
    again. A file that was read takes some 5 MB while it is open, and xarray keeps 128 of them: memory
    would grow with the record. Opening one again takes milliseconds beside seconds for its blocks.
    """
    import netCDF4

    netCDF4.set_chunk_cache(2**20)
    xr.set_options(file_cache_maxsize=_FILES_KEPT_OPEN)


def _on_common_calendar(dataset: xr.Dataset) -> xr.Dataset:
    """Dates of another calendar become such of the common one, where it has them all.

    A model's year without leap days has dates that every calendar has. A record of days then
    lacks 29 February, which shows as a gap where gaps are not allowed.
    """
    for name in ("time", _bounds_of_time(dataset)):
        if name in dataset.variables and dataset[name].dtype == object and dataset[name].size:
            dates = np.atleast_1d(dataset[name].to_numpy())
            # Files of NASA's AppEEARS count their days since 2000 and name the calendar julian.
            try:
                stamps = np.array([d.isoformat() for d in dates.flat], dtype="datetime64[ns]")
            except (AttributeError, ValueError):
                continue  # no dates, or 30 February: the check of times says so
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
    """Turn the grid so that latitude ascends and longitude ascends from -180.

    Where a region lies on both sides of 180 degrees, the meridians between are added as missing.

    Args:
        cube: With 1-D coordinates ``latitude`` and ``longitude`` in degrees, running either
            way, longitude as -180..180 or 0..360.
        where: File, for the message.

    Raises:
        InputError: If a coordinate is absent, no number, out of range, unsorted, uneven or doubled.
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
        # Single precision would make 0.1 degree grids of two files differ.
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
            hint="Drop the column that repeats the first",
        )
    cube = _over_date_line(cube, step)
    cube.latitude.attrs = {"standard_name": "latitude", "units": "degrees_north", "axis": "Y"}
    cube.longitude.attrs = {"standard_name": "longitude", "units": "degrees_east", "axis": "X"}
    return cube


def _over_date_line(cube: xr.Dataset, step: float) -> xr.Dataset:
    """A region on both sides of 180 degrees with the meridians between its ends, all missing.

    Without them its last column in the east would stand beside its first in the west, and what
    lies between would be made up of both.
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


def lazily_within_bounds(
    data: xr.DataArray, variable: Variable, where: str | Path, unit: str, step: Step = "month"
) -> xr.DataArray:
    """Check an array that waits on dask as it is computed, so that nothing is read twice.

    Args:
        data: In the canonical unit.
        variable: What it is.
        where: File, for the message.
        unit: Unit that the file declares, for the message.
        step: Length of the periods: an hour may be brighter and wetter than a month.

    Returns:
        The same array; computing it raises InputError where a value is out of bounds.
    """
    checked = data.data.map_blocks(
        check_bounds, variable.name, str(where), unit, step, dtype=data.dtype, meta=data.data._meta
    )
    return data.copy(data=checked)


def check_bounds(
    values: np.ndarray, name: str, where: str, unit: str, step: Step = "month"
) -> np.ndarray:
    """Return the values, if all lie within the variable's physical bounds; NaN passes.

    Args:
        values: In the canonical unit.
        name: Canonical name.
        where: File, for the message.
        unit: Unit that the file declares, for the message.
        step: Length of the periods.

    Raises:
        InputError: If some lie outside.
    """
    variable = VARIABLES[name]
    short = step in ("day", "6 hours", "3 hours", "hour")
    upper = _UPPER_OF_SHORT_PERIODS.get(name, variable.upper) if short else variable.upper
    # Packed integers miss a bound by a rounding error.
    slack = 1e-4 * (upper - variable.lower)
    outside = (values < variable.lower - slack) | (values > upper + slack)
    if outside.any():
        worst = values[outside]
        raise InputError(
            where,
            name,
            expected=f"{variable.lower:g} to {upper:g} {variable.unit}",
            found=f"{worst.min():g} to {worst.max():g} in {worst.size} of {values.size} values",
            hint=f"Read with the unit that the file declares, {unit!r}: is it the right one?",
        )
    return values
