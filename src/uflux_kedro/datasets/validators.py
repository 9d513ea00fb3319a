"""What passes between the pipelines, checked by the catalog as it is saved.

A reader checks its own file; these hold whatever wrote the dataset, a user's own node included.
"""

from __future__ import annotations

import pandera.pandas as pa
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.variables import VARIABLES, Variable


def check_cube(cube: xr.Dataset) -> None:
    """Refuse a cube whose axes or variables are not canonical.

    Nothing lazy is computed: the values were checked where they were read.

    Raises:
        InputError: Naming the axis or the variable.
    """
    where = str(cube.attrs.get("title") or cube.attrs.get("source") or "cube")
    for axis, (lowest, highest) in {"latitude": (-90, 90), "longitude": (-180, 180)}.items():
        if axis not in cube.dims:
            continue  # a record without place, such as CO2
        if axis not in cube.coords:
            raise InputError(where, axis, expected="a coordinate of that name", found="none")
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
        if not index.is_monotonic_increasing or not index.is_unique:
            raise InputError(where, "time", expected="ascending, each once", found="otherwise")
        if "time_bnds" not in cube.variables:
            raise InputError(where, "time_bnds", expected="bounds of each period", found="none")


def _bounded(variable: Variable) -> pa.Column:
    """Every column of a variable, whichever source gives it: TA, ERA5_TA, CFSV2_TA."""
    return pa.Column(
        checks=pa.Check.between(
            variable.lower,
            variable.upper,
            error=f"{variable.name} within {variable.lower:g} to {variable.upper:g} {variable.unit}",
        ),
        nullable=True,
        required=False,
        regex=True,
    )


TOWERS = pa.DataFrameSchema(
    {
        "site_id": pa.Column(str),
        "time": pa.Column("datetime64"),
        r"^.+_QC$": pa.Column(
            float, pa.Check.between(0, 1), nullable=True, required=False, regex=True
        ),
        **{rf"^([A-Za-z0-9]+_)?{v.name}$": _bounded(v) for v in VARIABLES.values()},
    },
    unique=["site_id", "time"],
    name="towers",
)
"""Towers, and the training table that is made of them."""
