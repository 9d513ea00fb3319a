"""Read tables of ONEFlux: FLUXNET2015, AmeriFlux FLUXNET, ICOS ETC L2, FLUXNET since 2025.

FULLSET, SUBSET and FLUXMET are read at half-hours, hours, days, weeks and months. In days and longer
periods carbon is in gC m-2 d-1, rain in mm d-1 and QC a share 0-1; in half-hours and hours they are
umol CO2 m-2 s-1, mm per step and codes 0-3. ``NEE_VUT_REF_QC`` is also the quality of GPP and RECO.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import files_of
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.csv_columns import Header, read_columns, read_header
from uflux_kedro.readers.towers.left_out import LeftOut, left_out
from uflux_kedro.readers.towers.remarks import remark
from uflux_kedro.readers.towers.single_tower import (
    CARBON_BY_SECOND,
    Columns,
    best_tables,
    read_single_tower,
    stamp_column,
)
from uflux_kedro.readers.towers.stated_uncertainty import with_stated_uncertainty
from uflux_kedro.readers.towers.tables import Step
from uflux_kedro.readers.towers.tower_files import TowerFile, by_name
from uflux_kedro.variables import FLUXES, VARIABLES, aliases

_FURTHER = ("RH", "PPFD_IN")
"""Variables that only hours and half-hours have a use for."""
WEATHER = ("TA", "SW_IN", "LW_IN", "VPD", "PA", "P", "WS")
"""Weather without gaps in every archive, since it is filled from reanalysis (``*_F``)."""
ERA = "_ERA"
"""Ending of the columns of weather from reanalysis, whichever it is."""


def read_fluxnet(path: Path, parameters: TowerParameters | None = None) -> pd.DataFrame:
    """Read the archive of one tower.

    Args:
        path: ``<network>_<site>_FLUXNET..._<version>``: a zip as delivered, or a CSV from it, plain
            or gzipped.
        parameters: Resolution, completeness, partitioning, energy balance, ``fall_back_on``,
            ``allow_missing``, ``on_bad_tower`` and ``outside``.

    Returns:
        ``site_id``, ``time`` (start of the period), fluxes and weather with their ``_QC`` (0-1)
        in canonical units, NaN where missing; where the archive states them, columns beside the
        fluxes: ``<flux>_RANDUNC``, ``<flux>_PROCUNC``, and the other partitioning, ``GPP_DT``;
        ``attrs["resolution"]``; ``attrs["columns"]`` names the column of each flux,
        ``attrs["left_out"]`` the variables that the tower lacks.

    Raises:
        InputError: If the archive is damaged or unsafe, no flux has values, timestamps are duplicate,
            unordered or unreadable, or values are out of bounds; with ``on_bad_tower`` ``stop`` also
            if a column is absent or has only -9999.
    """
    parameters = parameters or TowerParameters()
    files = files_of(path)
    tables = [t for f in files if (t := by_name(f)) and t.family == "fluxnet"]
    if not tables:
        raise InputError(
            path,
            None,
            expected="a file <network>_<site>_FLUXNET_FULLSET_<step>_<years>_<version>.csv, or a "
            "zip with it",
            found=", ".join(f.name for f in files) or "an empty archive",
        )
    read = [read_table(t, parameters) for t in best_tables(tables, parameters)]
    towers = pd.concat(read, ignore_index=True)
    towers.attrs |= {
        "resolution": parameters.resolution,
        "columns": read[0].attrs["columns"],
        "left_out": [row for record in read for row in record.attrs["left_out"]],
    }
    return towers


def read_table(table: TowerFile, parameters: TowerParameters) -> pd.DataFrame:
    """Read one table; see :func:`read_fluxnet`."""
    header = read_header(table.file)
    columns, raw = _columns_with_values(table, header, parameters)
    given = [v for v in (*FLUXES, *WEATHER) if v not in parameters.allow_missing]
    names = columns.all()
    needed = [n for n in names if n.removesuffix("_QC") in given]
    needed = [n for n in needed if not n.endswith("_QC") or n.removesuffix("_QC") in FLUXES]
    stop = parameters.on_bad_tower == "stop"
    # Without its quality a flux is not known to be measured.
    empty = [n for n in needed if (c := names[n]) not in raw or raw[c].isna().all()]
    lost = [] if stop else list(dict.fromkeys(n.removesuffix("_QC") for n in empty))
    unknown = [v for v in lost if v in FLUXES and columns.variables[v] in raw]
    raw = raw.assign(**{columns.variables[v]: np.nan for v in unknown})
    record = read_single_tower(table, columns, parameters, needed if stop else (), header, raw)
    fluxes = {f: columns.variables[f] for f in FLUXES if record[f].notna().any()}
    rows = [_lost(table, v, names[next(n for n in empty if n in (v, f"{v}_QC"))]) for v in lost]
    wanted = {f: _candidates(f, parameters)[0] for f in fluxes}
    remarks = [remark("version", f, table.site, wanted[f], f"{c} is read: {wanted[f]} has no values")
               for f, c in fluxes.items() if c != wanted[f]]  # fmt: skip
    record.attrs |= {"columns": fluxes, "left_out": rows}
    record.attrs["remarks"] = [*record.attrs["remarks"], *remarks]
    return record


def columns_of(table: TowerFile, header: Header, parameters: TowerParameters) -> Columns:
    """Find the columns of one table by its header: fluxes, weather, each with its quality.

    Last come the columns beside the fluxes that state their uncertainty.
    """
    return _columns(set(header.columns), table.step, parameters)


def _columns_with_values(
    table: TowerFile, header: Header, parameters: TowerParameters
) -> tuple[Columns, pd.DataFrame]:
    """Find the columns whose fluxes have values, and read them.

    Where a network could not compute a version of a flux, its column is there and empty.
    """
    present = set(header.columns)
    while True:
        columns = _columns(present, table.step, parameters)
        wanted = {stamp_column(table.step), *columns.all().values(), *columns.also}
        raw = read_columns(table.file, wanted, header)
        fluxes = [c for f in FLUXES if (c := columns.variables[f]) in raw]
        empty = {c for c in fluxes if raw[c].isna().all()}
        others = _columns(present - empty, table.step, parameters)
        if all(others.variables[f] in (columns.variables[f], *empty) for f in FLUXES):
            return columns, raw
        present -= empty


def _columns(present: Collection[str], step: Step | None, parameters: TowerParameters) -> Columns:
    """Return the columns of variables and their quality among those that are present."""
    values = {flux: _flux_column(flux, present, parameters) for flux in FLUXES}
    quality = {f"{flux}_QC": _quality_column(flux, values) for flux in FLUXES}
    weather = {v: a for a, v in reversed(aliases("fluxnet").items()) if v not in FLUXES}
    values |= {v: weather[v] for v in VARIABLES if v in weather}
    quality |= {f"{v}_QC": f"{a}_QC" for v, a in weather.items() if f"{a}_QC" in present}
    units = {"SWC": "percent"}
    if step in ("HH", "HR"):
        units |= dict.fromkeys(("GPP", "RECO", "NEE"), CARBON_BY_SECOND)
    return with_stated_uncertainty(Columns(values, quality, units), present, parameters)


def _flux_column(flux: str, present: Collection[str], parameters: TowerParameters) -> str:
    """Return the first of a flux's columns that is present; the wanted one if none is."""
    candidates = _candidates(flux, parameters)
    return next((c for c in candidates if c in present), candidates[0])


