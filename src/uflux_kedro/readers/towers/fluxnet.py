"""Read tables of ONEFlux: FLUXNET2015, AmeriFlux FLUXNET, ICOS ETC L2, FLUXNET since 2025.

FULLSET, SUBSET and FLUXMET are read at half-hours, hours, days, weeks and months. In days and longer
periods carbon is in gC m-2 d-1, rain in mm d-1 and QC a share 0-1; in half-hours and hours they are
umol CO2 m-2 s-1, mm per step and codes 0-3. ``NEE_VUT_REF_QC`` is also the quality of GPP and RECO.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import files_of
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.csv_columns import Header, read_header
from uflux_kedro.readers.towers.single_tower import (
    CARBON_BY_SECOND,
    Columns,
    best_tables,
    read_single_tower,
)
from uflux_kedro.readers.towers.stated_uncertainty import with_stated_uncertainty
from uflux_kedro.readers.towers.tower_files import TowerFile, by_name
from uflux_kedro.variables import FLUXES, VARIABLES, aliases

_FURTHER = ("RH", "PPFD_IN")
"""Variables that only hours and half-hours have a use for."""
WEATHER = ("TA", "SW_IN", "LW_IN", "VPD", "PA", "P", "WS")
"""Weather without gaps in every archive, since it is filled from reanalysis (``*_F``)."""


def read_fluxnet(path: Path, parameters: TowerParameters | None = None) -> pd.DataFrame:
    """Read the archive of one tower.

    Args:
        path: ``<network>_<site>_FLUXNET..._<version>``: a zip as delivered, or a CSV from it, plain
            or gzipped.
        parameters: Resolution, completeness, partitioning, energy balance, ``allow_missing`` and
            ``outside``.

    Returns:
        ``site_id``, ``time`` (start of the period), fluxes and weather with their ``_QC`` (0-1)
        in canonical units, NaN where missing; where the archive states them, columns beside the
        fluxes: ``<flux>_RANDUNC``, ``<flux>_PROCUNC``, and the other partitioning, ``GPP_DT``;
        ``attrs["resolution"]``.

    Raises:
        InputError: If the archive is damaged or unsafe, a column is absent or has only -9999,
            timestamps are duplicate, unordered or unreadable, or values are out of bounds.
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
    towers = pd.concat(
        [read_table(t, parameters) for t in best_tables(tables, parameters)], ignore_index=True
    )
    towers.attrs["resolution"] = parameters.resolution
    return towers


def read_table(table: TowerFile, parameters: TowerParameters) -> pd.DataFrame:
    """Read one table; see :func:`read_fluxnet`."""
    header = read_header(table.file)
    columns = columns_of(table, header, parameters)
    needed = [v for v in (*FLUXES, *WEATHER) if v not in parameters.allow_missing]
    required = [n for n in columns.all() if n.removesuffix("_QC") in needed]
    required = [n for n in required if not n.endswith("_QC") or n.removesuffix("_QC") in FLUXES]
    return read_single_tower(table, columns, parameters, required, header)


def columns_of(table: TowerFile, header: Header, parameters: TowerParameters) -> Columns:
    """Find the columns of one table by its header: fluxes, weather, each with its quality.

    Last come the columns beside the fluxes that state their uncertainty.
    """
    present = set(header.columns)
    values: dict[str, str] = {}
    quality: dict[str, str] = {}
    for flux in FLUXES:
        choices = VARIABLES[flux].aliases["fluxnet"]
        if flux in ("H", "LE"):
            corrected, measured = choices
            values[flux] = corrected if parameters.energy_balance == "CORR" else measured
            quality[f"{flux}_QC"] = f"{measured}_QC"
        else:
            wanted = f"_{parameters.partition}_"
            values[flux] = next((c for c in choices if wanted in c), choices[0])
            quality[f"{flux}_QC"] = "NEE_VUT_REF_QC"
    weather = {v: a for a, v in reversed(aliases("fluxnet").items()) if v not in FLUXES}
    values |= {v: weather[v] for v in VARIABLES if v in weather}
    quality |= {f"{v}_QC": f"{a}_QC" for v, a in weather.items() if f"{a}_QC" in present}
    units = {"SWC": "percent"}
    if table.step in ("HH", "HR"):
        units |= dict.fromkeys(("GPP", "RECO", "NEE"), CARBON_BY_SECOND)
    return with_stated_uncertainty(Columns(values, quality, units), present, parameters)


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
    return Columns({v: f"{v}_ERA" for v in WEATHER if f"{v}_ERA" in header.columns}, {}, {})
