"""Read half-hourly text tables of REddyProc: tab-separated, a line of names, a line of units.

Source: Wutzler et al. (2018), doi 10.5194/bg-15-5015-2018. Times are the ends of half-hours: hour 0.5 of
day 1 is the first half-hour of the year.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.csv_columns import Header, check_rows, read_header
from uflux_kedro.readers.towers.impossible import without_infinite
from uflux_kedro.readers.towers.single_tower import CARBON_BY_SECOND, Columns, read_single_tower
from uflux_kedro.readers.towers.tower_files import TowerFile

TIME_COLUMNS = (("Year",), ("Day", "DoY"), ("Hour",))
"""Columns of the time, each with its possible names."""

_VALUES = {
    "NEE": "NEE", "H": "H", "LE": "LE", "TA": "Tair", "TS": "Tsoil", "SW_IN": "Rg", "VPD": "VPD",
    "USTAR": "Ustar",
}  # fmt: skip
_FURTHER = {"RH": "rH"}
"""Variables that only hours and half-hours have a use for."""
_MEASURED = ("NEE", "H", "LE")
_HALF_HOUR = pd.Timedelta("30min")


def read_table(table: TowerFile, parameters: TowerParameters) -> pd.DataFrame:
    """Read one table.

    ``qcNEE`` of 0 and 1 is good; H and LE have no codes, so all values count as measured.

    Args:
        table: ``<site>_....txt``.
        parameters: Resolution, completeness and ``outside``.

    Returns:
        As :func:`uflux_kedro.readers.towers.single_tower.read_single_tower`, without GPP and RECO,
        since these tables are the input of partitioning.

    Raises:
        InputError: As for ``read_single_tower``.
    """
    raw = read_raw(table)
    columns = _columns(raw.columns)
    return read_single_tower(table, columns, parameters, header=read_header(table.file), raw=raw)


def columns_of(_: TowerFile, header: Header, parameters: TowerParameters) -> Columns:
    """Find the columns of one table by its header."""
    return _columns(header.columns)


def half_hour_columns(names: Collection[str]) -> Columns:
    """Find the columns for tables at their own step, with the humidity of the air."""
    return _columns(names, _VALUES | _FURTHER)


def _columns(names: Collection[str], wanted: Mapping[str, str] = _VALUES) -> Columns:
    values = {v: c for v, c in wanted.items() if c in names}
    quality = {f"{v}_QC": f"{v}_QC" for v in _MEASURED if v in values}
    return Columns(values, quality, {"NEE": CARBON_BY_SECOND}, added=tuple(quality))


def read_raw(table: TowerFile) -> pd.DataFrame:
    """Read the numbers of the table, the codes as ``<flux>_QC`` and starts as ``TIMESTAMP_START``."""
    raw = _read(table)
    for flux in _MEASURED:
        if flux in raw:
            codes = raw["qcNEE"] if flux == "NEE" and "qcNEE" in raw else 0.0 * raw[flux]
            raw[f"{flux}_QC"] = codes.where(raw[flux].notna())
    return raw


def _read(table: TowerFile) -> pd.DataFrame:
    """Read the numbers of the table, and the starts of half-hours as ``TIMESTAMP_START``."""
    where = table.file.where
    check_rows(table.file, len(read_header(table.file).columns))
    try:
        with table.file.open() as stream:
            raw = pd.read_csv(
                stream,
                sep="\t",
                skiprows=[1],
                na_values=[-9999, -10000, "NA"],
                index_col=False,  # rows may end with a tab
            )
        raw = raw.dropna(how="all", ignore_index=True).astype("float64")
        raw = without_infinite(raw, where)
    except (ValueError, UnicodeDecodeError, EOFError, OSError) as error:
        raise InputError(
            where,
            None,
            expected="numbers separated by tabs, below a line of names and one of units",
            found=f"{type(error).__name__}: {error}",
        ) from error
    year, day, hour = (raw[next(n for n in names if n in raw)] for names in TIME_COLUMNS)
    if (missing := year.isna() | day.isna() | hour.isna()).any():
        raise InputError(
            where,
            "Year, Day, Hour",
            expected="a time in every row",
            found=f"{missing.sum()} rows without a time, the first in line {missing.idxmax() + 3}",
        )
    first = pd.to_datetime(year.astype(int).astype(str), format="%Y", errors="coerce")
    start = first + pd.to_timedelta(day - 1, "D") + pd.to_timedelta(hour, "h") - _HALF_HOUR
    return raw.assign(TIMESTAMP_START=start.dt.round("min").dt.strftime("%Y%m%d%H%M"))
