"""Predictors, made by the same functions for a table of towers and for a cube.

A place and month thus have the same numbers in ``training_table`` and in ``drivers``, under the
same names: ``SOURCE_VARIABLE`` (``ERA5_TA``, ``MODIS_NIRv``), and ``IGBP``, ``Latitude``,
``DoY_sin``, ``DoY_cos``, ``Year``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.features.carry_over import (
    carry_over_names,
)
from uflux_kedro.features.parameters import CarryOverParameters
from uflux_kedro.lazy import pd, xr
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.paths import Paths
from uflux_kedro.variables import SITE_PREDICTORS, VARIABLES, variable_of

logger = logging.getLogger(__name__)


LAND_COVER, CO2 = "IGBP", "CO2"
"""Sources that are no predictors of their own: the land cover map and the CO2 record."""


class _Derivation(NamedTuple):
    """A variable, what it needs, and the formula's arguments in that order."""

    variable: str
    needs: tuple[str, ...]
    formula: Callable[..., Any]


def _derivations() -> tuple[_Derivation, ...]:
    # The formulas bring xarray with them, which naming a predictor must not wait for.
    from uflux_kedro.biophysics.pmodel import iwue
    from uflux_kedro.biophysics.vapour_pressure import (
        vpd_from_dewpoint,
        vpd_from_specific_humidity,
    )
    from uflux_kedro.biophysics.vegetation_indices import evi2, ndvi, nirv

    return (
        _Derivation("NDVI", ("NIR", "RED"), ndvi),
        _Derivation("EVI2", ("NIR", "RED"), evi2),
        _Derivation("NIRv", ("NIR", "RED"), nirv),
        _Derivation("VPD", ("TA", "TD"), vpd_from_dewpoint),
        _Derivation("VPD", ("TA", "QV", "PA"), vpd_from_specific_humidity),
        _Derivation("iWUE", ("TA", "VPD", "PA", "CO2"), iwue),
    )


def derive_predictors(
    data: Any, prefix: str = "", co2: xr.DataArray | pd.Series | None = None
) -> Any:
    """Add NDVI, EVI2, NIRv, VPD and iWUE where a source has what they need and not them.

    Args:
        data: A source's cube, or a table with its columns; canonical units.
        prefix: Source whose names are ``<prefix>_<variable>``; empty for a cube's own names.
        co2: CO2 of the same months, umol mol-1; None takes ``CO2`` from ``data`` if it is there.

    Returns:
        The same kind of data with the new variables, lazily where the inputs are lazy.
    """
    for variable, needs, formula in _derivations():
        inputs = {n: _input(data, n, prefix, co2) for n in needs}
        name = _named(variable, prefix)
        if name in data or any(values is None for values in inputs.values()):
            continue
        if isinstance(data, pd.DataFrame):
            values = formula(**{n: column.to_numpy() for n, column in inputs.items()})
        else:
            values = formula(**inputs).astype("float32").transpose(*inputs[needs[0]].dims)
            values.attrs = VARIABLES[variable].cf_attributes()
        data = data.assign(**{name: values})
    return data


def _named(variable: str, prefix: str) -> str:
    return f"{prefix}_{variable}" if prefix else variable


def _input(data: Any, variable: str, prefix: str, co2: Any) -> Any:
    """Values of a source's variable, or of the CO2 that all sources share; None if absent."""
    if _named(variable, prefix) in data:
        return data[_named(variable, prefix)]
    if variable == CO2:
        return data.get(CO2) if co2 is None else co2
    return None


def offered_by_table(
    path: Paths,
    parameters: TowerParameters,
    carry_over: CarryOverParameters | None = None,
) -> set[str]:
    """Fluxes and predictors that tower files offer without grids, derived ones included.

    Args:
        path: As for :func:`uflux_kedro.readers.towers.offered.offered_columns`.
        parameters: How the towers are read.
        carry_over: As for :func:`build_training_table`.

    Returns:
        Names of the columns that the files offer, and of what is derived from them.

    Raises:
        InputError: If no file is of towers, a file is damaged, or a table lacks a key column.
    """
    from uflux_kedro.readers.towers.offered import offered_columns

    offered = offered_columns(path, parameters)
    for prefix in {_prefix(name) for name in offered} - {""}:
        for variable, needs, _ in _derivations():
            if all(f"{prefix}_{n}" in offered or (n == CO2 and CO2 in offered) for n in needs):
                offered.add(f"{prefix}_{variable}")
    if carry_over is not None:
        offered.update(carry_over_names(carry_over, offered))
    return offered | set(SITE_PREDICTORS)


def _prefix(column: str) -> str:
    """Source of a predictor's column; empty for any other column."""
    if column in VARIABLES or column.endswith("_QC"):
        return ""
    try:
        variable = variable_of(column).name
    except ConfigurationError:
        return ""
    return column.removesuffix(f"_{variable}")
