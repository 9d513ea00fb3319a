"""Atmospheric CO2: monthly global means of NOAA's Global Monitoring Laboratory, as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.readers.guards import check_bounds, listed, with_periods
from uflux_kedro.variables import VARIABLES

_COLUMNS = ("year", "month", "decimal", "average")
_MISSING = -9


def read_co2(paths: Sequence[Path]) -> xr.Dataset:
    """Read the table of monthly global means, ``co2_mm_gl.txt``.

    Args:
        paths: The one file: comments after ``#``, then year, month, decimal year and average
            in ppm, parted by spaces; further columns are left out.

    Returns:
        Dataset with CO2 (time), umol mol-1, float32, and ``time_bnds``.

    Raises:
        InputError: If the file is not such a table, a month is missing or a value is not real.
    """
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


def _read_table(path: Path) -> pd.Series:
    """Monthly averages by the first of their month."""
    try:
        table = pd.read_csv(
            path,
            sep=r"\s+",
            comment="#",
            header=None,
            usecols=range(4),
            names=_COLUMNS,
            dtype=float,
        )
        time = pd.to_datetime(table[["year", "month"]].astype(int).assign(day=1))
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise InputError(
            path,
            None,
            expected="a table of year, month, decimal year, average",
            found=f"{type(error).__name__}: {error}",
        ) from error
    if table.empty:
        raise InputError(path, None, expected="at least one month", found="none")
    return pd.Series(table["average"].to_numpy(), index=pd.DatetimeIndex(time))
