"""Read AmeriFlux BASE: hours or half-hours as submitted by the tower teams, with gaps.

Variables are named by the FP standard, ``<VAR>[_PI][_F][_<H>_<V>_<R>]``: ``_PI`` if derived by the
team, ``_F`` if gap-filled, then horizontal position, vertical position and replicate. The yearly
input tables of ONEFlux have the same names and are read here too.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection

import pandas as pd

from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.csv_columns import Header, read_header
from uflux_kedro.readers.towers.single_tower import CARBON_BY_SECOND, Columns, read_single_tower
from uflux_kedro.readers.towers.tower_files import TowerFile
from uflux_kedro.variables import FLUXES

logger = logging.getLogger(__name__)

_BASES = {
    "GPP": ("GPP",), "RECO": ("RECO",), "NEE": ("NEE", "FC"), "H": ("H",), "LE": ("LE",),
    "TA": ("TA",), "SW_IN": ("SW_IN",), "LW_IN": ("LW_IN",), "VPD": ("VPD",), "PA": ("PA",),
    "P": ("P", "P_RAIN"), "WS": ("WS",), "NETRAD": ("NETRAD",), "G": ("G",), "USTAR": ("USTAR",),
    "TS": ("TS",), "SWC": ("SWC",), "CO2": ("CO2",),
}  # fmt: skip
"""Canonical variable -> names in the standard, the best first. FC excludes the CO2 stored in the air
below the sensor (SC), which is added if it was measured."""

_UNITS = {
    "GPP": CARBON_BY_SECOND, "RECO": CARBON_BY_SECOND, "NEE": CARBON_BY_SECOND, "SWC": "percent",
}  # fmt: skip

_HIGHEST_FRACTION = 1.5
"""A relative humidity that never exceeds this is a fraction, not percent."""

_QUALIFIERS = re.compile(r"(?P<pi>_PI)?(?P<filled>_F)?(?P<place>_\d+(_\d+_(\d+|A))?)?")


def read_table(table: TowerFile, parameters: TowerParameters) -> pd.DataFrame:
    """Read one BASE table.

    BASE has no quality codes: measured half-hours count as good. If the team filled gaps, means
    include the filled values, and QC is the measured share. VPD is computed from TA and RH if it
    is absent. There is no correction for energy balance closure.

    Args:
        table: ``AMF_<site>_BASE_<HH or HR>_<version>.csv``.
        parameters: Resolution, completeness and ``outside``.

    Returns:
        As :func:`uflux_kedro.readers.towers.single_tower.read_single_tower`; GPP and RECO only if
        the team submitted them.

    Raises:
        InputError: As for ``read_single_tower``.
    """
    header = read_header(table.file)
    columns = columns_of(table, header, parameters)
    renamed = [f"{v} from {c}" for v, c in columns.variables.items() if v != c]
    logger.info("%s: %s", table.file.where, ", ".join(renamed))
    return read_single_tower(table, columns, parameters, header=header)


def columns_of(table: TowerFile, header: Header, _: TowerParameters) -> Columns:
    """Find the columns of one table by its header."""
    names = header.columns
    values = {v: c for v, bases in _BASES.items() if (c := _column(names, bases))}
    measured = {
        v: c
        for v, bases in _BASES.items()
        if v in FLUXES and (c := _column(names, bases, filled=False))
    }
    if "NEE" in measured:  # GPP and RECO are partitioned from it
        measured |= {v: measured["NEE"] for v in ("GPP", "RECO") if v in values}
    storage = _column(names, ("SC",)) if values.get("NEE", "").startswith("FC") else None
    humidity = _column(names, ("RH",)) if "TA" in values and "VPD" not in values else None

    def complete(raw: pd.DataFrame) -> pd.DataFrame:
        codes = {
            f"{v}_QC": raw[c].notna().map({True: 0.0, False: float("nan")})
            for v, c in measured.items()
        }
        raw = raw.assign(**codes)
        if storage:
            raw[values["NEE"]] += raw[storage].fillna(0.0)
        if humidity:
            percent = _percent(raw[humidity], table.file.where)
            raw["VPD"] = _deficit(raw[values["TA"]], percent)
        return raw

    quality = {f"{v}_QC": f"{v}_QC" for v in measured if v in values}
    return Columns(
        values | ({"VPD": "VPD"} if humidity else {}),
        quality,
        _UNITS,
        complete,
        also=(*measured.values(), *(c for c in (storage, humidity) if c)),
        added=(*quality, *(("VPD",) if humidity else ())),
    )


def _percent(humidity: pd.Series, where: str) -> pd.Series:
    if humidity.quantile(0.99) <= _HIGHEST_FRACTION:
        logger.warning(
            "%s: %s: expected percent, found a fraction; multiplied by 100", where, humidity.name
        )
        return humidity * 100
    return humidity


def _deficit(temperature: pd.Series, percent: pd.Series) -> pd.Series:
    """Vapour pressure deficit, hPa; sensors drift above 100 % in fog, which counts as 0."""
    from uflux_kedro.biophysics.vapour_pressure import saturation_vapour_pressure

    return (saturation_vapour_pressure(temperature) * (1 - percent / 100)).clip(lower=0)


def _column(columns: Collection[str], bases: tuple[str, ...], *, filled: bool = True) -> str | None:
    """Return the best column of a variable: filled (if allowed), derived by the team, first sensor."""
    for base in bases:
        offered = []
        for column in columns:
            match = _QUALIFIERS.fullmatch(column.removeprefix(base))
            if not column.startswith(base) or match is None or (match["filled"] and not filled):
                continue
            place = [0 if p == "A" else int(p) for p in (match["place"] or "").split("_") if p]
            offered.append((not match["filled"], not match["pi"], place, column))
        if offered:
            return min(offered)[-1]
    return None
