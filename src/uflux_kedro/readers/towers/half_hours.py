"""Read half-hourly and hourly towers at their own step, with measured fluxes only, for gap filling.

The families of :mod:`uflux_kedro.readers.towers.read` average their tables to days or longer periods.
Here the steps stay, in FLUXNET's units of half-hours: carbon in umol CO2 m-2 s-1, rain in mm per step,
soil water in percent. Fluxes that a network or a team has filled are left out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.readers.archives import File, files_of
from uflux_kedro.readers.parameters import ColumnSpec, TowerParameters
from uflux_kedro.readers.paths import Paths
from uflux_kedro.readers.towers import ameriflux, eddypro, fluxnet, reddyproc
from uflux_kedro.readers.towers.aggregation import good_share
from uflux_kedro.readers.towers.badm import read_utc_offsets
from uflux_kedro.readers.towers.csv_columns import Header, read_header
from uflux_kedro.readers.towers.families import header_of
from uflux_kedro.readers.towers.impossible import Impossible, in_words, without_impossible
from uflux_kedro.readers.towers.left_out import Losses
from uflux_kedro.readers.towers.places import metadata_of, read_metadata
from uflux_kedro.readers.towers.remarks import Remark, remark
from uflux_kedro.readers.towers.single_tower import (
    CARBON_BY_SECOND,
    DAY,
    Columns,
    read_steps,
    step_length,
    tables_of_step,
)
from uflux_kedro.readers.towers.tables import check_order, parse_times, to_numbers
from uflux_kedro.readers.towers.tidy import read_mapped
from uflux_kedro.readers.towers.tower_files import (
    SITE_NAME,
    FoundFiles,
    TowerFile,
    companion,
    find_tower_files,
)
from uflux_kedro.readers.units import conversion, to_canonical
from uflux_kedro.variables import VARIABLES

logger = logging.getLogger(__name__)

FLUXES = ("NEE", "LE", "H")
"""Fluxes of a record, those that towers measure."""
DRIVERS = (
    "TA", "SW_IN", "VPD", "USTAR", "RH", "TS", "SWC", "WS", "LW_IN", "NETRAD", "G", "PA", "P", "CO2",
    "PPFD_IN",
)  # fmt: skip
"""Drivers of a record; those from the reanalysis of an archive have the ending ``_ERA``."""

_LONGEST_HOLE = pd.Timedelta("365D")
"""Time without rows from which a tower has two records."""


@dataclass(frozen=True)
class HalfHours:
    """The record of one tower at its own step.

    Attributes:
        site_id: Name of the tower.
        table: One row a half-hour or hour, none left out; index ``time``, its start in local standard
            time; columns of :data:`FLUXES`, :data:`DRIVERS` and ``<driver>_ERA``. NaN is missing; a
            flux holds measured values only.
        latitude: Degrees north; None if unknown.
        longitude: Degrees east; None if unknown.
        utc_offset: Hours by which the clock is ahead of UTC; None if unknown.
        IGBP: Land cover class; None if unknown.
        filtered: Whether NEE of still nights was left out already, as in FLUXNET's tables.
        source: File, or folder of several files.
        findings: What was noticed while reading.
    """

    site_id: str
    table: pd.DataFrame
    latitude: float | None = None
    longitude: float | None = None
    utc_offset: float | None = None
    IGBP: str | None = None
    filtered: bool = False
    source: str = ""
    findings: list[Remark] = field(default_factory=list)

    @property
    def steps_a_day(self) -> int:
        """48 for half-hours, 24 for hours."""
        return int(DAY / (self.table.index[1] - self.table.index[0]))

    @property
    def name(self) -> str:
        """Tower and years, such as ``US-Ne1_2003-2004``."""
        return f"{self.site_id}_{self.table.index[0].year}-{self.table.index[-1].year}"


class _Part(NamedTuple):
    """What one file holds of a tower."""

    site_id: str
    table: pd.DataFrame
    length: pd.Timedelta
    where: str
    findings: list[Remark]
    place: Mapping[str, Any]
    filtered: bool = False


def read_half_hours(
    path: Paths,
    parameters: TowerParameters | None = None,
    losses: Losses | None = None,
    **settings: Any,
) -> list[HalfHours]:
    """Read half-hourly and hourly towers at their own step.

    AmeriFlux BASE, half-hours of FLUXNET and ICOS, text for REddyProc, input tables of ONEFlux and
    the full output of EddyPro are recognised as by :func:`uflux_kedro.readers.read_towers`; any other
    table of half-hours is read with ``columns``. Weather from reanalysis in the same archive or folder
    (``ERAI_HH``, ``ERA5_HH``) stands in ``<driver>_ERA``::

        records = read_half_hours("AMF_US-CRT_BASE-BADM_2-5.zip")
        records = read_half_hours("mine.csv", reader="tidy", columns={"time": "when", "NEE": "Fc"})

    In a mapping, ``time`` is the start of the step; units are those of half-hours where a column has
    none. ``site_id`` may be left out for a table of one tower: its name is then that of the file.

    Args:
        path: A file, a folder, or several of them: tables, archives, metadata, a ``sites.csv``.
        parameters: How the files are read; None takes the defaults.
        losses: Takes the towers that cannot be read; None only logs them, or stops at them as
            ``on_bad_tower`` says.
        settings: Fields of :class:`TowerParameters` that override ``parameters``.

    Returns:
        One record a tower, sorted; several of a tower whose files leave out a year or more between
        them.

    Raises:
        InputError: If no tower can be read. With ``on_bad_tower`` ``stop`` also if a file is damaged,
            times are twice or out of order, or a tower has both hours and half-hours; otherwise that
            tower is left out.
        ConfigurationError: If a mapping has no ``time``, or none of the fluxes.
    """
    given = (parameters or TowerParameters()).model_dump()
    parameters = TowerParameters.model_validate(given | settings)
    losses = losses or Losses(stop=parameters.on_bad_tower == "stop")
    found = find_tower_files(path, parameters, losses)
    parts = _parts(found.data, parameters, losses)
    places = _places(found, {p.site_id for p in parts}, losses)
    records: list[HalfHours] = []
    for site in sorted({p.site_id for p in parts}):
        with losses.at(site):
            chunks = list(_stretches([p for p in parts if p.site_id == site]))
            records += [_record(chunk, places) for chunk in chunks]
    losses.require(records)
    return records


def _parts(data: Sequence[TowerFile], parameters: TowerParameters, losses: Losses) -> list[_Part]:
    tables = [t for t in data if t.family in _FAMILIES]
    other = [t for t in data if t not in tables and t.family != "tidy"]
    if other and len(other) == len(data):
        raise InputError(
            other[0].file.where,
            None,
            expected="half-hours of FLUXNET, ICOS, AmeriFlux BASE, REddyProc, ONEFlux or EddyPro, or a "
            "table with mapped columns",
            found=f"a file of the family {other[0].family}",
        )
    for one in other:
        logger.warning("%s is not read: no half-hours of measured fluxes", one.file.where)
    parts = []
    for table in tables_of_step(tables, ("HH", "HR"), "a table of half-hours or hours", losses):
        logger.info("%s: %s", table.site, table.file.where)
        with losses.at(table.site):
            parts.append(_read_part(table))
    for table in data:
        if table.family == "tidy":
            parts += _read_tidy(table.file, parameters.columns, losses)
    return parts


class _Source(NamedTuple):
    """How the tables of a family are read: columns, rows if it is no plain CSV, codes of measured."""

    columns: Columns
    raw: pd.DataFrame | None = None
    measured: Callable[[np.ndarray], np.ndarray] = lambda codes: (codes == 0).astype("float64")


_FAMILIES: Mapping[str, Callable[[TowerFile, Header], _Source]] = {
    "fluxnet": lambda _, header: _Source(fluxnet.half_hour_columns(header)),
    "ameriflux": lambda table, header: _Source(ameriflux.half_hour_columns(table, header)),
    "reddyproc": lambda table, header: _Source(
        reddyproc.half_hour_columns(header.columns), reddyproc.read_raw(table), good_share
    ),
    "eddypro": lambda table, _: _eddypro(table),
}


def _eddypro(table: TowerFile) -> _Source:
    """Return how a full output is read: what its biomet output adds, the header does not tell."""
    raw = eddypro.read_raw(table)
    return _Source(eddypro.half_hour_columns(raw.columns), raw, good_share)


def _read_part(table: TowerFile) -> _Part:
    where = table.file.where
    header = header_of(table)
    source = _FAMILIES[table.family](table, header)
    # Carbon stays in the unit of half-hours, so that measured numbers stay as they are.
    units = {v: u for v, u in source.columns.units.items() if u != CARBON_BY_SECOND}
    columns = replace(source.columns, units=units)
    steps = read_steps(table, columns, (), header, source.raw, source.measured)
    record, impossible = without_impossible(steps.record, table.site, "hour", where)
    for flux in FLUXES:
        if flux in record:
            record[flux] = record[flux].where(record[f"{flux}_QC"] == 1)
    findings = [*steps.remarks, *_left_out([*steps.impossible, *impossible], where)]
    findings += _only_filled(table, header, record)
    hours = record.set_index("time")[[v for v in (*FLUXES, *DRIVERS) if v in record]]
    hours = _in_half_hourly_units(hours, steps.length)
    hours = hours.join(_companion(table), how="left")
    hours, added = _completed(hours, table.site)
    return _Part(
        table.site,
        hours,
        steps.length,
        where,
        findings + added,
        _stated_place(header),
        table.family == "fluxnet",
    )


def _only_filled(table: TowerFile, header: Header, record: pd.DataFrame) -> list[Remark]:
    """Return a remark on each flux of BASE that has only columns with filled gaps."""
    if table.family != "ameriflux":
        return []
    offered = ameriflux.columns_of(table, header, TowerParameters()).variables
    return [
        remark("units", flux, table.site, f"a measured column of {flux}",
               f"only {offered[flux]}, whose gaps are filled: {flux} is left out")
        for flux in FLUXES if flux in offered and flux not in record
    ]  # fmt: skip


def _in_half_hourly_units(hours: pd.DataFrame, length: pd.Timedelta) -> pd.DataFrame:
    """Convert rain to mm per step and soil water to percent."""
    if "P" in hours:
        hours["P"] = hours["P"] / (DAY / length)
    if "SWC" in hours:
        hours["SWC"] = hours["SWC"] * 100
    return hours


def _completed(hours: pd.DataFrame, site: str) -> tuple[pd.DataFrame, list[Remark]]:
    """Leave out drivers without values, and compute SW_IN from PPFD_IN if it is among them."""
    empty = [v for v in hours if v not in FLUXES and hours[v].isna().all()]
    hours = hours.drop(columns=empty)
    if "SW_IN" in hours or "PPFD_IN" not in hours:
        return hours, []
    from uflux_kedro.biophysics.radiation import shortwave_from_ppfd

    hours["SW_IN"] = shortwave_from_ppfd(hours["PPFD_IN"])
    found = "none: computed from PPFD_IN, at 2.04 umol of photons per joule"
    return hours, [remark("units", "SW_IN", site, "measured SW_IN", found)]


def _companion(table: TowerFile) -> pd.DataFrame:
    """Read the weather from reanalysis of the same archive or folder; no columns if there is none."""
    file = table.file
    offered = files_of(file.path)
    if file.member is None:
        offered = [File(p) for p in sorted(file.path.parent.iterdir()) if p.is_file()]
    for other in offered:
        found = companion(other)
        if found is not None and (found.site, found.step) == (table.site, table.step):
            header = read_header(other)
            columns = fluxnet.companion_columns(header)
            steps = read_steps(replace(table, file=other), columns, (), header)
            hours = _in_half_hourly_units(steps.record.set_index("time"), steps.length)
            return hours.dropna(axis="columns", how="all").add_suffix("_ERA")
    return pd.DataFrame()


def _stated_place(header: Header) -> dict[str, Any]:
    """Return place and clock that the first lines of an input table of ONEFlux state."""
    lines = [line.split(",") for line in header.comments]
    keyed = {line[0]: line[-1] for line in lines if len(line) > 1}
    names = {"lat": "latitude", "lon": "longitude", "timezone": "utc_offset"}
    return {ours: float(keyed[key]) for key, ours in names.items() if key in keyed}


def _read_tidy(file: File, columns: Mapping[str, ColumnSpec], losses: Losses) -> list[_Part]:
    """Read a table of half-hours with mapped columns, of one or many towers."""
    if "time" not in columns or not set(FLUXES) & set(columns):
        raise ConfigurationError(
            "towers.columns has no time, or none of NEE, LE and H: map them to columns of the table"
        )
    keys = tuple(k for k in ("site_id", "time") if k in columns)
    raw = read_mapped(file.path, columns, keys)
    where = str(file.path)
    if "site_id" not in raw:
        named = SITE_NAME.search(file.name)
        raw["site_id"] = named[0] if named else PurePosixPath(file.name).name.partition(".")[0]
    raw["time"] = parse_times(raw["time"].rename(columns["time"].column), "HH", where)
    parts = []
    for site, rows in raw.groupby("site_id"):
        with losses.at(str(site)):
            parts.append(_tidy_part(str(site), rows, columns, where))
    return parts


def _tidy_part(
    site: str, rows: pd.DataFrame, columns: Mapping[str, ColumnSpec], where: str
) -> _Part:
    """Return the rows of one tower of a table with mapped columns."""
    check_order(rows[["site_id", "time"]], where)
    length = step_length(rows["time"], where)
    values = {v: _mapped(rows[v], columns[v], length, where)
              for v in (*FLUXES, *DRIVERS) if v in rows}  # fmt: skip
    record = pd.DataFrame({"time": rows["time"]} | values)
    record, impossible = without_impossible(record, site, "hour", where)
    hours, added = _completed(record.set_index("time"), site)
    place = {k: rows[k].iloc[0] for k in ("latitude", "longitude", "IGBP") if k in rows}
    return _Part(site, hours, length, where, _left_out(impossible, where) + added, place)


def _mapped(column: pd.Series, spec: ColumnSpec, length: pd.Timedelta, where: str) -> pd.Series:
    """Return a mapped column in the unit of half-hours, which it has where the mapping names none."""
    name = str(column.name)
    values = to_numbers(column.rename(spec.column), where).rename(name)
    if spec.unit:
        values = to_canonical(values, spec.unit, VARIABLES[name], where)
        if name == "NEE":
            values = values / conversion(CARBON_BY_SECOND, VARIABLES[name].unit)[0]
        values = _in_half_hourly_units(values.to_frame(), length)[name]
    return values * spec.sign


def _left_out(impossible: Sequence[Impossible], where: str) -> list[Remark]:
    return [
        remark("bounds", one["variable"], one["site_id"], "possible values",
               f"{in_words(one)} in {where}; made missing")
        for one in impossible if not one["variable"].endswith("_QC")
    ]  # fmt: skip


def _stretches(parts: Sequence[_Part]) -> Iterator[list[_Part]]:
    """Divide the parts of a tower where a year or more lies between them.

    Raises:
        InputError: If parts overlap, or are of hours and of half-hours.
    """
    parts = sorted(parts, key=lambda p: p.table.index[0])
    chunk = parts[:1]
    for before, after in pairwise(parts):
        if before.length != after.length:
            raise InputError(
                after.where,
                "TIMESTAMP_START",
                expected=f"steps of {_minutes(before)} minutes, as in {before.where}",
                found=f"steps of {_minutes(after)} minutes",
                hint="Read hours and half-hours of a tower separately",
            )
        if after.table.index[0] <= before.table.index[-1]:
            raise InputError(
                after.where,
                "TIMESTAMP_START",
                expected=f"each time once, after the end of {before.where}",
                found=f"{after.table.index[0]:%Y-%m-%d %H:%M} in both",
                hint="Check for two files of the same tower and time",
            )
        if after.table.index[0] - before.table.index[-1] > _LONGEST_HOLE:
            yield chunk
            chunk = []
        chunk = [*chunk, after]
    yield chunk


def _minutes(part: _Part) -> int:
    return int(part.length / pd.Timedelta("1min"))


def _record(parts: Sequence[_Part], places: Mapping[str, Mapping[str, Any]]) -> HalfHours:
    """Join the parts of a record, with a row for every step."""
    joined = pd.concat([p.table for p in parts])
    first, last = joined.index[0], joined.index[-1]
    every = pd.date_range(first, last, freq=parts[0].length, name="time")
    ordered = [v for v in (*FLUXES, *DRIVERS, *(f"{d}_ERA" for d in DRIVERS)) if v in joined]
    site = parts[0].site_id
    place = {k: v for one in (*(p.place for p in parts), places.get(site, {}))
             for k, v in one.items() if pd.notna(v)}  # fmt: skip
    file = parts[0].where
    return HalfHours(
        site_id=site,
        table=joined.reindex(every)[ordered],
        latitude=place.get("latitude"),
        longitude=place.get("longitude"),
        utc_offset=place.get("utc_offset"),
        IGBP=place.get("IGBP"),
        filtered=all(p.filtered for p in parts),
        source=file if len(parts) == 1 else str(PurePosixPath(file).parent),
        findings=[f for p in parts for f in p.findings],
    )


def _places(found: FoundFiles, wanted: set[str], losses: Losses) -> dict[str, dict[str, Any]]:
    """Return latitude, longitude, IGBP and UTC offset of the sites whose metadata are at hand."""
    places: dict[str, dict[str, Any]] = {}
    for table in reversed(metadata_of(found)):  # the best last, so that it counts
        with losses.at(""):
            known = read_metadata(table, wanted)
            for row in known[["site_id", "latitude", "longitude", "IGBP"]].to_dict("records"):
                places.setdefault(row["site_id"], {}).update(row)
            if table.family == "badm":
                for site, offset in read_utc_offsets(table.file, wanted).items():
                    places.setdefault(site, {})["utc_offset"] = offset
    return places
