"""CF-1.11 attributes and provenance of products, and netCDF files that are complete or absent."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.files import replacing
from uflux_kedro.gridding.cells import cell_area, cell_bounds
from uflux_kedro.installed import version_of
from uflux_kedro.origins import from_collections, references_of
from uflux_kedro.simulated import SOME_TOWERS, TOWERS, marked, notice, titled
from uflux_kedro.variables import CF_UNITS

FILL_VALUE = np.float32(-9999)

_PLACE = {"latitude", "longitude", "y", "x"}
_STACKED = {"realization", "quantile"}
_WGS84 = "EPSG:4326"
_CHUNK = 1024
"""Longest edge of a chunk of a file."""

_LIBRARIES = ("uflux_kedro", "numpy", "xarray", "scikit-learn", "xgboost")
_TIME = {
    "standard_name": "time",
    "long_name": "start of the period",
    "axis": "T",
    "units_metadata": "leap_seconds: none",
}
_DEGREES = {
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
_PROJECTED = {
    name: {
        "standard_name": f"projection_{name}_coordinate",
        "long_name": f"{name} of the projection",
        "units": "m",
        "axis": name.upper(),
    }
    for name in ("y", "x")
}
_NO_REFERENCES = "none: the towers are simulated"


def finish_product(
    dataset: xr.Dataset,
    *,
    title: str,
    members: Sequence[str],
    parameters: Mapping[str, Any],
    checksums: Mapping[str, str],
    institution: str = "not stated",
    history: str | None = None,
    collections: tuple[str, ...] = (),
    simulated: str = "",
) -> xr.Dataset:
    """Add CF attributes and provenance to a product.

    No time stamp is written, so that the same input gives the same product; pass a ``history`` to
    include one.

    Args:
        dataset: Fields of one flux, or none yet, with ``time``, ``time_bnds`` and ``latitude``,
            ``longitude``, or ``y``, ``x`` with ``attrs["crs"]``.
        title: Title of the product, one line.
        members: Names of the members that made it.
        parameters: Settings that it was made with, as JSON can hold them.
        checksums: Input -> SHA-256.
        institution: Institution that made it.
        history: CF's audit trail; None for one without a time stamp.
        collections: Collections that the towers come from, which CF's references name; none if
            unknown.
        simulated: Mark of simulated data of towers and drivers; empty for measured ones. Title,
            source and comment say so, and simulated towers have no references.

    Returns:
        The same data with global attributes, attributes and bounds of the coordinates, the grid
        mapping ``crs``, areas of cells on degrees, and CF units.

    Raises:
        InputError: If a coordinate or ``time_bnds`` is missing.
    """
    axes = _PROJECTED if "x" in dataset.dims else _DEGREES
    for name in ("time", *axes, "time_bnds"):
        if name not in dataset.variables:
            raise InputError(
                "product",
                name,
                expected="a variable of that name",
                found=f"the variables {', '.join(map(str, dataset.variables))}",
            )
    product = dataset.copy()
    product["time"].attrs = {**_TIME, "bounds": "time_bnds"}
    for axis, attributes in axes.items():
        product[axis].attrs = dict(attributes)
    crs = dataset.attrs["crs"] if axes is _PROJECTED else _WGS84
    product["crs"] = ((), np.int32(0), _grid_mapping(crs))
    if axes is _DEGREES:
        for name in axes:
            product[name].attrs["bounds"] = f"{name}_bnds"
            product[f"{name}_bnds"] = ((name, "bnds"), cell_bounds(product[name]))
        product["cell_area"] = cell_area(product)
    for field in product.data_vars.values():
        if {"time", *axes} <= set(field.dims):
            field.attrs = field_attributes(field.attrs, list(axes))
    versions = {"python": platform.python_version(), **{n: version_of(n) for n in _LIBRARIES}}
    made_with = f"uflux_kedro {versions['uflux_kedro']}"
    towers = {TOWERS: "simulated towers", SOME_TOWERS: "towers, some of them simulated"}
    kind = next((towers[name] for name in simulated.split(", ") if name in towers), "")
    product.attrs = {
        "Conventions": "CF-1.11",
        "title": titled(title, simulated),
        "institution": institution,
        "source": f"{made_with}: {len(members)} models trained on {kind or 'eddy-covariance towers'}",
        "history": history or f"{made_with}: predicted by each member, then averaged",
        "references": _NO_REFERENCES if kind == towers[TOWERS] else references_of(collections),
        **({"comment": notice(simulated)} if simulated else {}),
        **marked(simulated),
        **from_collections(*collections),
        "members": ", ".join(members),
        "parameters": json.dumps(parameters, sort_keys=True, default=str),
        "software_versions": json.dumps(versions, sort_keys=True),
        "input_checksums": json.dumps(checksums, sort_keys=True),
    }
    return product


def field_attributes(attributes: Mapping[str, Any], axes: Sequence[str]) -> dict[str, Any]:
    """Return a field's attributes with CF units, and those that refer to its grid.

    Args:
        attributes: The field's own, with the canonical unit.
        axes: Axes of the grid.
    """
    found = dict(attributes)
    if found.get("units") in CF_UNITS:
        found |= {"units": CF_UNITS[found["units"]], "comment": "mass of carbon"}
    area = {} if "x" in axes else {"cell_measures": "area: cell_area"}
    return found | {"grid_mapping": "crs"} | area


def _grid_mapping(crs: str) -> dict[str, Any]:
    from pyproj import CRS

    return {k: v for k, v in CRS.from_user_input(crs).to_cf().items() if v is not None}


def write_netcdf(dataset: xr.Dataset, path: Path | str) -> None:
    """Write a netCDF-4 file: float32, compressed, one map per chunk.

    Fields are read and written chunk by chunk, so that memory does not grow with them. Time is the
    first dimension, without which CDO skips a variable. Members are numbered from 1 along
    ``realization``, whose ``flag_meanings`` are their names.

    Args:
        dataset: The product, lazily or in memory.
        path: The file. An existing one is replaced when the new one is complete.
    """
    import netCDF4

    dataset = _in_order(_levels(_numbered(dataset.drop_encoding())))
    dated = {"units": "days since 1970-01-01", "calendar": "standard", "dtype": "float64"}
    fields = [
        str(name)
        for name, field in dataset.data_vars.items()
        if "time" in field.dims and len(_PLACE & set(field.dims)) == 2
    ]
    # In memory: the threads of dask would write chunks in an order that changes from run to run.
    rest = dataset.drop_vars(fields).compute()
    encoding: dict[str, dict[str, Any]] = {}
    for key, variable in rest.variables.items():
        if np.issubdtype(variable.dtype, np.datetime64):
            encoding[str(key)] = {**dated, "_FillValue": None}
        elif variable.dtype.kind == "f":
            encoding[str(key)] = {"_FillValue": None, "zlib": variable.ndim > 1}
    with replacing(path) as temporary:
        rest.to_netcdf(temporary, engine="netcdf4", format="NETCDF4", encoding=encoding)
        with netCDF4.Dataset(temporary, "a") as file:
            for dim in sorted(map(str, set(dataset.sizes) - set(file.dimensions))):
                file.createDimension(dim, dataset.sizes[dim])
            for field in fields:
                _write_field(file, dataset[field])


def _numbered(dataset: xr.Dataset) -> xr.Dataset:
    """Return the dataset with its members numbered along the dimension ``realization``.

    Names along a dimension would be an auxiliary coordinate of characters, of which CDO warns. As
    CF's flags they are attributes of the numbers.
    """
    if "member" not in dataset.dims:
        return dataset
    numbers = np.arange(1, dataset.sizes["member"] + 1, dtype="int32")
    attributes: dict[str, Any] = {
        "standard_name": "realization",
        "long_name": "member of the ensemble",
        "units": "1",
    }
    if "member" in dataset.coords:
        names = " ".join(map(str, dataset["member"].to_numpy()))
        attributes |= {"flag_values": numbers, "flag_meanings": names}
    dataset = dataset.drop_vars("member", errors="ignore").rename_dims(member="realization")
    return dataset.assign_coords(realization=("realization", numbers, attributes))


def _levels(dataset: xr.Dataset) -> xr.Dataset:
    """Return the dataset with realizations and quantiles as levels that rise upwards.

    CDO needs time before them; then GDAL, when it opens a field, and checkers of CF's recommended
    order (time, vertical, latitude, longitude) warn of a dimension that is not vertical.
    """
    marked = {n: dataset[n].assign_attrs(positive="up") for n in _STACKED & set(dataset.coords)}
    return dataset.assign_coords(marked)


def _in_order(dataset: xr.Dataset) -> xr.Dataset:
    """Return the dataset with its variables sorted by name, time as their first dimension.

    A Zarr store lists its arrays in any order, and the file's bytes must not follow it.
    """
    dataset = dataset.transpose("time", ..., missing_dims="ignore")
    fields = {name: dataset[name].variable for name in sorted(map(str, dataset.data_vars))}
    places = {name: dataset[name].variable for name in sorted(map(str, dataset.coords))}
    return xr.Dataset(fields, places, dataset.attrs)


def _write_field(file: Any, field: xr.DataArray) -> None:
    """Write one field map by map, and larger maps chunk by chunk."""
    sizes = [min(n, _CHUNK) if d in _PLACE else 1 for d, n in field.sizes.items()]
    real = field.dtype.kind == "f"
    variable = file.createVariable(
        field.name,
        "f4" if real else field.dtype,
        field.dims,
        compression="zlib",
        complevel=4,
        shuffle=True,
        chunksizes=sizes,
        fill_value=FILL_VALUE if real else False,
    )
    attrs = dict(field.attrs)
    if "flag_masks" in attrs:  # a store's attributes are JSON, without integer types
        attrs["flag_masks"] = np.asarray(attrs["flag_masks"], dtype=field.dtype)
    variable.setncatts(attrs)
    counts = (range(-(-n // size)) for n, size in zip(field.shape, sizes, strict=True))
    for place in product(*counts):
        inside = tuple(slice(i * n, (i + 1) * n) for i, n in zip(place, sizes, strict=True))
        values = field[inside].to_numpy()
        variable[inside] = np.where(np.isnan(values), FILL_VALUE, values) if real else values
