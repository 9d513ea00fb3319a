"""Products derived from others: evapotranspiration and water-use efficiency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import xarray as xr

from uflux_kedro.biophysics.evapotranspiration import evapotranspiration_from_le
from uflux_kedro.errors import InputError
from uflux_kedro.origins import collections_of
from uflux_kedro.products.cf import finish_product
from uflux_kedro.simulated import mark_of
from uflux_kedro.variables import VARIABLES

LEAST_ET = 0.1
"""mm d-1; below it the ratio of two small numbers is meaningless."""

_PREFIXES = {
    "": "",
    "_std": "standard deviation over the members: ",
    "_member": "of each member: ",
}
"""Suffix of a field -> prefix of its long name."""

_BOUNDS = ("lower", "upper")


def air_temperature(drivers: xr.Dataset, predictors: Iterable[str]) -> xr.DataArray:
    """Return the air temperature that the members use.

    Args:
        drivers: Predictors on the products' cells.
        predictors: Predictors of the members. The first air temperature among them is taken, or
            the first one in the drivers if the members use none.

    Raises:
        InputError: If the drivers have no air temperature.
    """
    for name in [*predictors, *sorted(map(str, drivers.data_vars))]:
        if name.endswith("_TA") and name in drivers:
            return drivers[name]
    raise InputError(
        "drivers",
        "TA",
        expected="the air temperature of a source, such as ERA5_TA",
        found=f"the variables {', '.join(map(str, drivers.data_vars))}",
        hint="Remove ET and WUE from inference.derived",
    )


def evapotranspiration(latent: xr.Dataset, temperature: xr.DataArray) -> xr.Dataset:
    """Return evapotranspiration from a product of LE and the latent heat of vaporisation.

    Args:
        latent: Finished product of LE, W m-2.
        temperature: Air temperature on its cells and periods, degC; further periods are ignored.

    Returns:
        ``ET`` in mm d-1, with ``ET_std``, ``ET_member``, ``ET_lower``, ``ET_upper`` and
        ``ET_completeness`` where LE has them, lazily. NaN where LE or the temperature is. At a
        given temperature ET is a multiple of LE, and so are the bounds of its interval; the
        completeness is LE's.
    """
    temperature = temperature.sel(time=latent["time"]).reset_coords(drop=True)
    fields: dict[str, xr.DataArray] = {}
    bounds = {
        f"_{side}": f"{latent[f'LE_{side}'].attrs['long_name'].partition(':')[0]}: "
        for side in _BOUNDS
        if f"LE_{side}" in latent
    }
    for suffix, prefix in (_PREFIXES | bounds).items():
        if f"LE{suffix}" in latent:
            source = latent[f"LE{suffix}"]
            water = evapotranspiration_from_le(source, temperature).astype("float32")
            fields[f"ET{suffix}"] = water.transpose(*source.dims).assign_attrs(
                _attributes("ET", prefix, source=f"LE, {temperature.name}")
            )
    if "LE_completeness" in latent:
        about = {"long_name": f"completeness of the sampling space: {VARIABLES['ET'].long_name}"}
        fields["ET_completeness"] = latent["LE_completeness"].drop_encoding().assign_attrs(about)
    beside = [f"ET_{name}" for name in (*_BOUNDS, "completeness") if f"ET_{name}" in fields]
    if beside:
        fields["ET"] = fields["ET"].assign_attrs(ancillary_variables=" ".join(beside))
    return _finished(fields, "ET", {"LE": latent}, {"air temperature": str(temperature.name)})


def water_use_efficiency(gpp: xr.Dataset, water: xr.Dataset) -> xr.Dataset:
    """Return water-use efficiency, GPP / ET: carbon taken up per water lost.

    It has no interval: that of a ratio does not follow from those of GPP and ET, whose errors go
    together, and where ET is small it has no bound.

    Args:
        gpp: Finished product of GPP.
        water: ET of the same cells and periods, from :func:`evapotranspiration`.

    Returns:
        ``WUE`` in gC per kg of water, lazily; NaN where ET is below :data:`LEAST_ET`.
    """
    ratio = (gpp["GPP"] / water["ET"].where(water["ET"] >= LEAST_ET)).astype("float32")
    attributes = _attributes("WUE", source="GPP, ET") | {
        "comment": f"grams of carbon by kilogram of water; missing where ET < {LEAST_ET} mm d-1"
    }
    field = ratio.transpose(*gpp["GPP"].dims).drop_attrs().assign_attrs(attributes)
    return _finished({"WUE": field}, "WUE", {"GPP": gpp, "ET": water}, {"least ET": LEAST_ET})


def _attributes(name: str, prefix: str = "", source: str = "") -> dict[str, Any]:
    attributes = VARIABLES[name].cf_attributes()
    if prefix not in (_PREFIXES[""], _PREFIXES["_member"]):
        attributes.pop("standard_name", None)
    return attributes | {
        "long_name": f"{prefix}{attributes['long_name']}",
        "cell_methods": "time: mean",
        "source": f"computed from {source}",
    }


def _finished(
    fields: Mapping[str, xr.DataArray],
    name: str,
    made_from: Mapping[str, xr.Dataset],
    parameters: Mapping[str, Any],
) -> xr.Dataset:
    first = next(iter(made_from.values()))
    projection = {"crs": first["crs"].attrs["crs_wkt"]} if "x" in first.dims else {}
    dataset = xr.Dataset(fields, attrs=projection).reset_coords(drop=True)
    dataset["time_bnds"] = first["time_bnds"]
    return finish_product(
        dataset,
        title=f"UFLUX ensemble: {name} from {' and '.join(made_from)}",
        members=str(first.attrs.get("members", "")).split(", "),
        parameters=dict(parameters),
        checksums={n: str(p.attrs.get("product_checksum", "")) for n, p in made_from.items()},
        history=f"computed from the products {', '.join(made_from)}",
        collections=collections_of(*made_from.values()),
        simulated=mark_of(*made_from.values()),
    )
