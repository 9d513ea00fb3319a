"""Read atmospheric CO2: NOAA's monthly means of the globe or of a station, or a grid.

NOAA's Global Monitoring Laboratory provides ``co2_mm_gl.txt`` and ``co2_mm_mlo.txt``, and the same
tables as ``.csv``. A monthly grid (CAMS, CarbonTracker) is netCDF.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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
_DECIMAL_ERROR = 0.5
"""Months by which a decimal year may be outside its month."""


def read_co2(paths: Sequence[Path]) -> xr.Dataset:
    """Read a table or grids of monthly means.

    Args:
        paths: One text file: comments after ``#``, then year, month, decimal year and average
            in ppm, separated by spaces or commas; further columns are ignored. Or netCDF files.

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
    gaps = average.index[~(average > _MISSING)]
    if len(gaps):
        raise InputError(
            path, "CO2", expected="a value each month", found=f"none for {listed(gaps)}"
        )
    values = check_bounds(average.to_numpy("float32"), "CO2", str(path), "ppm")
    attributes = VARIABLES["CO2"].cf_attributes()
    cube = xr.Dataset({"CO2": ("time", values, attributes)}, {"time": average.index})
    cube.attrs = {"source": "noaa"}
    return with_periods(cube, "month", path)


def _fields(row: str) -> list[str]:
    """Return year, month, decimal year and average, with a point in each number.

    Spreadsheets of many countries write a decimal comma, between spaces or semicolons.
    """
    fields = row.split()
    if ";" in row:
        fields = row.split(";")
    elif len(fields) < len(_COLUMNS) or any(f.endswith(",") for f in fields):
        return [f.strip() for f in row.split(",")[: len(_COLUMNS)]]
    return [f.strip().replace(",", ".") for f in fields[: len(_COLUMNS)]]


def _read_table(path: Path) -> pd.Series:
    """Read monthly averages, indexed by the first day of the month."""
    try:
        rows = [row for row in path.read_text().splitlines() if row.strip()[:1] not in ("", "#")]
        if rows and rows[0].startswith("year,"):
            del rows[0]
        numbers = [[float(field) for field in _fields(row)] for row in rows]
        table = pd.DataFrame(numbers, columns=_COLUMNS, dtype=float)
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
    within = (table["decimal"] - table["year"]) * 12 - (table["month"] - 1)
    wrong = table[~within.between(-_DECIMAL_ERROR, 1 + _DECIMAL_ERROR)]
    if len(wrong):
        year, month, decimal, average = wrong.iloc[0]
        raise InputError(
            path,
            None,
            expected="a decimal year within its month",
            found=f"{decimal:g} in {year:.0f}-{month:02.0f}, followed by {average:g}",
            hint="Are there commas both between the columns and in the numbers?",
        )
    return pd.Series(table["average"].to_numpy(), index=pd.DatetimeIndex(time))
