"""Variables of a netCDF-4 file as lazy arrays that are unpacked without the HDF5 library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.readers.grids.grid_source import GridSource
from uflux_kedro.readers.grids.guards import normalise_grid
from uflux_kedro.readers.grids.periods import COMPOSITES, with_periods
from uflux_kedro.readers.grids.stored_maps import StoredMaps, located, packing_of
from uflux_kedro.readers.grids.stored_record import Geometry, StoredRecord, lazily_of
from uflux_kedro.readers.units import conversion, to_canonical
from uflux_kedro.variables import VARIABLES

_MONTHS_PER_CHUNK, _SHORT_PERIODS_PER_CHUNK = 12, 744
"""Most times in a block: a year of months, a month of hours."""


def most_times(source: GridSource) -> int:
    """Return the most times in a block."""
    return _MONTHS_PER_CHUNK if source.step in ("month", *COMPOSITES) else _SHORT_PERIODS_PER_CHUNK


def unit_of(data: xr.DataArray, path: Path, source: GridSource) -> str:
    """Return the unit of a variable as pint reads it.

    Raises:
        InputError: If the file declares none.
    """
    declared = str(data.attrs.get("units", "")).strip()
    unit = source.units.get(declared, declared)
    if not unit:
        raise InputError(path, str(data.name), expected="an attribute 'units'", found="none")
    return unit


def stored_maps(
    dataset: xr.Dataset, path: Path, chosen: Mapping[str, str], source: GridSource
) -> dict[str, StoredMaps]:
    """Return the maps of a file by canonical name, if they can be unpacked without its library.

    Args:
        dataset: The open file.
        path: The file.
        chosen: Names in the file by canonical name.
        source: Description of the files.

    Raises:
        InputError: If a variable has no unit or one that does not convert.
    """
    if source.divides or source.fill is not None:
        return {}
    found = {}
    chunks = located(dataset, path, list(chosen.values()))
    for name, alias in chosen.items():
        if not chunks:
            return {}
        unit = unit_of(dataset[alias], path, source)
        to_canonical(0.0, unit, VARIABLES[name], path)  # names a unit that does not convert
        factor, shift = conversion(unit, VARIABLES[name].unit)
        packing = packing_of(dataset[alias], chunks[alias].dtype, factor, shift)
        if packing is None:
            return {}
        sums = source.is_accumulated(name)
        found[name] = StoredMaps(chunks[alias], alias, name, unit, source.step, sums, packing)
    return found


def stored_pieces(
    dataset: xr.Dataset,
    path: Path,
    source: GridSource,
    stored: Mapping[str, StoredMaps],
    seen: set[str],
) -> Iterable[xr.DataArray]:
    """Yield the variables of a file on the cube's axes, lazily.

    Args:
        dataset: The open file.
        path: The file.
        source: Description of the files.
        stored: See :func:`stored_maps`.
        seen: Variables of which a file has been looked at already.

    Raises:
        InputError: If the axes or times of the file are not what they should be, or its first values are
            out of bounds.
    """
    for name, maps in stored.items():
        if not maps.accumulated and name not in seen:
            maps.values(0, 1)  # a wrong unit is found here already
    axes = ("latitude", "longitude")
    index = {f"_{d}": (d, np.arange(dataset.sizes[d])) for d in axes}
    grid = xr.Dataset(index, {d: dataset[d] for d in (*axes, "time") if d in dataset.coords})
    grid = normalise_grid(grid, path)
    rows, columns = (grid[f"_{d}"].fillna(-1).to_numpy().astype(int) for d in axes)
    grid = with_periods(grid.drop_vars([*index]), source.step, path, source.gaps, source.future)
    for name, maps in stored.items():
        record = StoredRecord((maps,), Geometry(rows, columns), grid["time"].to_numpy())
        data = lazily_of(record, most_times(source))
        attrs = VARIABLES[name].cf_attributes()
        coords = {d: grid[d] for d in ("time", *axes)}
        yield xr.DataArray(data, coords, ("time", *axes), name, attrs)
