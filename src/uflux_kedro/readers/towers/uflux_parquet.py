"""Read the published UFLUX-ensemble training table: a parquet of tower months and predictors.

Sites are in the index level ``ID``; some names of predictors differ from those in its text, and it
states no units. Names are mapped here. The unit is found from the size of the values if it is
unambiguous (pressure in kPa, hPa or Pa differs by factors of ten and a hundred), else it is the
canonical one; ``towers.columns`` overrides both.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.readers.parameters import ColumnSpec, TowerParameters
from uflux_kedro.readers.towers.left_out import Losses
from uflux_kedro.readers.towers.parquet import read_parquet, read_schema
from uflux_kedro.readers.towers.tables import MISSING
from uflux_kedro.readers.towers.tidy import KEYS, read_tidy
from uflux_kedro.variables import FLUXES, SITE_PREDICTORS, flux_beside, variable_of

logger = logging.getLogger(__name__)

_RENAMED = {"SWIN": "SW_IN", "LWIN": "LW_IN", "SMC": "SWC", "EVI": "EVI2"}
"""EVI in the table is the two-band form: the predictor sets that use it are called EVI2."""

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
"""Variable -> least median and unit; below the last median the unit is the canonical one."""


def read_uflux_parquet(
    path: Path, parameters: TowerParameters, losses: Losses | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Read the published training table.

    Args:
        path: Parquet with sites in ``ID``, a time, ``Latitude``, ``IGBP``, fluxes and predictors.
        parameters: ``columns`` extends or overrides the names and units found here.
        losses: Takes the towers whose rows are invalid; None raises their error.

    Returns:
        Towers, sites and names without values, as of
        :func:`uflux_kedro.readers.towers.tidy.read_tidy`.

    Raises:
        InputError: If it is no parquet, or has no column for a key or for any flux.
    """
    columns = _with_units(path, columns_of(path, parameters), parameters.columns)
    return read_tidy(
        [path],
        columns,
        resolution=parameters.resolution,
        outside=parameters.outside,
        losses=losses,
    )


def columns_of(path: Path, parameters: TowerParameters) -> dict[str, ColumnSpec]:
    """Find the columns of the table by their names, those of ``parameters.columns`` first.

    Raises:
        InputError: If the file is no parquet, or a key has no column.
    """
    import pyarrow

    schema = read_schema(path)
    times = [f.name for f in schema if pyarrow.types.is_temporal(f.type)]
    times += [n for n in schema.names if n.lower() in _TIMES]
    found = {ours: ColumnSpec(column=n) for n in schema.names if (ours := _ours(n))}
    if times:
        found["time"] = ColumnSpec(column=times[0])
    columns = found | parameters.columns
    if missing := [k for k in KEYS if k not in columns]:
        raise InputError(
            path,
            ", ".join(missing),
            expected="a column for each",
            found=", ".join(schema.names),
            hint="Name the columns in towers.columns",
        )
    return columns


def _ours(name: str) -> str | None:
    """Return the canonical name of a column; None if unknown or computed from time and place."""
    if name in _WHOLE_NAMES:
        return _WHOLE_NAMES[name]
    if name in (*FLUXES, "IGBP", "CO2") or name.removesuffix("_QC") in FLUXES or flux_beside(name):
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
    """Add the units that follow from the size of the values."""
    named = {n: variable_of(n).name for n in columns if n not in given and "_" in n
             and not n.endswith(("_QC", "_id")) and not flux_beside(n)}  # fmt: skip
    sized = {n: variable for n, variable in named.items() if variable in _SIZES}
    values = read_parquet(path, {columns[n].column for n in sized})
    values = values.apply(pd.to_numeric, errors="coerce")
    for name, variable in sized.items():
        column = values[columns[name].column]
        median = column.mask(column == MISSING).median()
        unit = next((u for least, u in _SIZES[variable] if median >= least), None)
        if unit:
            logger.warning("%s: %s is read as %s, since its median is %g", path, name, unit, median)
            columns = columns | {name: ColumnSpec(column=columns[name].column, unit=unit)}
    return columns
