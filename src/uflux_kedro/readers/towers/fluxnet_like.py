"""Read half-hours and hours of FLUXNET-CH4 and JapanFlux2024, whose names resemble those of ONEFlux.

Sources: Delwiche et al. (2021), doi 10.5194/essd-13-3607-2021; Ueyama et al. (2025), doi
10.5194/essd-17-3807-2025. Carbon is in umol CO2 m-2 s-1, rain in mm per step. Their days are not read:
those of FLUXNET-CH4 do not tell what was measured, those of JapanFlux not as FLUXNET does.
"""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.csv_columns import Header, read_header
from uflux_kedro.readers.towers.single_tower import CARBON_BY_SECOND, Columns, read_single_tower
from uflux_kedro.readers.towers.tower_files import TowerFile

_UNITS = dict.fromkeys(("GPP", "RECO", "NEE"), CARBON_BY_SECOND) | {"SWC": "percent"}
_CARBON = ("GPP", "RECO", "NEE")

_WEATHER = {
    "TA": "TA_F", "SW_IN": "SW_IN_F", "LW_IN": "LW_IN_F", "VPD": "VPD_F", "PA": "PA_F", "P": "P_F",
    "WS": "WS_F", "USTAR": "USTAR",
}  # fmt: skip
_OWN_WEATHER = {
    "fluxnet_ch4": {"NETRAD": "NETRAD_F", "G": "G_F", "SWC": "SWC_F"},
    "japanflux": {"NETRAD": "NETRAD", "TS": "TS_F_MDS", "SWC": "SWC_F_MDS"},
}


def read_table(table: TowerFile, parameters: TowerParameters) -> pd.DataFrame:
    """Read one table.

    FLUXNET-CH4 has no codes of NEE, H and LE: QC is the share of the steps with a measured value,
    as in BASE. JapanFlux has FLUXNET's. Neither corrects for energy balance closure.

    Args:
        table: ``FLX_<site>_FLUXNET-CH4_HH_....csv`` or ``FLX_<site>_JapanFLUX2024_ALLVARS_HH_....csv``.
        parameters: Resolution, completeness, partitioning and ``outside``.

    Returns:
        As :func:`uflux_kedro.readers.towers.single_tower.read_single_tower`.

    Raises:
        InputError: As for ``read_single_tower``.
    """
    header = read_header(table.file)
    columns = columns_of(table, header, parameters)
    return read_single_tower(table, columns, parameters, header=header)


def columns_of(table: TowerFile, header: Header, parameters: TowerParameters) -> Columns:
    """Find the columns of one table by its header."""
    weather = _WEATHER | _OWN_WEATHER[table.family]
    if table.family == "fluxnet_ch4":
        return _methane_columns(header.columns, weather, parameters.partition)
    fluxes = {v: f"{v}_{parameters.partition}_vUT" for v in ("GPP", "RECO")}
    fluxes |= {"NEE": "NEE_vUT", "H": "H_F_MDS", "LE": "LE_F_MDS"}
    codes = {f"{v}_QC": f"{'NEE_vUT' if v in _CARBON else c}_QC"
             for v, c in (fluxes | weather).items()}  # fmt: skip
    present = {ours: theirs for ours, theirs in codes.items() if theirs in header.columns}
    return Columns(fluxes | weather, present, _UNITS)


def _methane_columns(names: Collection[str], weather: dict[str, str], partition: str) -> Columns:
    fluxes = {v: f"{v}_{partition}" for v in ("GPP", "RECO")}
    measured = [v for v in ("NEE", "H", "LE") if v in names]
    fluxes |= {v: f"{v}_F" if f"{v}_F" in names else v for v in ("NEE", "H", "LE")}
    flux_of = {v: "NEE" if v in _CARBON else v for v in fluxes}
    quality = {f"{v}_QC": f"{flux}_MEASURED" for v, flux in flux_of.items() if flux in measured}

    def complete(raw: pd.DataFrame) -> pd.DataFrame:
        codes = {f"{v}_MEASURED": 0.0 * raw[v].where(raw[fluxes[v]].notna()) for v in measured}
        return raw.assign(**codes)

    return Columns(
        fluxes | weather,
        quality,
        _UNITS,
        complete,
        also=tuple(measured),
        added=tuple(f"{v}_MEASURED" for v in measured),
    )
