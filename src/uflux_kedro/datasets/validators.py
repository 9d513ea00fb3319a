"""Validators of the catalog, which check cubes and tables when they are saved.

Readers check their own files; these checks also cover data from any other node, such as your own.
"""

from __future__ import annotations

import numpy as np
import pandera.pandas as pa
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.variables import VARIABLES, Variable


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


def _bounded(variable: Variable) -> pa.Column:
    """Return the check of a variable's bounds, for each source: TA, ERA5_TA, CFSV2_TA."""
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
"""Schema of the tables of towers, and of the training table made from them."""
