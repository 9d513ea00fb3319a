"""Read AmeriFlux BASE: hours or half-hours as submitted by the tower teams, with gaps.

Variables are named by the FP standard, ``<VAR>[_PI][_F][_<H>_<V>_<R>]``: ``_PI`` if derived by the
team, ``_F`` if gap-filled, then horizontal position, vertical position and replicate. Several sensors
of a variable are joined where one ends and the next goes on. The yearly input tables of ONEFlux have
the same names and are read here too.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.csv_columns import Header, read_header
from uflux_kedro.readers.towers.remarks import Remark
from uflux_kedro.readers.towers.sensors import Joined, in_words, join
from uflux_kedro.readers.towers.single_tower import CARBON_BY_SECOND, Columns, read_single_tower
from uflux_kedro.readers.towers.tables import HIGHEST_HUMIDITY, HIGHEST_WATER, in_percent
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

_FURTHER = {"RH": ("RH",), "PPFD_IN": ("PPFD_IN",)}
"""Variables that only hours and half-hours have a use for."""

_COMPUTED = "computed from TA and RH"
"""The deficit that is computed, among the columns of VPD."""

_UNITS = {
    "GPP": CARBON_BY_SECOND, "RECO": CARBON_BY_SECOND, "NEE": CARBON_BY_SECOND, "SWC": "percent",
}  # fmt: skip

_QUALIFIERS = re.compile(r"(?P<pi>_PI)?(?P<filled>_F)?(?P<place>_\d+(_\d+_(\d+|A))?)?")
_FILLED = re.compile(r"_F(?=_\d|$)")


def read_table(table: TowerFile, parameters: TowerParameters) -> pd.DataFrame:
    """Read one BASE table.

    BASE has no quality codes: measured half-hours count as good. If the team filled gaps, means
    include the filled values, and QC is the measured share. VPD is computed from TA and RH if it
    is absent. There is no correction for energy balance closure.

    Of several columns of a variable the first by name counts (filled, derived by the team, first
    sensor; NEE before FC) that holds a fifth of the values of the fullest one. Where it has none for
    30 days, or at the ends of the record for a day, the next column goes on. Soil water
    is a fraction if it never exceeds 1, humidity if it never exceeds 1.5. ``attrs["remarks"]`` tells what was chosen.

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
    return read_single_tower(table, columns, parameters, header=header)


def columns_of(table: TowerFile, header: Header, _: TowerParameters) -> Columns:
    """Find the columns of one table by its header; their values decide which of them count."""
    offered = {
        v: names for v, bases in _BASES.items() if (names := _offered(header.columns, bases))
    }
    return _columns(table, header, offered)


def half_hour_columns(table: TowerFile, header: Header) -> Columns:
    """Find the columns for tables at their own step: only fluxes whose gaps the team did not fill.

    There are further drivers; GPP and RECO are left out.
    """
    bases = {v: b for v, b in (_BASES | _FURTHER).items() if v not in ("GPP", "RECO")}
    offered = {v: _offered(header.columns, b) for v, b in bases.items()}
    offered |= {v: _measured(names) for v, names in offered.items() if v in FLUXES}
    return _columns(table, header, {v: names for v, names in offered.items() if names})


