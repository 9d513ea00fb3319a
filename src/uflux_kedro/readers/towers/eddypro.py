"""Read the full output of EddyPro: three lines of groups, names and units, then half-hours or hours.

Source: EddyPro 7 help, "Full output file" (https://www.licor.com/env/support/EddyPro/topics/output-files-full-output.html).
Date and time are the ends of the averaging periods. Fluxes have the flags of Mauder and Foken (2004): 0 and 1 are
good, values of flag 2 are left out. Fluxes are with what the air below the sensor stores, and the weather of the
biomet output joins them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import File
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.csv_columns import Header, check_rows, read_header
from uflux_kedro.readers.towers.eddypro_biomet import BIOMET, read_biomet
from uflux_kedro.readers.towers.impossible import without_infinite
from uflux_kedro.readers.towers.single_tower import (
    CARBON_BY_SECOND,
    Columns,
    read_single_tower,
    step_length,
)
from uflux_kedro.readers.towers.tables import NOTHING
from uflux_kedro.readers.towers.tower_files import TowerFile

_VALUES = {
    "NEE": ("co2_flux", r".{1,2}mol\+1s-1m-2", CARBON_BY_SECOND),
    "H": ("H", r"W\+1m-2", "W m-2"),
    "LE": ("LE", r"W\+1m-2", "W m-2"),
    "TA": ("air_temperature", "K", "K"),
    "VPD": ("VPD", "Pa", "Pa"),
    "PA": ("air_pressure", "Pa", "Pa"),
    "WS": ("wind_speed", r"m\+1s-1", "m s-1"),
    "USTAR": ("u*", r"m\+1s-1", "m s-1"),
}
"""Variable -> column, pattern of its unit as EddyPro writes it, the same unit in words of CF."""
_FURTHER = {"RH": ("RH", "%", "%")}
"""Variables that only hours and half-hours have a use for."""

_STORED = {"NEE": "co2_strg", "H": "H_strg", "LE": "LE_strg"}
"""Flux -> column of what the air below the sensor stores, in the flux's unit."""

_FLUXES = ("NEE", "H", "LE")
_WORST_FLAG = 2


def read_table(table: TowerFile, parameters: TowerParameters) -> pd.DataFrame:
    """Read one table.

    NEE is ``co2_flux`` with the CO2 stored in the air below the sensor, H and LE likewise, where the
    table gives what is stored; where it is missing it counts as 0, as in BASE. Weather comes from the
    biomet output of the same tower beside it.

    Args:
        table: ``<site>_..._full_output_....csv``.
        parameters: Resolution, completeness and ``outside``.

    Returns:
        As :func:`uflux_kedro.readers.towers.single_tower.read_single_tower`, without GPP and RECO.

    Raises:
        InputError: As for ``read_single_tower``, or if a unit is not that of EddyPro, or flags go
            beyond 2.
    """
    raw = read_raw(table)
    return read_single_tower(table, _columns(raw.columns), parameters, raw=raw)


def columns_of(table: TowerFile, header: Header, _: TowerParameters) -> Columns:
    """Find the columns of one table by its header."""
    return _columns(header.columns)


def names_and_units(file: File) -> tuple[Header, tuple[str, ...]]:
    """Read the names of the columns, which stand in the second line, and their units below.

    Raises:
        InputError: If the file is damaged or has no second line.
    """
    header = read_header(file)
    with file.open() as stream:
        lines = [stream.readline().decode("utf-8", errors="replace").rstrip("\r\n") for _ in "123"]
    names, units = ([c.strip() for c in line.split(header.separator)] for line in lines[1:])
    return Header(tuple(lines[:1]), tuple(names), 1, header.separator), tuple(units)


def half_hour_columns(names: Collection[str]) -> Columns:
    """Find the columns for tables at their own step, with the humidity of the air."""
    return _columns(names, _VALUES | _FURTHER)


def _columns(
    names: Collection[str], wanted: Mapping[str, tuple[str, str, str]] = _VALUES
) -> Columns:
    known = {v: one for v, one in wanted.items() if one[0] in names}
    quality = {f"{v}_QC": f"{v}_QC" for v in _FLUXES if v in known}
    return Columns(
        {v: column for v, (column, _, _) in known.items()} | {v: v for v in BIOMET if v in names},
        quality,
        {v: unit for v, (_, _, unit) in known.items()},
        added=tuple(quality),
    )


def read_raw(table: TowerFile) -> pd.DataFrame:
    """Read the numbers of the table, the flags as ``<flux>_QC`` and starts as ``TIMESTAMP_START``.

    Raises:
        InputError: As for :func:`read_table`.
    """
    where = table.file.where
    header, units = names_and_units(table.file)
    values = {v: one for v, one in (_VALUES | _FURTHER).items() if one[0] in header.columns}
    stored = {v: c for v, c in _STORED.items() if v in values and c in header.columns}
    checked = [(c, *values[v][1:]) for v, c in stored.items()]
    for name, pattern, unit in (*values.values(), *checked):
        found = units[header.columns.index(name)] if len(units) == len(header.columns) else ""
        if not re.fullmatch(rf"\[{pattern}\]", found):
            raise InputError(
                where, name, expected=f"{unit} in the third line", found=found or "no unit"
            )
    flags = {v: f"qc_{one[0]}" for v, one in values.items() if v in _FLUXES}
    columns = [*(one[0] for one in values.values()), *stored.values()]
    wanted = ["date", "time", *columns, *flags.values()]
    check_rows(table.file, len(wanted))
    try:
        with table.file.open() as stream:
            raw = pd.read_csv(
                stream,
                sep=header.separator,
                names=list(header.columns),
                usecols=lambda c: c in wanted,
                skiprows=3,
                index_col=False,
                na_values=[-9999, *NOTHING],
                dtype={"date": str, "time": str},
                encoding_errors="replace",
            )
        raw = raw.astype({c: "float64" for c in raw if c not in ("date", "time")})
        ends = pd.to_datetime(raw["date"] + " " + raw["time"], format="%Y-%m-%d %H:%M")
    except (KeyError, ValueError, EOFError, OSError) as error:
        raise InputError(
            where,
            None,
            expected="rows with date (yyyy-mm-dd), time (HH:MM) and numbers, below three lines of "
            "groups, names and units",
            found=f"{type(error).__name__}: {error}",
        ) from error
    raw = without_infinite(raw, where)
    infinite = raw.attrs["infinite"]
    for flux, column in flags.items():
        codes = raw[column] if column in raw else 0.0 * raw[values[flux][0]]
        _check_flags(codes, where)
        raw[f"{flux}_QC"] = codes.where(raw[values[flux][0]].notna())
        raw[values[flux][0]] = raw[values[flux][0]].where(codes < _WORST_FLAG)
    for flux, column in stored.items():
        raw[values[flux][0]] += raw[column].fillna(0.0)
    starts = ends - step_length(ends, where)
    raw = raw.assign(TIMESTAMP_START=starts.dt.strftime("%Y%m%d%H%M"))
    weather = read_biomet(table)
    raw = raw.assign(**{str(v): weather[v].reindex(ends).to_numpy() for v in weather})
    raw.attrs["infinite"] = infinite
    return raw


def _check_flags(codes: pd.Series, where: str) -> None:
    strange = codes[codes.notna() & ~codes.isin([0, 1, _WORST_FLAG])]
    if len(strange):
        raise InputError(
            where,
            str(codes.name),
            expected="flags 0, 1 and 2 (Mauder and Foken 2004)",
            found=f"{strange.iloc[0]:g}",
            hint="Let EddyPro write flags of that policy, or leave the tower out",
        )
