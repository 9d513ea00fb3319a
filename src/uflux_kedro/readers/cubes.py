"""From a source's netCDF files to one canonical cube, lazily."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path

import numpy as np
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import unpack_netcdf
from uflux_kedro.readers.guards import (
    Step,
    check_bounds,
    lazily_within_bounds,
    listed,
    normalise_grid,
    open_netcdf,
    with_periods,
)
from uflux_kedro.readers.units import to_canonical
from uflux_kedro.variables import VARIABLES, aliases

_VALUES_PER_CHUNK = 2**22
"""A chunk holds a year of maps, or as many as have this many values (16 MiB), at least one."""


@dataclass(frozen=True)
class GridSource:
    """How one family of grids is written.

    Attributes:
        name: Name of the source, for messages.
        names: Its own variable names -> canonical names.
        required: Canonical variables without which the source is not complete.
        step: How long its periods are.
        units: What a declared unit means where it says too little: an accumulation without
            its time, or none (``""``) for a reflectance.
    """

    name: str
    names: Mapping[str, str]
    required: tuple[str, ...]
    step: Step = "month"
    units: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_family(
        cls,
        family: str,
        optional: tuple[str, ...] = (),
        step: Step = "month",
        units: Mapping[str, str] | None = None,
    ) -> GridSource:
        """Source whose names are the aliases of ``family`` in the table of variables."""
        names = aliases(family)
        required = tuple(v for v in dict.fromkeys(names.values()) if v not in optional)
        return cls(family, names, required, step, units or {})


def open_source(paths: Sequence[Path], source: GridSource) -> xr.Dataset:
    """Open a source's files as one cube.

    Args:
        paths: Its netCDF files in any order, or zips of them; they may split the record by
            years, by variables, or both.
        source: How they are written.

    Returns:
        Dataset (time, latitude, longitude) of float32 dask arrays: canonical names and units,
        latitude ascending, longitude ascending within -180..180, ``time`` at the start of its
        period with ``time_bnds``. Values out of physical bounds stop the computation.

    Raises:
        InputError: Naming file, variable, expected and found.
    """
    pieces: dict[str, list[xr.DataArray]] = {}
    for path in unpack_netcdf(paths):
        for piece in _read_file(path, source):
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
    joined = {name: _join(parts, source, paths) for name, parts in pieces.items()}
    _check_same_times(joined, source, paths)
    # One size throughout, as Zarr wants it, though the files' last chunks are shorter.
    chunk = max(joined[source.required[0]].chunksizes["time"])
    cube = xr.Dataset(joined).chunk(time=chunk)
    cube.attrs = {"source": source.name}
    return with_periods(cube, source.step, _where(paths))


def _read_file(path: Path, source: GridSource) -> Iterable[xr.DataArray]:
    dataset = open_netcdf(path)
    chosen: dict[str, str] = {}
    for alias, canonical in source.names.items():
        if alias in dataset.data_vars:
            chosen.setdefault(canonical, alias)
    if not chosen:
        return
    dataset = dataset[list(chosen.values())].rename({a: v for v, a in chosen.items()})
    units = {str(v): _unit(data, path, source) for v, data in dataset.data_vars.items()}
    for name, data in dataset.data_vars.items():
        # A wrong unit shows in the first period already, at the price of one slice.
        first = data.isel(time=slice(0, 1), missing_dims="ignore")
        converted = to_canonical(first, units[str(name)], VARIABLES[str(name)], path)
        check_bounds(converted.to_numpy(), str(name), str(path), units[str(name)])
    dataset = _drop_extra_dimensions(_in_chunks(dataset), path)
    dataset = with_periods(normalise_grid(dataset, path), source.step, path)
    for name, data in dataset.data_vars.items():
        variable, unit = VARIABLES[str(name)], units[str(name)]
        converted = to_canonical(data, unit, variable, path).astype("float32")
        converted = lazily_within_bounds(converted, variable, path, unit)
        converted.attrs = variable.cf_attributes()
        yield converted.rename(variable.name)


def _unit(data: xr.DataArray, path: Path, source: GridSource) -> str:
    declared = str(data.attrs.get("units", "")).strip()
    unit = source.units.get(declared, declared)
    if not unit:
        raise InputError(path, str(data.name), expected="an attribute 'units'", found="none")
    return unit


def _in_chunks(dataset: xr.Dataset) -> xr.Dataset:
    cells = dataset.sizes.get("latitude", 1) * dataset.sizes.get("longitude", 1)
    # Whole maps: netCDF libraries read a turned or rolled axis element by element.
    chunks: dict[Hashable, int] = dict.fromkeys(dataset.sizes, -1)
    if "time" in chunks:
        chunks["time"] = max(1, min(12, _VALUES_PER_CHUNK // cells))
    return dataset.chunk(chunks)


def _drop_extra_dimensions(dataset: xr.Dataset, path: Path) -> xr.Dataset:
    if dataset.sizes.get("expver", 1) > 1:
        # ERA5 with its preliminary months: each month stands under one of the versions.
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
    joined = xr.concat(parts, dim="time", join="override", coords="minimal", compat="override")
    # Two files of one period, or a year between others that is absent.
    with_periods(joined.coords.to_dataset(), source.step, f"{_where(paths)}: {joined.name}")
    joined.attrs = parts[0].attrs
    return joined


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
    everywhere = next(iter(joined.values())).indexes["time"]
    for data in joined.values():
        everywhere = everywhere.union(data.indexes["time"])
    for name, data in joined.items():
        lacking = everywhere.difference(data.indexes["time"])
        if len(lacking):
            raise InputError(
                _where(paths),
                name,
                expected=f"every time that the other variables of {source.name} have",
                found=f"{listed(lacking)} missing",
            )


def _where(paths: Sequence[Path]) -> str:
    return str(paths[0]) if len(paths) == 1 else f"{Path(paths[0]).parent} ({len(paths)} files)"
