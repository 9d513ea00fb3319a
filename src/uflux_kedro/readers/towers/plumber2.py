"""Read PLUMBER2: half-hours or hours in netCDF with ALMA names, written by FluxnetLSM.

Source: Ukkola et al. (2022), doi 10.5194/essd-14-449-2022. Each tower has one file of fluxes and one of
weather. Times are local standard time at the starts of steps.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from uflux_kedro.readers.archives import File
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers import ozflux
from uflux_kedro.readers.towers.csv_columns import Header
from uflux_kedro.readers.towers.impossible import without_infinite
from uflux_kedro.readers.towers.netcdf_files import open_netcdf, read_variables
from uflux_kedro.readers.towers.single_tower import Columns, read_single_tower
from uflux_kedro.readers.towers.sites import check_sites, igbp_class
from uflux_kedro.readers.towers.tower_files import TowerFile
from uflux_kedro.variables import IGBP_CLASSES

if TYPE_CHECKING:
    import xarray as xr

logger = logging.getLogger(__name__)

_WEATHER = {
    "TA": ("Tair",), "SW_IN": ("SWdown",), "LW_IN": ("LWdown",), "VPD": ("VPD",),
    "PA": ("Psurf", "PSurf"), "P": ("Precip", "Rainf"), "WS": ("Wind",), "NETRAD": ("Rnet",),
    "G": ("Qg",), "USTAR": ("Ustar",), "CO2": ("CO2air",), "LAI": ("LAI",),
}  # fmt: skip
_WELL_FILLED = (1, *ozflux.WELL_FILLED)
"""FLUXNET's code, or the flags of the towers that come from OzFlux, which keep them."""


def read_table(table: TowerFile, parameters: TowerParameters) -> pd.DataFrame:
    """Read the fluxes of one tower, and its weather from the file beside it.

    Args:
        table: ``<site>_<years>_<source>_Flux.nc``; ``..._Met.nc`` is read with it if present.
        parameters: Resolution, completeness, partitioning, energy balance and ``outside``.

    Returns:
        As :func:`uflux_kedro.readers.towers.single_tower.read_single_tower`; ``attrs["site"]`` is the
        row of the site table if the file states place and IGBP class.

    Raises:
        InputError: As for ``read_single_tower``, or if the unit of a flux does not convert.
    """
    parts = []
    for file in files_of_tower(table.file):
        with open_netcdf(file) as dataset:
            columns = _columns({str(name) for name in dataset.variables}, parameters)
            parts.append(read_variables(dataset, columns.variables, columns.quality,
                                        file.where, "start"))  # fmt: skip
            if file == table.file:
                site = _site(table.site, dataset, file.where)
    raw = parts[0]
    for part in parts[1:]:
        new = [name for name in part if name == "TIMESTAMP_START" or name not in raw]
        raw = raw.merge(part[new], on="TIMESTAMP_START", how="left")
    raw = without_infinite(raw, table.file.where)
    columns = _columns(raw.columns, parameters)
    if parameters.energy_balance == "CORR" and not {"H", "LE"} & columns.variables.keys():
        logger.warning(
            "%s: no Qh_cor and Qle_cor: towers.energy_balance RAW reads H and LE as measured",
            table.file.where,
        )
    for name in set(columns.quality.values()):
        raw[name] = _codes(raw[name])
    record = read_single_tower(table, columns, parameters, raw=raw)
    record.attrs["site"] = site
    return record


def columns_of(_: TowerFile, header: Header, parameters: TowerParameters) -> Columns:
    """Find the variables of one tower by their names in both files."""
    return _columns(header.columns, parameters)


def files_of_tower(flux: File) -> list[File]:
    """Return the file of fluxes, and that of weather if it lies beside it."""
    weather = File(flux.path.with_name(flux.name.replace("_Flux", "_Met")))
    return [flux, weather] if weather != flux and weather.path.is_file() else [flux]


def _columns(names: Collection[str], parameters: TowerParameters) -> Columns:
    night = parameters.partition == "NT"
    corrected = "_cor" if parameters.energy_balance == "CORR" else ""
    offered = {
        "GPP": ("GPP", "GPP_LT") if night else ("GPP_DT", "GPP_LL"),
        "RECO": ("Resp",) if night else ("Resp_DT",),
        "NEE": ("NEE",),
        "H": (f"Qh{corrected}",),
        "LE": (f"Qle{corrected}",),
        **_WEATHER,
    }
    values = {v: found for v, choices in offered.items()
              if (found := next((c for c in choices if c in names), None))}  # fmt: skip
    flags = dict.fromkeys(("GPP", "RECO", "NEE"), "NEE") | {"H": "Qh", "LE": "Qle"}
    quality = {f"{v}_QC": f"{flags.get(v, name)}_qc" for v, name in values.items()}
    return Columns(values, {ours: n for ours, n in quality.items() if n in names}, {})


def _codes(flags: pd.Series) -> pd.Series:
    found = np.select([flags.isin(ozflux.MEASURED), flags.isin(_WELL_FILLED)], [0.0, 1.0], 2.0)
    return pd.Series(found, flags.index).where(flags.notna())


def _site(site: str, dataset: xr.Dataset, where: str) -> pd.DataFrame | None:
    """Return the row of the site table; None if the file does not state place and IGBP class."""
    classes = [igbp_class(_text(dataset[name]))
               for name in ("IGBP_veg_short", "IGBP_veg_long") if name in dataset]  # fmt: skip
    igbp = next((c for c in classes if c in IGBP_CLASSES), None)
    if igbp is None or not {"latitude", "longitude"} <= {str(n) for n in dataset.variables}:
        return None
    place = {n: float(dataset[n].to_numpy().ravel()[0])
             for n in ("latitude", "longitude", "elevation") if n in dataset}  # fmt: skip
    return check_sites(pd.DataFrame([{"site_id": site, "IGBP": igbp} | place]), where)


def _text(variable: xr.DataArray) -> str:
    return str(variable.to_numpy().astype(str).ravel()[0]).strip()
