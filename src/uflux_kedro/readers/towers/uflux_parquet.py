"""The published UFLUX-ensemble training table: one parquet of tower months and predictors.

It keeps sites in the index level ``ID``, names some predictors otherwise than its own text does
and states no units. Names are settled here. A unit is taken from the size of the values where
sizes leave no doubt (pressure in kPa, hPa or Pa differs by factors of ten and a hundred), and is
the canonical one elsewhere; ``towers.columns`` overrules both.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.readers.parameters import ColumnSpec, TowerParameters
from uflux_kedro.readers.towers.parquet import read_parquet, read_schema
from uflux_kedro.readers.towers.tables import MISSING
from uflux_kedro.readers.towers.tidy import read_tidy
from uflux_kedro.variables import FLUXES, SITE_PREDICTORS, variable_of

logger = logging.getLogger(__name__)

_RENAMED = {"SWIN": "SW_IN", "LWIN": "LW_IN", "SMC": "SWC", "EVI": "EVI2"}
"""EVI there is the two-band form: the sets that use it are called EVI2."""

_WHOLE_NAMES = {
    "ID": "site_id", "Reco": "RECO", "Latitude": "latitude", "Longitude": "longitude",
    "lat": "latitude", "lon": "longitude", "LOCATION_LONG": "longitude",
    "GOME-2-SIF": "GOME2_SIF", "GOSAT-755-SIF": "GOSAT755_SIF", "GOSAT-772-SIF": "GOSAT772_SIF",
    "OCO-2-CSIF": "OCO2_CSIF",
}  # fmt: skip

_TIMES = ("time", "datetime", "date", "timestamp", "month")

_SIZES = {
    "PA": ((2_000, "Pa"), (200, "hPa")),
    "TA": ((150, "K"),),
    "TS": ((150, "K"),),
    "SW_IN": ((10_000, "J m-2 d-1"),),
    "LW_IN": ((10_000, "J m-2 d-1"),),
    "VPD": ((110, "Pa"),),
}
"""Variable -> unit from a median on; below the last the unit is the canonical one."""


def read_uflux_parquet(
    path: Path, parameters: TowerParameters
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Read the published training table.

    Args:
        path: Parquet with sites in ``ID``, a time, ``Latitude``, ``IGBP``, fluxes and predictors.
        parameters: ``columns`` adds to the names and units found here, or overrules them.

    Returns:
        Towers, sites and names without values, as :func:`uflux_kedro.readers.towers.tidy.read_tidy`.

    Raises:
        InputError: If it is no parquet, or lacks a key or every flux.
    """
    import pyarrow

    schema = read_schema(path)
    times = [f.name for f in schema if pyarrow.types.is_temporal(f.type)]
    times += [n for n in schema.names if n.lower() in _TIMES]
    found = {ours: ColumnSpec(column=n) for n in schema.names if (ours := _ours(n))}
    if times:
        found["time"] = ColumnSpec(column=times[0])
    columns = found | parameters.columns
    if missing := [k for k in ("site_id", "time", "latitude", "IGBP") if k not in columns]:
        raise InputError(
            path,
            ", ".join(missing),
            expected="a column for each",
            found=", ".join(schema.names),
            hint="Say in towers.columns which columns they are",
        )
    columns = _with_units(path, columns, parameters.columns)
    return read_tidy([path], columns, resolution=parameters.resolution, outside=parameters.outside)


def _ours(name: str) -> str | None:
    """Our name of a column; None for what is made from time and place anew, or unknown."""
    if name in _WHOLE_NAMES:
        return _WHOLE_NAMES[name]
    if name in (*FLUXES, "IGBP", "CO2") or name.removesuffix("_QC") in FLUXES:
        return name
    prefix, _, rest = name.partition("_")
    ours = f"{prefix}_{_RENAMED.get(rest, rest)}" if rest else name
    try:
        variable = variable_of(ours).name
    except ConfigurationError:
        return None
    return None if variable in SITE_PREDICTORS else ours


def _with_units(
    path: Path, columns: dict[str, ColumnSpec], given: Mapping[str, ColumnSpec]
) -> dict[str, ColumnSpec]:
    """Add the units that sizes tell."""
    named = {n: variable_of(n).name for n in columns if n not in given and "_" in n
             and not n.endswith(("_QC", "_id"))}  # fmt: skip
    sized = {n: variable for n, variable in named.items() if variable in _SIZES}
    values = read_parquet(path, {columns[n].column for n in sized})
    values = values.apply(pd.to_numeric, errors="coerce")
    for name, variable in sized.items():
        column = values[columns[name].column]
        median = column.mask(column == MISSING).median()
        unit = next((u for least, u in _SIZES[variable] if median >= least), None)
        if unit:
            logger.warning("%s: %s read as %s, by its median of %g", path, name, unit, median)
            columns = columns | {name: ColumnSpec(column=columns[name].column, unit=unit)}
    return columns
