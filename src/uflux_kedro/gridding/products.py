"""Finished products: CF-1.11 attributes, provenance, and netCDF files that are whole or absent."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.files import replacing
from uflux_kedro.gridding.statistics import cell_bounds

FILL_VALUE = np.float32(-9999)

_LIBRARIES = ("uflux_kedro", "numpy", "xarray", "scikit-learn", "xgboost")
_COORDINATES = {
    "time": {
        "standard_name": "time",
        "long_name": "start of the period",
        "axis": "T",
        "units_metadata": "leap_seconds: none",
    },
    "latitude": {
        "standard_name": "latitude",
        "long_name": "latitude",
        "units": "degrees_north",
        "axis": "Y",
    },
    "longitude": {
        "standard_name": "longitude",
        "long_name": "longitude",
        "units": "degrees_east",
        "axis": "X",
    },
}
# UDUNITS, which CF asks for, has no "gC": that the mass is carbon stands in the standard name.
_CF_UNITS = {"gC m-2 d-1": "g m-2 d-1"}
_REFERENCES = "Flux-tower data: FLUXNET2015, https://doi.org/10.1038/s41597-020-0534-3"


def finish_product(
    dataset: xr.Dataset,
    *,
    title: str,
    members: Sequence[str],
    parameters: Mapping[str, Any],
    checksums: Mapping[str, str],
    institution: str = "not stated",
    history: str | None = None,
    references: str = _REFERENCES,
) -> xr.Dataset:
    """Give a cube what CF asks for and what tells how it was made.

    No time of day is written, so that the same input gives the same product; pass a ``history``
    to have one.

    Args:
        dataset: Fields of one flux with ``time``, ``latitude``, ``longitude``, ``time_bnds``.
        title: What the product is, in a line.
        members: Names of the members that made it.
        parameters: Settings that it was made with; whatever JSON can hold.
        checksums: Input -> SHA-256.
        institution: Who made it.
        history: Audit trail, as CF has it.
        references: Where its making is described.

    Returns:
        The same data with global attributes, attributes and bounds of the coordinates, and CF
        units.

    Raises:
        InputError: If a coordinate or ``time_bnds`` is missing.
    """
    for name in (*_COORDINATES, "time_bnds"):
        if name not in dataset.variables:
            raise InputError(
                "product",
                name,
                expected="a variable of that name",
                found=f"the variables {', '.join(map(str, dataset.variables))}",
            )
    product = dataset.copy()
    for name, attributes in _COORDINATES.items():
        product[name].attrs = {**attributes, "bounds": f"{name}_bnds"}
    for name in ("latitude", "longitude"):
        product[f"{name}_bnds"] = ((name, "bnds"), cell_bounds(product[name]))
    for field in product.data_vars.values():
        unit = field.attrs.get("units")
        if unit in _CF_UNITS:
            field.attrs |= {"units": _CF_UNITS[unit], "comment": "mass of carbon"}
    versions = {"python": platform.python_version(), **{n: metadata.version(n) for n in _LIBRARIES}}
    made_with = f"uflux_kedro {versions['uflux_kedro']}"
    product.attrs = {
        "Conventions": "CF-1.11",
        "title": title,
        "institution": institution,
        "source": f"{made_with}: {len(members)} models trained on eddy-covariance towers",
        "history": history or f"{made_with}: predicted by each member, then averaged",
        "references": references,
        "members": ", ".join(members),
        "parameters": json.dumps(parameters, sort_keys=True, default=str),
        "software_versions": json.dumps(versions, sort_keys=True),
        "input_checksums": json.dumps(checksums, sort_keys=True),
    }
    return product


def write_netcdf(dataset: xr.Dataset, path: Path | str) -> None:
    """Write a netCDF-4 file: float32, compressed, one map a chunk.

    CF wants numbers along a dimension, so names that stand there (``member``) become the
    auxiliary coordinate ``member_name``.

    Args:
        dataset: The product; dask arrays are written chunk by chunk.
        path: The file. It is replaced when the new one is complete, and not before.
    """
    dataset = dataset.drop_encoding()
    for dim in [str(d) for d, index in dataset.indexes.items() if index.dtype.kind in "OUT"]:
        dataset = dataset.reset_index(dim).rename_vars({dim: f"{dim}_name"})
    dated = {"units": "days since 1970-01-01", "calendar": "standard", "dtype": "float64"}
    encoding: dict[str, dict[str, Any]] = {}
    for key, variable in dataset.variables.items():
        name = str(key)
        if np.issubdtype(variable.dtype, np.datetime64):
            encoding[name] = {**dated, "_FillValue": None}
        elif {"latitude", "longitude"} <= set(variable.dims):
            encoding[name] = _field_encoding(variable)
        elif variable.dtype.kind == "f":
            encoding[name] = {"_FillValue": None}
    with replacing(path) as temporary:
        dataset.to_netcdf(temporary, engine="netcdf4", format="NETCDF4", encoding=encoding)


def _field_encoding(variable: xr.Variable) -> dict[str, Any]:
    whole = ("latitude", "longitude")
    encoding: dict[str, Any] = {
        "zlib": True,
        "complevel": 4,
        "shuffle": True,
        "chunksizes": tuple(
            min(size, 1024) if dim in whole else 1 for dim, size in variable.sizes.items()
        ),
    }
    if variable.dtype.kind == "f":
        encoding |= {"dtype": "float32", "_FillValue": FILL_VALUE}
    return encoding
