"""Read gridded fluxes of other products from CF netCDF, with canonical units, times and signs.

A carbon flux in ``kg m-2 s-1`` may be carbon, CO2 or dry matter; the attributes of the file decide.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.readers.grids.cubes import open_source
from uflux_kedro.readers.grids.grid_source import GridSource
from uflux_kedro.readers.grids.guards import open_netcdf
from uflux_kedro.readers.grids.kinds import lengths_of_periods
from uflux_kedro.readers.grids.periods import Step
from uflux_kedro.variables import VARIABLES

_MONTH = np.timedelta64(31, "D")
_STEPS: tuple[Step, ...] = ("month", "8 days", "day", "6 hours", "3 hours", "hour")
_CARBON = "gC m-2 d-1"
_MASS = re.compile(r"\b(k|m|u|M|T|P)?g\b(?!\s*(C|CO2)\b)")
_MOLES = re.compile(r"\b(u|µ|μ|m|n|micro)?mol\b(?!\s*CO2)")
_SAYS_CARBON = re.compile(
    r"mass[_ ]of[_ ]carbon|carbon[_ ](mass[_ ])?flux|\bcarbon\b|\bC m-2\b",
    re.IGNORECASE,
)
_SAYS_OTHER = re.compile(
    r"carbon[_ -]*dioxide|\bCO2\b|dry[_ ](matter|mass)|biomass",
    re.IGNORECASE,
)


def read_peer(
    paths: Sequence[Path],
    variable: str,
    name: str,
    *,
    unit: str | None = None,
    sign: int = 1,
) -> xr.Dataset:
    """Read one flux of another product.

    Args:
        paths: Its netCDF files; the record may be split by years.
        variable: The flux: GPP, RECO, NEE, H or LE.
        name: Its name in the files.
        unit: Unit in the files, if they declare none or a wrong one.
        sign: -1 if the files count in the other direction, as for net ecosystem productivity.

    Returns:
        Lazy cube (time, latitude, longitude) of the flux with its canonical name and unit, and
        ``time_bnds``; periods are those of the files, months or shorter.

    Raises:
        InputError: If a file is no netCDF or has no such variable, periods are longer than
            months, the unit does not convert, or values are out of physical bounds.
    """
    first = open_netcdf(paths[0])
    if name not in first.data_vars:
        raise InputError(
            paths[0],
            name,
            expected="a variable of that name",
            found=f"the variables {', '.join(map(str, first.data_vars)) or 'none'}",
        )
    attributes = {k: str(v) for k, v in first[name].attrs.items()}
    declared = attributes.get("units", "").strip()
    read_as = unit or declared
    if VARIABLES[variable].unit == _CARBON:
        read_as = _carbon_unit(read_as, attributes, paths[0], name)
    if re.search(r"\bmon(th)?\b", read_as):
        raise InputError(
            paths[0],
            name,
            expected="a rate per second, day or year",
            found=repr(read_as),
            hint="Divide by the days of each month first, since months differ in length",
        )
    source = GridSource(
        f"peer {variable}",
        {name: variable},
        (variable,),
        units={declared: read_as},
        gaps=True,
        future=True,
    )
    cube = open_source(paths, *(replace(source, step=step) for step in _STEPS))
    _refuse_long_periods(paths[0], first, cube)
    flux = cube[variable]
    return cube if sign == 1 else cube.assign({variable: (flux * sign).assign_attrs(flux.attrs)})


def _carbon_unit(unit: str, attributes: dict[str, str], path: Path, name: str) -> str:
    """Return the unit with the substance of its mass or moles: gC or mol CO2."""
    unit = _MOLES.sub(lambda m: f"{m.group(0)} CO2", unit)
    if not _MASS.search(unit):
        return unit
    names = ("standard_name", "long_name", "comment")
    if not _is_of_carbon(" ".join(attributes.get(k, "") for k in names)):
        raise InputError(
            path,
            name,
            expected="a unit with the substance, such as kgC m-2 s-1",
            found=repr(unit),
            hint="Set the unit in reporting.peers: {variable: ..., unit: kgC m-2 s-1}",
        )
    return _MASS.sub(lambda m: f"{m.group(0)}C", unit)


def _is_of_carbon(words: str) -> bool:
    """Return whether the attributes of a file say that a mass is carbon.

    CF standard names may mention biomass or CO2 and then what it is expressed as, which decides.
    """
    expressed = re.search(r"expressed[_ ]as[_ ](carbon([_ ]dioxide)?)", words, re.IGNORECASE)
    if expressed:
        return expressed[2] is None
    return bool(_SAYS_CARBON.search(words)) and not _SAYS_OTHER.search(words)


def _refuse_long_periods(path: Path, first: xr.Dataset, cube: xr.Dataset) -> None:
    """Raise InputError for years and seasons, which would be read as their first months."""
    steps = np.diff(cube["time"].to_numpy())
    shortest = [steps.min()] if steps.size else []
    longest = max([*shortest, *lengths_of_periods(first)], default=_MONTH)
    if longest > _MONTH:
        days = longest / np.timedelta64(1, "D")
        raise InputError(path, "time", expected="months or shorter", found=f"{days:g} days")
