"""Read atmospheric CO2: NOAA's monthly means of the globe or of a station, or a grid.

NOAA's Global Monitoring Laboratory provides ``co2_mm_gl.txt`` and ``co2_mm_mlo.txt``, and the same
tables as ``.csv``. A monthly grid (CAMS, CarbonTracker) is netCDF.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.readers.grids.cubes import open_source
from uflux_kedro.readers.grids.grid_source import GridSource
from uflux_kedro.readers.grids.guards import check_bounds
from uflux_kedro.readers.grids.periods import listed, with_periods
from uflux_kedro.variables import VARIABLES

CO2_GRID = GridSource.of_family("co2", units={"1e-6": "ppm"})

_COLUMNS = ("year", "month", "decimal", "average")
_MISSING = -9


def read_co2(paths: Sequence[Path]) -> xr.Dataset:
    """Read a table or grids of monthly means.

    Args:
        paths: One text file: comments after ``#``, then year, month, decimal year and average
            in ppm, separated by spaces or commas; further columns are ignored. Between spaces,
            commas are decimal. Or netCDF files.

    Returns:
        Dataset with CO2 (time), or (time, latitude, longitude) of grids; umol mol-1, float32,
        and ``time_bnds``.

    Raises:
        InputError: If the file is not such a table, a month is missing or a value out of bounds.
    """
    if paths and all(Path(path).suffix in (".nc", ".nc4", ".zip") for path in paths):
        return open_source(paths, CO2_GRID)
    if len(paths) != 1:
        raise InputError(
            "CO2", None, expected="one file", found=", ".join(map(str, paths)) or "none"
        )
    path = Path(paths[0])
    average = _read_table(path)
    gaps = average.index[~(np.isfinite(average) & (average > _MISSING))]
    if len(gaps):
        raise InputError(
            path, "CO2", expected="a value each month", found=f"none for {listed(gaps)}"
        )
    values = check_bounds(average.to_numpy("float32"), "CO2", str(path), "ppm")
    attributes = VARIABLES["CO2"].cf_attributes()
    cube = xr.Dataset({"CO2": ("time", values, attributes)}, {"time": average.index})
    cube.attrs = {"source": "noaa"}
    return with_periods(cube, "month", path)


def _read_table(path: Path) -> pd.Series:
    """Read monthly averages, indexed by the first day of the month."""
    try:
        rows = [row for row in path.read_text().splitlines() if row.strip()[:1] not in ("", "#")]
        if rows and rows[0].startswith("year,"):
            del rows[0]
        table = pd.DataFrame([_fields(row) for row in rows], columns=_COLUMNS, dtype=float)
        time = pd.to_datetime(table[["year", "month"]].astype(int).assign(day=1))
    except (OSError, ValueError, OverflowError) as error:
        raise InputError(
            path,
            None,
            expected="a table of year, month, decimal year, average",
            found=f"{type(error).__name__}: {error}",
        ) from error
    if table.empty:
        raise InputError(path, None, expected="at least one month", found="none")
    return pd.Series(table["average"].to_numpy(), index=pd.DatetimeIndex(time))


def _fields(row: str) -> list[float]:
    """Return the first four numbers of a row."""
    fields = row.split()
    if len(fields) >= len(_COLUMNS) and not any(f[0] == "," or f[-1] == "," for f in fields):
        fields = [field.replace(",", ".") for field in fields]
    else:
        fields = row.split(",")
    return [float(field) for field in fields[: len(_COLUMNS)]]