def _columns(table: TowerFile, header: Header, offered: dict[str, list[str]]) -> Columns:
    storage = _offered(header.columns, ("SC",)) if "NEE" in offered else []
    humidity = _offered(header.columns, ("RH",)) if "TA" in offered else []
    # A joined column takes the place of the first of its columns.
    values = {v: names[0] for v, names in offered.items()}
    if humidity:
        values.setdefault("VPD", "VPD")
    partitioned = [v for v in ("GPP", "RECO") if v in offered and _measured(offered.get("NEE", ()))]
    flux_of = {v: "NEE" if v in partitioned else v for v in FLUXES if v in offered}
    quality = {f"{v}_QC": f"{v}_QC" for v, flux in flux_of.items() if _measured(offered[flux])}

    def complete(raw: pd.DataFrame) -> pd.DataFrame:
        steps = 24 if table.step == "HR" else 48
        where = table.file.where
        parts = {v: {c: raw[c] for c in names} for v, names in offered.items()}
        if storage:
            below = join({c: raw[c] for c in storage}, steps).series.fillna(0.0)
            parts["NEE"] = {
                c: part + below if c.startswith("FC") else part for c, part in parts["NEE"].items()
            }
        if "SWC" in parts:
            parts["SWC"] = {
                c: in_percent(part, where, HIGHEST_WATER) for c, part in parts["SWC"].items()
            }
        if "RH" in parts:
            parts["RH"] = {
                c: in_percent(part, where, HIGHEST_HUMIDITY) for c, part in parts["RH"].items()
            }
        if humidity:
            moist = join(
                {c: in_percent(raw[c], where, HIGHEST_HUMIDITY) for c in humidity}, steps
            ).series
            computed = _deficit(join(parts["TA"], steps).series, moist)
            parts["VPD"] = {**parts.get("VPD", {}), _COMPUTED: computed}
        joined = {v: join(columns, steps) for v, columns in parts.items()}
        codes = {f"{v}_QC": _codes(raw, joined[flux], offered[flux])
                 for v, flux in flux_of.items() if f"{v}_QC" in quality}  # fmt: skip
        raw = raw.assign(**{values[v]: one.series for v, one in joined.items()}, **codes)
        raw.attrs["remarks"] = _remarks(joined, table.site, raw["TIMESTAMP_START"])
        for remark in raw.attrs["remarks"]:
            logger.info("%s: %s", where, remark["found"])
        return raw

    return Columns(
        values,
        quality,
        _UNITS,
        complete,
        also=(*(c for names in offered.values() for c in names), *storage, *humidity),
        added=(*quality, *(("VPD",) if humidity else ())),
    )


def _offered(columns: Collection[str], bases: tuple[str, ...]) -> list[str]:
    """Return the columns of a variable, the best first: filled, derived by the team, first sensor."""
    offered = []
    for base_rank, base in enumerate(bases):
        for column in columns:
            match = _QUALIFIERS.fullmatch(column.removeprefix(base))
            if column.startswith(base) and match is not None:
                place = [0 if p == "A" else int(p) for p in (match["place"] or "").split("_") if p]
                rank = (base_rank, not match["filled"], not match["pi"], place)
                offered.append((rank, column))
    return [column for _, column in sorted(offered)]


def _measured(columns: Collection[str]) -> list[str]:
    """Return the columns whose gaps the team did not fill."""
    return [c for c in columns if not _FILLED.search(c)]


def _codes(raw: pd.DataFrame, joined: Joined, offered: Collection[str]) -> np.ndarray:
    """Return 0 where the value of a joined flux was measured, else NaN.

    A filled column was measured where the same column before filling has a value, or the best
    measured one if that is absent.
    """
    codes = np.full(len(raw), np.nan)
    for number, column in enumerate(joined.columns):
        before = _FILLED.sub("", column)
        measured = raw[before if before in offered else _measured(offered)[0]].notna()
        codes[(joined.source == number) & measured.to_numpy()] = 0.0
    return codes


def _offers(joined: Joined) -> Joined:
    """Return the joined columns without the deficit that was computed for nothing: no choice was made."""
    *columns, last = joined.columns or ("",)
    if last == _COMPUTED and not (joined.source == len(columns)).any():
        return joined._replace(columns=tuple(columns))
    return joined


def _remarks(joined: Mapping[str, Joined], site: str, starts: pd.Series) -> list[Remark]:
    """Return a remark on the variables of several columns, if there are any."""
    chosen = {v: words for v, one in joined.items() if (words := in_words(_offers(one), starts))}
    if not chosen:
        return []
    return [
        Remark(
            check="units",
            variable=", ".join(chosen),
            sites=[site],
            expected="one column of each variable",
            found="; ".join(f"{v}: {words}" for v, words in chosen.items()),
        )
    ]


def _deficit(temperature: pd.Series, percent: pd.Series) -> pd.Series:
    """Vapour pressure deficit, hPa; sensors drift above 100 % in fog, which counts as 0."""
    from uflux_kedro.biophysics.vapour_pressure import saturation_vapour_pressure

    return (saturation_vapour_pressure(temperature) * (1 - percent / 100)).clip(lower=0)
