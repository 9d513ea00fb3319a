"""Convert units, as written in the files of sources, to canonical units."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from uflux_kedro.biophysics.constants import CARBON_MOLAR_MASS, CO2_MOLAR_MASS
from uflux_kedro.errors import InputError
from uflux_kedro.variables import Variable

if TYPE_CHECKING:
    import pint
else:
    import lazy_loader

    pint = lazy_loader.load("pint")


@cache
def registry() -> pint.UnitRegistry:
    """Return pint's units, with CF spelling (``W m-2``) and units of carbon and water fluxes.

    Carbon has its own dimension, so that gC is never taken for a mass of CO2 or water. A mass of
    water per square metre converts to a depth, at 1000 kg m-3.
    """
    units: pint.UnitRegistry = pint.UnitRegistry(preprocessors=[_spell_out])
    units.define("gC = [carbon]")
    units.define(f"molco = {CARBON_MOLAR_MASS} * gC")
    units.define(f"gco = {CARBON_MOLAR_MASS} / {CO2_MOLAR_MASS} * gC")
    units.define("fraction = 1")
    units.define("Celsius = degC")
    water = pint.Context("water")
    water.add_transformation("[mass]/[length]**2/[time]", "[length]/[time]", _depth_of_water)
    units.add_context(water)
    return units


def _depth_of_water(ureg: Any, value: Any, **_: Any) -> Any:
    return value / ureg.Quantity(1000, "kg/m**3")


def _spell_out(unit: str) -> str:
    """Change CF or udunits spelling to pint's: ``g C m-2 d-1`` to ``gC m**-2 d**-1``."""
    unit = re.sub(r"mol\s*CO2", "molco", unit)
    unit = re.sub(r"g\s*CO2\b", "gco", unit)
    unit = re.sub(r"\b([kmMTP]?)g C\b", r"\1gC", unit)
    unit = re.sub(r"\b(?:Fraction|proportion)\b", "fraction", unit)
    unit = re.sub(r"(?<=[A-Za-z0-9])\.(?=[A-Za-z])", " ", unit)
    return re.sub(r"(?<=[A-Za-z)])(?<![0-9][eE])(?=[-+]?[0-9])", "**", unit)


@cache
def conversion(unit: str, canonical: str) -> tuple[float, float]:
    """Return the factor and the offset that convert ``unit`` to ``canonical``.

    Raises:
        ValueError: If the unit is unknown or of another dimension.
    """
    units = registry()
    try:
        at_zero, at_one = (
            units.Quantity(np.array([0.0, 1.0]), unit).to(canonical, "water").magnitude
        )
    except pint.DimensionalityError as error:
        raise ValueError(str(error)) from error
    # pint raises many kinds of exceptions on a string that is no unit.
    except Exception as error:
        raise ValueError(f"unknown unit {unit!r}") from error
    return float(at_one - at_zero), float(at_zero)


def to_canonical(values: Any, unit: str, variable: Variable, where: str | Path) -> Any:
    """Convert values to the canonical unit of the variable; dask arrays stay lazy.

    Args:
        values: A number, a column or an array.
        unit: Unit of the values.
        variable: Variable of the values.
        where: File, for the message.

    Raises:
        InputError: If the unit does not convert to the canonical one.
    """
    try:
        factor, offset = conversion(unit.strip() or "1", variable.unit)
    except ValueError as error:
        raise InputError(
            where,
            variable.name,
            expected=f"a unit that converts to {variable.unit}",
            found=f"{unit!r} ({error})",
        ) from error
    return values if (factor, offset) == (1.0, 0.0) else values * factor + offset
