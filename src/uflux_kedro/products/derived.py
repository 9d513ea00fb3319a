"""What follows from products: evapotranspiration and water-use efficiency, as products."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import xarray as xr

from uflux_kedro.biophysics.evapotranspiration import evapotranspiration_from_le
from uflux_kedro.errors import InputError
from uflux_kedro.products.cf import finish_product
from uflux_kedro.variables import VARIABLES

LEAST_ET = 0.1
"""mm d-1; below it the ratio of two small numbers says nothing."""


def air_temperature(drivers: xr.Dataset, predictors: Iterable[str]) -> xr.DataArray:
    """Air temperature as the members know it.

    Args:
        drivers: Predictors on the products' cells.
        predictors: Those of the members; the first air temperature among them is taken, else
            the first that the drivers have.

    Raises:
        InputError: If there is none.
    """
    for name in [*predictors, *sorted(map(str, drivers.data_vars))]:
        if name.endswith("_TA") and name in drivers:
            return drivers[name]
    raise InputError(
        "drivers",
        "TA",
        expected="air temperature of some source, such as ERA5_TA",
        found=", ".join(map(str, drivers.data_vars)),
        hint="Leave ET and WUE out of inference.derived",
    )


def evapotranspiration(latent: xr.Dataset, warmth: xr.DataArray) -> xr.Dataset:
    """Evapotranspiration of a product of LE, by the latent heat at the air's temperature.

    Args:
        latent: Finished product of LE, W m-2.
        warmth: Air temperature on its cells and periods (others may be there too), degC.

    Returns:
        ``ET`` in mm d-1 with ``ET_std`` and ``ET_member`` where LE has them, lazily. Where it is
        NaN, LE or the temperature is.
    """
    warmth = warmth.sel(time=latent["time"]).reset_coords(drop=True)
    fields: dict[str, xr.DataArray] = {}
    for ending, what in {"": "", "_std": "standard deviation over the members: ", "_member": "of each member: "}.items():  # fmt: skip
        if f"LE{ending}" in latent:
            source = latent[f"LE{ending}"]
            water = evapotranspiration_from_le(source, warmth).astype("float32")
            fields[f"ET{ending}"] = water.transpose(*source.dims).assign_attrs(
                _attributes("ET", what, source=f"LE, {warmth.name}")
            )
    return _finished(fields, "ET", {"LE": latent}, {"air temperature": str(warmth.name)})


def water_use_efficiency(gpp: xr.Dataset, water: xr.Dataset) -> xr.Dataset:
    """Carbon taken up by water lost, GPP / ET.

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


def _attributes(name: str, what: str = "", source: str = "") -> dict[str, Any]:
    attributes = VARIABLES[name].cf_attributes()
    if what.startswith("standard deviation"):
        attributes.pop("standard_name", None)
    return attributes | {
        "long_name": f"{what}{attributes['long_name']}",
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
    projection = {"crs": first["crs"].attrs["crs_wkt"]} if "crs" in first else {}
    dataset = xr.Dataset(fields, attrs=projection).reset_coords(drop=True)
    dataset["time_bnds"] = first["time_bnds"]
    return finish_product(
        dataset,
        title=f"UFLUX ensemble: {name} from {' and '.join(made_from)}",
        members=str(first.attrs.get("members", "")).split(", "),
        parameters=dict(parameters),
        checksums={n: str(p.attrs.get("product_checksum", "")) for n, p in made_from.items()},
        history=f"computed from the products {', '.join(made_from)}",
    )