def _candidates(flux: str, parameters: TowerParameters) -> list[str]:
    """Return the columns that a flux may be read from, the wanted one first."""
    if flux in ("H", "LE"):
        wanted = [f"{flux}_CORR", f"{flux}_F_MDS"]
        if parameters.energy_balance == "RAW":
            wanted = wanted[1:]
        elif "RAW" not in parameters.fall_back_on:
            wanted = wanted[:1]
    else:
        first, other = ("NT", "DT") if parameters.partition == "NT" else ("DT", "NT")
        methods = [first, other] if "partition" in parameters.fall_back_on else [first]
        stems = [flux] if flux == "NEE" else [f"{flux}_{method}" for method in methods]
        thresholds = ("VUT", "CUT") if "CUT" in parameters.fall_back_on else ("VUT",)
        wanted = [f"{s}_{t}_{parameters.version}" for s in stems for t in thresholds]
    return wanted


def _quality_column(flux: str, values: Mapping[str, str]) -> str:
    """Return the column with the quality of a flux, given the columns of all.

    GPP and RECO come from NEE of the same ustar threshold, whose quality is theirs.
    """
    if flux in ("H", "LE"):
        return f"{flux}_F_MDS_QC"
    threshold = values[flux].partition("UT_")[0][-1]
    return f"NEE_{threshold}UT_{values[flux].rpartition('_')[2]}_QC"


def _lost(table: TowerFile, variable: str, column: str) -> LeftOut:
    """Return that a variable of a tower has no values, or no quality."""
    error = InputError(
        table.file.where,
        column,
        expected=f"values of {variable} with their quality" if variable in FLUXES else "values",
        found="none",
        hint="A FULLSET table may have another version, which towers.fall_back_on names"
        if variable in FLUXES
        else f"Take {variable} from a grid, or name it in towers.allow_missing",
    )
    return left_out(table.site, error, variable)


def half_hour_columns(header: Header) -> Columns:
    """Find the columns for tables at their own step: NEE, LE and H before their closure, with codes.

    NEE is that of the ustar threshold of the year, or of the constant one if that is absent. There
    are further drivers; GPP and RECO are left out.
    """
    present = set(header.columns)
    carbon = next((c for c in ("NEE_VUT_REF", "NEE_CUT_REF") if c in present), "NEE_VUT_REF")
    values = {"NEE": carbon, "LE": "LE_F_MDS", "H": "H_F_MDS"}
    for v in (*(v for a, v in aliases("fluxnet").items() if v not in FLUXES), *_FURTHER):
        name = next((c for c in (f"{v}_F", f"{v}_F_MDS_1", f"{v}_F_MDS", v) if c in present), None)
        values |= {v: name} if name else {}
    fluxes = {v: c for v, c in values.items() if v not in FLUXES or c in present}
    quality = {f"{v}_QC": f"{fluxes[v]}_QC" for v in ("NEE", "LE", "H") if v in fluxes}
    return Columns(fluxes, quality, {"NEE": CARBON_BY_SECOND, "SWC": "percent"})


def companion_columns(header: Header) -> Columns:
    """Find the columns of an archive's weather from reanalysis, downscaled to the tower."""
    columns = {v: f"{v}{ERA}" for v in WEATHER if f"{v}{ERA}" in header.columns}
    return Columns(columns, {}, {})
