"""Validators of the catalog, which check cubes and tables when they are saved.

Readers check their own files; these checks also cover data from any other node, such as your own.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
import pandera.pandas as pa
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.variables import (
    BESIDE_A_FLUX,
    FLUXES,
    VARIABLES,
    Variable,
    bounds_of_step,
)

_Step = Literal["month", "day"]


def check_cube(cube: xr.Dataset) -> None:
    """Check that the axes of a cube are canonical.

    Lazy values are not computed: the readers check them.

    Raises:
        InputError: If an axis has no coordinate, is not ascending or is out of range, or if
            ``time_bnds`` is missing.
    """
    where = str(cube.attrs.get("title") or cube.attrs.get("source") or "cube")
    for axis, (lowest, highest) in {"latitude": (-90, 90), "longitude": (-180, 180)}.items():
        if axis not in cube.dims:
            continue  # a record without place, such as CO2
        if axis not in cube.coords:
            raise InputError(
                where, axis, expected="a coordinate of that name", found="a dimension without one"
            )
        index = cube.indexes[axis]
        if not index.is_monotonic_increasing or index[0] < lowest or index[-1] > highest:
            raise InputError(
                where,
                axis,
                expected=f"ascending degrees within {lowest} to {highest}",
                found=f"{index[0]:g} to {index[-1]:g}",
            )
    if "time" in cube.dims:
        index = cube.indexes["time"]
        disorder = np.flatnonzero(index[1:] <= index[:-1])
        if disorder.size:
            at = disorder[0]
            raise InputError(
                where,
                "time",
                expected="ascending periods, each once",
                found=f"{index[at + 1]} after {index[at]}",
            )
        if "time_bnds" not in cube.variables:
            raise InputError(
                where, "time_bnds", expected="bounds of each period", found="no such variable"
            )


def _bounded(variable: Variable, step: _Step) -> pa.Column:
    """Return the check of a variable's bounds, for each source: TA, ERA5_TA, CFSV2_TA."""
    limits = bounds_of_step(variable.name, step)
    return _between(*limits, f"{variable.name} within", variable.unit)


def _beside(flux: Variable, step: _Step) -> dict[str, pa.Column]:
    """Return the checks of the columns beside a flux, such as GPP_DT and GPP_RANDUNC."""
    names = [f"{flux.name}_{ending}" for ending in BESIDE_A_FLUX]
    return {
        f"^{name}$": _between(*bounds_of_step(name, step), f"{name} within", flux.unit)
        for name in names
    }


def _between(lower: float, upper: float, what: str, unit: str) -> pa.Column:
    return pa.Column(
        checks=pa.Check.between(lower, upper, error=f"{what} {lower:g} to {upper:g} {unit}"),
        nullable=True,
        required=False,
        regex=True,
    )


def _schema(step: _Step) -> pa.DataFrameSchema:
    """Return the checks of a table of towers by months or by days."""
    columns = {
        "site_id": pa.Column(str),
        "time": pa.Column("datetime64"),
        r"^.+_QC$": pa.Column(
            checks=[pa.Check(pd.api.types.is_float_dtype, error="numbers"), pa.Check.between(0, 1)],
            nullable=True,
            required=False,
            regex=True,
        ),
        **{rf"^([A-Za-z0-9]+_)?{v.name}$": _bounded(v, step) for v in VARIABLES.values()},
        **{name: check for f in FLUXES for name, check in _beside(VARIABLES[f], step).items()},
    }
    return pa.DataFrameSchema(columns, unique=["site_id", "time"], name="towers")


class _TowersSchema(pa.DataFrameSchema):
    """Checks of a table of towers; those of days, which its ``attrs`` tell, have wider bounds."""

    def validate(self, check_obj: pd.DataFrame, *args: Any, **kwargs: Any) -> pd.DataFrame:
        """Check a table; see :meth:`pandera.pandas.DataFrameSchema.validate`."""
        schema = _DAYS if check_obj.attrs.get("resolution") == "DD" else _MONTHS
        return schema.validate(check_obj, *args, **kwargs)  # pandera looks up the plain class


_MONTHS, _DAYS = _schema("month"), _schema("day")

TOWERS = _TowersSchema(_MONTHS.columns, unique=_MONTHS.unique, name=_MONTHS.name)
"""Schema of the tables of towers, and of the training table made from them."""
