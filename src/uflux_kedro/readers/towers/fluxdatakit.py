"""Read FluxDataKit: half-hours of several networks, averaged to days, with FLUXNET's names.

Unlike those of FLUXNET, its daily carbon fluxes are in umol CO2 m-2 s-1, and averages may include
-9999 of missing half-hours, as in pressures below zero. There is no NEE and no RECO, and QC counts
measured half-hours only.
"""

from __future__ import annotations

import logging

import pandas as pd

from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.csv_columns import Header, read_header
from uflux_kedro.readers.towers.single_tower import CARBON_BY_SECOND, Columns, read_single_tower
from uflux_kedro.readers.towers.stated_uncertainty import with_stated_uncertainty
from uflux_kedro.readers.towers.tower_files import TowerFile

logger = logging.getLogger(__name__)

_WEATHER = {
    "TA": "TA_F_MDS", "TA_MIN": "TMIN_F_MDS", "TA_MAX": "TMAX_F_MDS", "SW_IN": "SW_IN_F_MDS",
    "LW_IN": "LW_IN_F_MDS", "VPD": "VPD_F_MDS", "PA": "PA_F", "P": "P_F", "WS": "WS_F",
    "NETRAD": "NETRAD", "USTAR": "USTAR", "CO2": "CO2_F_MDS", "LAI": "LAI",
}  # fmt: skip
_QUALITY = {"TA": "TA_F_QC", "TA_MIN": "TMIN_F_QC", "TA_MAX": "TMAX_F_QC"}
"""Variable -> its QC column, where the name does not follow from that of the variable."""


def read_table(table: TowerFile, parameters: TowerParameters) -> pd.DataFrame:
    """Read one table.

    Args:
        table: ``FLX_<site>_FLUXDATAKIT_FULLSET_<step>_<years>_<version>.csv``.
        parameters: Resolution, completeness, partitioning, energy balance and ``outside``.

    Returns:
        As :func:`uflux_kedro.readers.towers.single_tower.read_single_tower`, with GPP, H, LE, weather
        and LAI.

    Raises:
        InputError: As for ``read_single_tower``.
    """
    header = read_header(table.file)
    logger.info(
        "%s: GPP is read as %s, the unit of FluxDataKit for FLUXNET's column",
        table.file.where, CARBON_BY_SECOND,
    )  # fmt: skip
    columns = columns_of(table, header, parameters)
    return read_single_tower(table, columns, parameters, header=header)


def columns_of(_: TowerFile, header: Header, parameters: TowerParameters) -> Columns:
    """Find the columns of one table by its header."""
    gpp = f"GPP_{parameters.partition}_VUT_REF"
    suffix = "CORR" if parameters.energy_balance == "CORR" else "F_MDS"
    values = {"GPP": gpp, "H": f"H_{suffix}", "LE": f"LE_{suffix}", **_WEATHER}
    quality = {"GPP_QC": f"{gpp}_QC", "H_QC": "H_F_MDS_QC", "LE_QC": "LE_F_MDS_QC"}
    quality |= {f"{v}_QC": _QUALITY.get(v, f"{c}_QC") for v, c in _WEATHER.items()}
    quality = {ours: theirs for ours, theirs in quality.items() if theirs in header.columns}
    columns = Columns(values, quality, {"GPP": CARBON_BY_SECOND})
    return with_stated_uncertainty(columns, header.columns, parameters)
