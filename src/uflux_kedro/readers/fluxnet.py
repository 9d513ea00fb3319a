"""Tower archives of the FLUXNET family: FLUXNET2015, and what ONEFlux writes since.

Read are the tables of months, weeks and days, FULLSET or SUBSET, as CSV or in the zip as
delivered. At these steps carbon is in gC m-2 d-1 already and QC is a fraction 0-1;
``NEE_VUT_REF_QC`` serves GPP and RECO too.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from io import BytesIO
from pathlib import Path
from typing import Literal

import pandas as pd

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.readers.archives import is_zip, read_member
from uflux_kedro.readers.tables import (
    Outside,
    Resolution,
    check_order,
    parse_times,
    to_numbers,
    within_bounds,
)
from uflux_kedro.variables import FLUXES, VARIABLES, aliases

logger = logging.getLogger(__name__)

Partition = Literal["NT", "DT"]
EnergyBalance = Literal["CORR", "RAW"]

WEATHER = ("TA", "SW_IN", "LW_IN", "VPD", "PA", "P", "WS")
"""Weather that every archive has in full, since it is filled from reanalysis (``*_F``)."""

_TIME_COLUMN: dict[Resolution, str] = {
    "MM": "TIMESTAMP",
    "WW": "TIMESTAMP_START",
    "DD": "TIMESTAMP",
}


def read_towers(
    paths: Sequence[Path],
    *,
    resolution: Resolution = "MM",
    partition: Partition = "NT",
    energy_balance: EnergyBalance = "CORR",
    fluxes: Sequence[str] = FLUXES,
    allow_missing: Collection[str] = (),
    outside: Outside = "raise",
) -> pd.DataFrame:
    """Read the archives of many towers; see :func:`read_fluxnet` for the arguments.

    Returns:
        One row a site and period, sorted by ``site_id`` and ``time``.

    Raises:
        InputError: If there is no archive, two hold the same site and period, or one is not
            as it should be.
    """
    if not paths:
        raise InputError("the tower archives", None, expected="at least one", found="none")
    towers = pd.concat(
        [
            read_fluxnet(
                path,
                resolution=resolution,
                partition=partition,
                energy_balance=energy_balance,
                fluxes=fluxes,
                allow_missing=allow_missing,
                outside=outside,
            )
            for path in sorted(paths)
        ],
        ignore_index=True,
    )
    check_order(towers.sort_values("time", kind="stable"), Path(paths[0]).parent)
    towers = towers.sort_values(["site_id", "time"], ignore_index=True)
    towers.attrs["resolution"] = resolution
    return towers


def read_fluxnet(
    path: Path,
    *,
    resolution: Resolution = "MM",
    partition: Partition = "NT",
    energy_balance: EnergyBalance = "CORR",
    fluxes: Sequence[str] = FLUXES,
    allow_missing: Collection[str] = (),
    outside: Outside = "raise",
) -> pd.DataFrame:
    """Read one tower's archive.

    Args:
        path: ``FLX_<site>_<product>_<set>_..._<version>``: a zip as delivered, or the CSV out of
            it, plain or gzipped. The site is the second part of the name.
        resolution: Table to read: ``MM`` months, ``WW`` weeks, ``DD`` days.
        partition: Partition of GPP and RECO: ``NT`` night-time, ``DT`` day-time.
        energy_balance: H and LE corrected for closure (``CORR``) or as measured (``RAW``).
        fluxes: Fluxes that are needed.
        allow_missing: Canonical variables that may be absent or -9999 throughout.
        outside: What becomes of values out of physical bounds.

    Returns:
        ``site_id``, ``time`` (start of the period), fluxes with their ``_QC`` (0-1), weather in
        canonical units, NaN where missing; ``attrs["resolution"]``.

    Raises:
        InputError: If the archive is damaged or unsafe, lacks a column, holds nothing but -9999
            in one, or has doubled, unordered or unreadable timestamps or unreal values.
    """
    name, content = _open_table(Path(path), resolution)
    where = f"{path} ({name})" if isinstance(content, BytesIO) else str(path)
    columns = _columns(partition, energy_balance, fluxes)
    required = [v for v in (*fluxes, *WEATHER) if v not in allow_missing]
    required = [c for c in columns if c.removesuffix("_QC") in required]
    time_column = _TIME_COLUMN[resolution]
    raw = _read_csv(content, [time_column, *columns.values()], where)
    _check_columns(raw, [time_column, *(columns[c] for c in required)], where)
    towers = pd.DataFrame({"site_id": name.split("_")[1]}, index=raw.index)
    towers["time"] = parse_times(raw[time_column], resolution, where)
    check_order(towers, where)
    keys = towers[["site_id", "time"]]
    raw = raw.reindex(columns=list(dict.fromkeys(columns.values())))
    values = {c: to_numbers(raw[source], where).rename(c) for c, source in columns.items()}
    empty = [c for c in columns if values[c].isna().all()]
    for column in required:
        if column in empty:
            raise InputError(
                where,
                columns[column],
                expected=f"values of {column}",
                found="-9999 throughout",
                hint=f"Leave the tower out, or name {column.removesuffix('_QC')} in allow_missing",
            )
    if empty:
        logger.debug("%s: no values of %s", where, ", ".join(empty))
    for column in columns:
        towers[column] = within_bounds(values[column], keys, where, outside)
    if towers[list(fluxes)].isna().all(axis=None):
        raise InputError(where, None, expected="at least one flux with values", found="none")
    towers.attrs["resolution"] = resolution
    return towers


def _open_table(path: Path, resolution: Resolution) -> tuple[str, Path | BytesIO]:
    """File name of the table, and where its text is."""

    def wanted(name: str) -> bool:
        parts = name.split("_")
        named = name.endswith((".csv", ".csv.gz")) and len(parts) > 2 and resolution in parts
        return named and not {"ERAI", "ERA5", "AUXMETEO", "AUXNEE"} & set(parts)

    if is_zip(path):
        return read_member(path, wanted, f"table of resolution {resolution} (*_{resolution}_*.csv)")
    if not wanted(path.name):
        raise InputError(
            path,
            None,
            expected=f"a file FLX_<site>_<product>_<set>_{resolution}_<years>_<version>.csv, "
            "or a zip that holds it",
            found=path.name,
        )
    return path.name, path


def _columns(
    partition: Partition, energy_balance: EnergyBalance, fluxes: Sequence[str]
) -> dict[str, str]:
    """Our column -> the archive's, fluxes first."""
    unknown = [f for f in fluxes if f not in FLUXES]
    if unknown:
        raise ConfigurationError(f"Unknown fluxes {unknown}: expected some of {', '.join(FLUXES)}")
    names = {v: a for a, v in reversed(aliases("fluxnet").items()) if v not in FLUXES}
    columns: dict[str, str] = {}
    for flux in fluxes:
        choices = VARIABLES[flux].aliases["fluxnet"]
        if flux in ("H", "LE"):
            corrected, measured = choices
            columns[flux] = corrected if energy_balance == "CORR" else measured
            columns[f"{flux}_QC"] = f"{measured}_QC"
        else:
            columns[flux] = next((c for c in choices if f"_{partition}_" in c), choices[0])
            columns[f"{flux}_QC"] = "NEE_VUT_REF_QC"
    return columns | {v: names[v] for v in VARIABLES if v in names}


def _read_csv(content: Path | BytesIO, columns: Collection[str], where: str) -> pd.DataFrame:
    try:
        return pd.read_csv(content, usecols=lambda c: c in columns)
    except (OSError, ValueError, UnicodeDecodeError, EOFError, pd.errors.ParserError) as error:
        raise InputError(
            where, None, expected="a readable CSV table", found=f"{type(error).__name__}: {error}"
        ) from error


def _check_columns(raw: pd.DataFrame, columns: Sequence[str], where: str) -> None:
    missing = [c for c in dict.fromkeys(columns) if c not in raw]
    if missing:
        raise InputError(
            where,
            ", ".join(missing),
            expected="these columns",
            found="a table without them",
            hint="Is this a FULLSET or SUBSET table? Name what may be absent in allow_missing",
        )
    if raw.empty:
        raise InputError(where, None, expected="at least one row", found="none")
