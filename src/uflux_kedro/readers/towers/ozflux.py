"""Read level 6 of OzFlux: half-hours or hours in netCDF, filled and partitioned by PyFluxPro.

Source: Isaac et al. (2017), doi 10.5194/bg-14-2903-2017; names and flags by PyFluxPro's documentation.
Times are local standard time at the ends of steps.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.csv_columns import Header
from uflux_kedro.readers.towers.impossible import without_infinite
from uflux_kedro.readers.towers.netcdf_files import FLAG, number, open_netcdf, read_variables
from uflux_kedro.readers.towers.remarks import Remark
from uflux_kedro.readers.towers.single_tower import Columns, read_single_tower
from uflux_kedro.readers.towers.sites import check_sites
from uflux_kedro.readers.towers.tower_files import TowerFile
from uflux_kedro.variables import IGBP_CLASSES

logger = logging.getLogger(__name__)

_VALUES = {
    "H": "Fh", "LE": "Fe", "TA": "Ta", "SW_IN": "Fsd", "LW_IN": "Fld", "VPD": "VPD", "PA": "ps",
    "P": "Precip", "WS": "Ws", "NETRAD": "Fn", "G": "Fg", "USTAR": "ustar", "TS": "Ts", "SWC": "Sws",
    "CO2": "CO2",
}  # fmt: skip
_PARTITIONED = {"GPP": "GPP", "RECO": "ER", "NEE": "NEE"}
_METHODS = {"NT": ("LT", "SOLO", "LL"), "DT": ("LL", "SOLO", "LT")}
"""Partitioning -> its methods, the nearest first: Lloyd & Taylor at night, Lasslop by day, a neural
network trained on nights."""

MEASURED = (0, 10)
"""Flags: passed all checks; corrected linearly."""
WELL_FILLED = (30, 470, 510, 570, 610, 620, 630)
"""Flags of gaps filled from the tower's own data: neural network (windows), sampling of similar
conditions, respiration from its nights. Not so: other stations, reanalysis, climatology, long gaps."""


def read_table(table: TowerFile, parameters: TowerParameters) -> pd.DataFrame:
    """Read one file.

    GPP, RECO and NEE are of one method: ``LT`` for ``partition: NT``, ``LL`` for ``DT``; where the
    file lacks it, of the neural network ``SOLO``, which ``attrs["remarks"]`` tells. The flag of NEE
    is the quality of all three. There is no correction for energy balance closure.

    Args:
        table: netCDF with ``Fe``, ``Fe_QCFlag`` and the other names of PyFluxPro.
        parameters: Resolution, completeness, partitioning and ``outside``.

    Returns:
        As :func:`uflux_kedro.readers.towers.single_tower.read_single_tower`; ``attrs["site"]`` is the
        row of the site table if the file states place and IGBP class.

    Raises:
        InputError: As for ``read_single_tower``, or if the unit of a flux does not convert.
    """
    where = table.file.where
    with open_netcdf(table.file) as dataset:
        names = {str(name) for name in dataset.variables}
        columns = _columns(names, parameters)
        raw = read_variables(dataset, columns.variables, columns.quality, where, "end")
        site = _site(table.site, dataset.attrs, where)
    raw = without_infinite(raw, where)
    for flags in set(columns.quality.values()):
        raw[flags] = codes(raw[flags])
    method = _method(names, parameters)
    if method and method != _METHODS[parameters.partition][0]:
        raw.attrs["remarks"] = [_other_method(table.site, parameters.partition, method)]
    record = read_single_tower(table, columns, parameters, raw=raw)
    record.attrs["site"] = site
    return record


def columns_of(_: TowerFile, header: Header, parameters: TowerParameters) -> Columns:
    """Find the variables of one file by their names."""
    return _columns(header.columns, parameters)


def codes(flags: pd.Series) -> pd.Series:
    """Return FLUXNET's codes for PyFluxPro's flags: 0 measured, 1 well filled, 2 filled otherwise."""
    found = np.select([flags.isin(MEASURED), flags.isin(WELL_FILLED)], [0.0, 1.0], 2.0)
    return pd.Series(found, flags.index).where(flags.notna())


def _columns(names: Collection[str], parameters: TowerParameters) -> Columns:
    method = _method(names, parameters)
    partitioned = {v: f"{name}_{method}" for v, name in _PARTITIONED.items()} if method else {}
    values = {v: name for v, name in (partitioned | _VALUES).items() if name in names}
    carbon = partitioned.get("NEE", "")
    flags = {v: carbon if v in _PARTITIONED else name for v, name in values.items()}
    quality = {f"{v}_QC": n + FLAG for v, n in flags.items() if n + FLAG in names}
    return Columns(values, quality, {})


def _method(names: Collection[str], parameters: TowerParameters) -> str:
    """Return the method that is read; empty if none has GPP."""
    return next((m for m in _METHODS[parameters.partition] if f"GPP_{m}" in names), "")


def _other_method(site: str, wanted: str, method: str) -> Remark:
    return Remark(
        check="units",
        variable=", ".join(_PARTITIONED),
        sites=[site],
        expected=f"carbon fluxes partitioned by {_METHODS[wanted][0]}, for towers.partition {wanted}",
        found=f"only {method} at {site}, which differs from the other towers' by up to a third",
    )


def _site(site: str, attributes: Mapping[str, object], where: str) -> pd.DataFrame | None:
    """Return the row of the site table; None if the file does not state place and IGBP class."""
    stated = (str(attributes.get(a, "")).strip() for a in ("IGBP", "igbp", "vegetation"))
    # Vegetation is described freely: only the code itself is certain.
    igbp = next((text for text in stated if text in IGBP_CLASSES), None)
    latitude, longitude = (number(attributes.get(a)) for a in ("latitude", "longitude"))
    if igbp is None or np.isnan([latitude, longitude]).any():
        logger.info("%s: no IGBP class or place: they are taken from the site table", where)
        return None
    row = {"site_id": site, "latitude": latitude, "longitude": longitude, "IGBP": igbp,
           "elevation": number(attributes.get("altitude"))}  # fmt: skip
    return check_sites(pd.DataFrame([row]), where)
