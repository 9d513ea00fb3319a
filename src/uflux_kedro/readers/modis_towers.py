"""Read daily MODIS surface reflectance at towers (MOD09GA and MODOCGA, from Earth Engine).

There is one CSV a tower. Its last field is unquoted JSON with commas, so that a line has more
fields than the header. Reflectances are scaled by 1e-4; values of -100 and below are fill values.
Two bit fields (MOD09 User's Guide, version 6, tables 10, 13) say whether a day is clear:
``state_1km`` holds cloud, shadow, land or water, aerosol, cirrus and snow, ``QC_500m`` the quality
of each band.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd

from uflux_kedro.biophysics.vegetation_indices import evi, evi2, ndvi, nirv
from uflux_kedro.errors import InputError

_BANDS = {"RED": "sur_refl_b01", "NIR": "sur_refl_b02", "BLUE": "sur_refl_b03"}
_NEEDED = ("YY", "MM", "DD", "sites_id", "state_1km", "QC_500m", *_BANDS.values())
_SCALE = 1e-4
_MOST_CHARACTERS = 256 * 2**20
"""Twenty-five years of days take 20 MB."""
_LOWEST, _HIGHEST = -100.0, 16000.0

_STATE_BITS = {
    # first bit, number of bits, clear values
    "cloud": (0, 2, (0,)),
    "shadow": (2, 1, (0,)),
    "land": (3, 3, (1,)),
    "aerosol": (6, 2, (0, 1, 2)),
    "cirrus": (8, 2, (0, 1)),
    "cloud by the reflectances": (10, 1, (0,)),
    "next to cloud": (13, 1, (0,)),
}
_SNOW_BITS = (12, 15)
_QUALITY_BITS = {"RED": 2, "NIR": 6, "BLUE": 10}
"""First of the four bits with the quality of a band; 0 is the highest quality."""


def read_tower_reflectance(paths: Sequence[Path], keep_snow: bool = True) -> pd.DataFrame:
    """Read daily reflectances at towers and compute vegetation indices.

    Args:
        paths: CSV files, one a tower, gzipped or not.
        keep_snow: Whether to keep days with snow on the ground.

    Returns:
        ``site_id``, ``time`` (day), ``RED``, ``NIR``, ``BLUE`` (0-1), ``NDVI``, ``EVI``,
        ``EVI2``, ``NIRv``; one row a site and day, NaN on days that are not clear.

    Raises:
        InputError: If a file is not such a table, or a day appears twice.
    """
    if not paths:
        raise InputError("tower reflectances", None, expected="at least one file", found="none")
    tables = [_read(Path(path), keep_snow) for path in paths]
    return pd.concat(tables).sort_values(["site_id", "time"], ignore_index=True)


def monthly_reflectance(daily: pd.DataFrame, min_days: int = 3) -> pd.DataFrame:
    """Average the clear days of each month.

    Args:
        daily: As from :func:`read_tower_reflectance`.
        min_days: Least number of clear days in a month; other months are NaN.

    Returns:
        The same columns by month, and ``N_CLEAR_DAYS``.
    """
    values = daily.columns.drop(["site_id", "time"])
    month = daily["time"].dt.to_period("M").dt.to_timestamp().rename("time")
    groups = daily.groupby(["site_id", month])[list(values)]
    monthly = groups.mean()
    clear = groups.count()["NDVI"]
    monthly = monthly.where(clear >= min_days).assign(N_CLEAR_DAYS=clear)
    return monthly.reset_index()


def _read(path: Path, keep_snow: bool) -> pd.DataFrame:
    raw = _table(path)
    try:
        time = pd.to_datetime(
            {"year": raw["YY"], "month": raw["MM"], "day": raw["DD"]}, errors="raise"
        )
        numbers = raw[[c for c in _NEEDED if c != "sites_id"]].astype("float64")
    except (ValueError, TypeError, OverflowError) as error:
        raise _not_a_table(path, f"{type(error).__name__}: {error}") from error
    if (raw.empty) or time.duplicated().any():
        twice = ", ".join(f"{t:%Y-%m-%d}" for t in time[time.duplicated()].head(5))
        raise InputError(path, "time", expected="each day once", found=twice or "no day")
    clear = _clear(numbers["state_1km"], keep_snow)
    quality = _integers(numbers["QC_500m"])
    table = pd.DataFrame({"site_id": raw["sites_id"], "time": time})
    for name, column in _BANDS.items():
        stored = numbers[column]
        best = (quality >> _QUALITY_BITS[name]) & 0b1111 == 0
        real = (stored > _LOWEST) & (stored <= _HIGHEST)
        table[name] = stored.where(clear & best & real) * _SCALE
    red, nir, blue = (table[name].to_numpy() for name in ("RED", "NIR", "BLUE"))
    return table.assign(
        NDVI=ndvi(NIR=nir, RED=red),
        EVI=evi(NIR=nir, RED=red, BLUE=blue),
        EVI2=evi2(NIR=nir, RED=red),
        NIRv=nirv(NIR=nir, RED=red),
    )


def _table(path: Path) -> pd.DataFrame:
    """Read the fields before the JSON."""
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8") as stream:
            text = stream.read(_MOST_CHARACTERS + 1)
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise _not_a_table(path, f"{type(error).__name__}: {error}") from error
    if len(text) > _MOST_CHARACTERS:
        raise _not_a_table(path, "more than 256 MiB")
    lines = text.splitlines()
    header = lines[0].split(",") if lines else []
    missing = [name for name in _NEEDED if name not in header]
    if missing:
        raise _not_a_table(path, f"no column {', '.join(missing)}")
    geometry = header.index("x_geo") if "x_geo" in header else len(header)
    plain = [",".join(header[:geometry])]
    for number, line in enumerate(lines[1:], start=2):
        fields = line.partition(",{")[0].split(",")[:geometry]
        if len(fields) < geometry:
            raise _not_a_table(path, f"{len(fields)} fields in line {number}")
        plain.append(",".join(fields))
    try:
        return pd.read_csv(
            StringIO("\n".join(plain)),
            usecols=list(_NEEDED),
            dtype={"sites_id": str},  # a site may be called 001 or NA
            keep_default_na=False,
            na_values={name: ["", "NaN"] for name in _NEEDED if name != "sites_id"},
        )
    except (ValueError, OverflowError) as error:
        raise _not_a_table(path, f"{type(error).__name__}: {error}") from error


def _clear(state: pd.Series, keep_snow: bool) -> np.ndarray:
    bits = _integers(state)
    clear = state.notna().to_numpy()
    for first, number, values in _STATE_BITS.values():
        clear = clear & np.isin((bits >> first) & ((1 << number) - 1), values)
    if not keep_snow:
        for bit in _SNOW_BITS:
            clear = clear & ((bits >> bit) & 1 == 0)
    return clear


def _integers(words: pd.Series) -> np.ndarray:
    """Convert bit fields to integers; all bits are set where the value is missing."""
    return words.where(words.between(0, 2**32 - 1), 2**32 - 1).to_numpy(np.int64)


def _not_a_table(path: Path, found: str) -> InputError:
    return InputError(
        path, None, expected=f"a table with the columns {', '.join(_NEEDED)}", found=found
    )
