"""Open the files of a source as one lazy cube with canonical names, units and coordinates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path

import dask
import numpy as np
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import unpack_netcdf
from uflux_kedro.readers.grids.accumulations import rates, refuse_sums_of_the_day
from uflux_kedro.readers.grids.eos import is_eos, open_eos
from uflux_kedro.readers.grids.geotiff import is_geotiff, open_geotiff
from uflux_kedro.readers.grids.grib import is_grib, open_grib
from uflux_kedro.readers.grids.grid_source import GridSource
from uflux_kedro.readers.grids.guards import (
    check_bounds,
    lazily_finite,
    lazily_within_bounds,
    normalise_grid,
    open_netcdf,
)
from uflux_kedro.readers.grids.kinds import require_kind
from uflux_kedro.readers.grids.periods import (
    date_in_name,
    require_times,
    step_among,
    step_of_product,
    times_of,
    with_periods,
)
from uflux_kedro.readers.grids.stored_array import from_file
from uflux_kedro.readers.grids.stored_pieces import (
    most_times,
    stored_maps,
    stored_pieces,
    unit_of,
)
from uflux_kedro.readers.grids.stored_record import joined, lazily_of, record_of
from uflux_kedro.readers.units import to_canonical
from uflux_kedro.variables import VARIABLES

_PACKING = 1e-6
"""Largest rounding error of unpacking in single precision."""


def open_source(
    paths: Sequence[Path], *sources: GridSource, variables: Sequence[str] = ()
) -> xr.Dataset:
    """Open the files of a source as one cube.

    Args:
        paths: NetCDF, HDF-EOS or GRIB files in any order, GeoTIFFs of a source of one variable, or
            zips of netCDF; the record may be split by years, by variables, or both. A file
            without time gets the date in its name.
        sources: Descriptions of the files; of several, the one with the time step of the files
            is used.
        variables: Canonical names of the variables to read; empty for all.

    Returns:
        Dataset (time, latitude, longitude) of float32 dask arrays: canonical names and units,
        latitude ascending, longitude ascending within -180..180, ``time`` at the start of each
        period, and ``time_bnds``. Computing values out of physical bounds raises InputError.

    Raises:
        ConfigurationError: If the source has no variable of that name, or the extra that reads a
            format is not installed.
        InputError: If files are missing, damaged or inconsistent, or hold samples where means are
            expected.
    """
    opened = [(path, _open(path, sources[0])) for path in unpack_netcdf(paths)]
    source = _fitting(opened, sources)
    if variables:
        source = source.only(variables)
    steps = [one.step for one in sources]
    shorter = [step for step in steps if step != "month"] if "month" in steps else []
    require_kind(opened, source.names, source.step, _where(paths), shorter=shorter)
    pieces: dict[str, list[xr.DataArray]] = {}
    for path, dataset in opened:
        for piece in _pieces(dataset, path, source, set(pieces)):
            first = next(iter(pieces.values()), [piece])[0]
            _check_same_grid(piece, first, path)
            pieces.setdefault(str(piece.name), []).append(piece)
    missing = [v for v in source.required if v not in pieces]
    if missing:
        wanted = [a for a, v in source.names.items() if v in missing]
        raise InputError(
            _where(paths),
            ", ".join(missing),
            expected=f"a variable named {' or '.join(wanted)}",
            found=f"only {', '.join(pieces) or 'variables unknown to this reader'}",
        )
    whole = {name: _join(parts, source, paths) for name, parts in pieces.items()}
    _check_same_times(whole, source, paths)
    whole = {name: _as_means(data, source, _where(paths)) for name, data in whole.items()}
    # Zarr needs chunks of one size, though the last chunk of each file is shorter.
    first = whole[source.required[0]]
    parts = pieces[source.required[0]] if record_of(first) is None else [first]
    chunks = {d: max(max(p.chunksizes[d]) for p in parts) for d in ("time", "latitude")}
    cube = xr.Dataset(whole).chunk(chunks)
    cube.attrs = {"source": source.name}
    return with_periods(cube, source.step, _where(paths), source.gaps, source.future)


def _open(path: Path, source: GridSource) -> xr.Dataset:
    if is_eos(path):
        dataset = open_eos(path)
    elif is_grib(path):
        dataset = open_grib(path)
    elif is_geotiff(path):
        dataset = open_geotiff(path, source)
    else:
        dataset = open_netcdf(path)
    if "time" not in {*dataset.dims, *dataset.coords}:
        date = date_in_name(path)
        if date is not None:
            dataset = dataset.assign_coords(time=date)
    return dataset


def _fitting(
    opened: Sequence[tuple[Path, xr.Dataset]], sources: Sequence[GridSource]
) -> GridSource:
    if len(sources) == 1:
        return sources[0]
    known = set(sources[0].names)
    used = [(path, data) for path, data in opened if known & set(data.data_vars)]
    steps = tuple(source.step for source in sources)
    step = step_among([times_of(data, path) for path, data in used], steps)
    if step == steps[0]:
        step = step_of_product((path.name for path, _ in used), steps) or step
    return next(source for source in sources if source.step == step)


def _pieces(
    dataset: xr.Dataset, path: Path, source: GridSource, seen: set[str]
) -> Iterable[xr.DataArray]:
    chosen: dict[str, str] = {}
    for alias, canonical in source.names.items():
        if alias in dataset.data_vars:
            chosen.setdefault(canonical, alias)
    if not chosen:
        return
    times_of(dataset, path)
    _require_numbers(dataset, chosen.values(), path)
    flags = [source.flags[0]] if source.flags and source.flags[0] in dataset.data_vars else []
    most = most_times(source)
    stored = {} if flags else stored_maps(dataset, path, chosen, source)
    if stored:
        yield from stored_pieces(dataset, path, source, stored, seen)
        dataset.close()  # an open file takes megabytes, and the library is not needed for it again
        return
    dataset = from_file(dataset[[*chosen.values(), *flags]], path, most)
    if flags:
        dataset = _without_flagged(dataset, source)
    dataset = dataset.rename({a: v for v, a in chosen.items()})
    if source.divides:
        dataset = dataset.map(_divided, keep_attrs=True)
    if source.fill is not None:
        dataset = dataset.where(abs(dataset - source.fill) > _PACKING)
    units = {str(v): unit_of(data, path, source) for v, data in dataset.data_vars.items()}
    for name, data in dataset.data_vars.items():
        if source.is_accumulated(str(name)) or name in seen:
            continue
        # A wrong unit is found here already, by reading only the first period.
        first = data.isel(time=slice(0, 1), missing_dims="ignore")
        converted = to_canonical(first, units[str(name)], VARIABLES[str(name)], path)
        check_bounds(converted.to_numpy(), str(name), str(path), units[str(name)], source.step)
    dataset = _drop_extra_dimensions(dataset, path)
    dataset = normalise_grid(dataset, path)
    dataset = with_periods(dataset, source.step, path, source.gaps, source.future)
    for name, data in dataset.data_vars.items():
        variable, unit = VARIABLES[str(name)], units[str(name)]
        converted = to_canonical(data, unit, variable, path).astype("float32")
        converted = lazily_finite(converted, variable, path)
        if not source.is_accumulated(variable.name):
            converted = lazily_within_bounds(converted, variable, path, unit, source.step)
        converted.attrs = variable.cf_attributes()
        # Merge the layers of the dask graph: selecting a month walks all layers of all files.
        yield dask.optimize(converted.rename(variable.name))[0]


def _require_numbers(dataset: xr.Dataset, names: Iterable[str], path: Path) -> None:
    for alias in names:
        if dataset[alias].dtype.kind not in "fiu":
            found = str(dataset[alias].dtype)
            raise InputError(path, alias, expected="numbers", found=found)


def _without_flagged(dataset: xr.Dataset, source: GridSource) -> xr.Dataset:
    assert source.flags is not None
    name, mask = source.flags
    # A cell without a flag is clear: where flags are fill values, so are the data.
    flagged = (dataset[name].fillna(0).astype("int64") & mask) != 0
    return dataset.drop_vars(name).where(~flagged)


def _divided(data: xr.DataArray) -> xr.DataArray:
    """Divide by a scale factor by which decoding has multiplied, contrary to the product guide."""
    scale = float(data.encoding.get("scale_factor", 1))
    return data / scale**2 if scale > 1 else data


def _drop_extra_dimensions(dataset: xr.Dataset, path: Path) -> xr.Dataset:
    if dataset.sizes.get("expver", 1) > 1:
        # ERA5 with preliminary months: each month has values in one of the versions.
        versions = [dataset.isel(expver=i, drop=True) for i in range(dataset.sizes["expver"])]
        dataset = reduce(xr.Dataset.fillna, versions)
    if "time" not in dataset.dims and "time" in dataset.coords:
        dataset = dataset.expand_dims("time")
    kept = ("time", "latitude", "longitude")
    dataset = dataset.squeeze([d for d, n in dataset.sizes.items() if n == 1 and d not in kept])
    dataset = dataset.drop_vars([c for c in dataset.coords if c not in kept])
    for name, data in dataset.data_vars.items():
        if set(data.dims) != set(kept):
            raise InputError(
                path,
                str(name),
                expected="the dimensions time, latitude, longitude",
                found=", ".join(f"{d} ({n})" for d, n in data.sizes.items()),
            )
    return dataset.transpose(*kept)


def _join(parts: list[xr.DataArray], source: GridSource, paths: Sequence[Path]) -> xr.DataArray:
    parts = sorted(parts, key=lambda part: part.time.values[0])
    if len(parts) == 1:
        return parts[0]
    records = [record for record in map(record_of, parts) if record is not None]
    record = joined(records) if len(records) == len(parts) else None
    if record is None:
        whole = xr.concat(parts, dim="time", join="override", coords="minimal", compat="override")
    else:
        data = lazily_of(record, most_times(source))
        coords = dict(parts[0].coords) | {"time": record.times}
        whole = xr.DataArray(data, coords, parts[0].dims, parts[0].name)
    # Finds two files of the same period, or a missing year.
    where = f"{_where(paths)}: {whole.name}"
    with_periods(whole.coords.to_dataset(), source.step, where, source.gaps, source.future)
    whole.attrs = parts[0].attrs
    return whole


def _as_means(data: xr.DataArray, source: GridSource, where: str) -> xr.DataArray:
    """Convert accumulations up to each time to means over the hour that starts there."""
    if source.accumulates is None or not source.is_accumulated(str(data.name)):
        return data
    if data.sizes["time"] < 2:
        raise InputError(where, str(data.name), expected="two hours or more", found="one")
    record = record_of(data)
    if record is not None:
        made = replace(record, rate=source.accumulates, where=where)
        return data.copy(data=lazily_of(made, most_times(source)))
    if source.accumulates == "hour":
        data = refuse_sums_of_the_day(data, where)
    means = rates(data, source.accumulates)
    variable = VARIABLES[str(data.name)]
    return lazily_within_bounds(means, variable, where, f"sum of the {source.accumulates}", "hour")


def _check_same_grid(piece: xr.DataArray, first: xr.DataArray, path: Path) -> None:
    for axis in ("latitude", "longitude"):
        expected, found = first[axis].to_numpy(), piece[axis].to_numpy()
        if not np.array_equal(expected, found):
            raise InputError(
                path,
                axis,
                expected=f"the grid of the other files, {_extent(expected)}",
                found=_extent(found),
            )


def _extent(axis: np.ndarray) -> str:
    return f"{axis.size} values from {axis[0]:g} to {axis[-1]:g}"


def _check_same_times(
    joined: Mapping[str, xr.DataArray], source: GridSource, paths: Sequence[Path]
) -> None:
    all_times = next(iter(joined.values())).indexes["time"]
    for data in joined.values():
        all_times = all_times.union(data.indexes["time"])
    for name, data in joined.items():
        others = f"the other variables of {source.name} have"
        require_times(data.indexes["time"], all_times, _where(paths), name, others)


def _where(paths: Sequence[Path]) -> str:
    return str(paths[0]) if len(paths) == 1 else f"{Path(paths[0]).parent} ({len(paths)} files)"
