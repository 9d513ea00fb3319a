"""Derived predictors, computed by the same functions for a table of towers and for a cube.

A place and month therefore have the same numbers in ``training_table`` and in ``drivers``, under
the same names: ``SOURCE_VARIABLE`` (``ERA5_TA``, ``MODIS_NIRv``), and ``IGBP``, ``Latitude``,
``DoY_sin``, ``DoY_cos``, ``Year``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from uflux_kedro.features.antecedent import antecedent_names
from uflux_kedro.features.carry_over import carry_over_names
from uflux_kedro.features.parameters import CarryOverParameters
from uflux_kedro.lazy import pd, xr
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.paths import Paths
from uflux_kedro.variables import SITE_PREDICTORS, VARIABLES, parse_predictor, predictor_name

LAND_COVER, CO2 = "IGBP", "CO2"
"""Inputs without a prefix of their own: the land cover map and the CO2 record."""


class _Derivation(NamedTuple):
    """How a variable is derived.

    Attributes:
        variable: Canonical name.
        needs: Variables that the formula takes, in the order of its arguments.
        formula: The function.
    """

    variable: str
    needs: tuple[str, ...]
    formula: Callable[..., Any]


def _derivations() -> tuple[_Derivation, ...]:
    # Imported here because the formulas import xarray, which is slow.
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
    """Add NDVI, EVI2, NIRv, VPD and iWUE where their inputs are present and they are absent.

    Args:
        data: A source's cube, or a table with its columns; canonical units.
        prefix: Source in names of the form ``<prefix>_<variable>``; empty for bare names.
        co2: CO2 of the same months, umol mol-1; None uses ``CO2`` of ``data`` if present.

    Returns:
        Data of the same kind with the new variables; lazy where the inputs are lazy.
    """
    for variable, needs, formula in _derivations():
        inputs = {n: _input(data, n, prefix, co2) for n in needs}
        name = predictor_name(prefix, variable)
        if name in data or any(values is None for values in inputs.values()):
            continue
        if isinstance(data, pd.DataFrame):
            values = formula(**{n: column.to_numpy() for n, column in inputs.items()})
        else:
            values = formula(**inputs).astype("float32").transpose(*inputs[needs[0]].dims)
            values.attrs = VARIABLES[variable].cf_attributes()
        data = data.assign(**{name: values})
    return data


def _input(data: Any, variable: str, prefix: str, co2: Any) -> Any:
    """Return a source's variable, or the CO2 that all sources share; None if absent."""
    name = predictor_name(prefix, variable)
    if name in data:
        return data[name]
    if variable == CO2:
        return data.get(CO2) if co2 is None else co2
    return None


def offered_by_table(
    path: Paths,
    parameters: TowerParameters,
    carry_over: CarryOverParameters | None = None,
) -> set[str]:
    """Return the fluxes and predictors that tower files provide, derived ones included.

    Args:
        path: A file, a folder, or several of them.
        parameters: How the towers are read.
        carry_over: Inputs of the carry-over predictors, as for
            :func:`uflux_kedro.features.training_table.build_training_table`.

    Returns:
        Names of the columns that the files have, and names that can be derived from them.

    Raises:
        InputError: If no file is of towers, a file is damaged, or a table has no column for a key.
    """
    from uflux_kedro.readers.towers.offered import offered_columns
    from uflux_kedro.readers.towers.vegetation.join import offered_vegetation

    offered = offered_columns(path, parameters) | offered_vegetation(parameters)
    for prefix in {parse_predictor(name)[0] for name in offered} - {""}:
        for variable, needs, _ in _derivations():
            if all(f"{prefix}_{n}" in offered or (n == CO2 and CO2 in offered) for n in needs):
                offered.add(f"{prefix}_{variable}")
    if carry_over is not None and parameters.resolution == "MM":  # carried over from months alone
        offered.update(carry_over_names(carry_over, offered))
    if parameters.resolution == "DD":
        offered |= antecedent_names(offered)
    return offered | set(SITE_PREDICTORS)
