"""Record of a product: a STAC item next to its store, for catalogues and readers."""

from __future__ import annotations

import json
from typing import Any

import xarray as xr

from uflux_kedro.gridding.cells import axis_edges
from uflux_kedro.products.store import ProductStore
from uflux_kedro.simulated import SIMULATED, mark_of, notice


def stac_item(product: xr.Dataset, href: str) -> dict[str, Any]:
    """Return the STAC 1.1 item of a product; https://github.com/radiantearth/stac-spec.

    Args:
        product: The finished product.
        href: Address of its store.
    """
    west, south, east, north = _bounds(product)
    corners = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    start, end = product["time_bnds"].to_numpy()[[0, -1], [0, 1]].astype("datetime64[s]")
    name = href.rstrip("/").rsplit("/", 1)[-1].removesuffix(".zarr")
    kept = (
        "members",
        "input_checksums",
        "product_checksum",
        "software_versions",
        "parameters",
        "uncertainty",
        "budget",
        SIMULATED,
    )
    properties = {key: product.attrs[key] for key in kept if key in product.attrs}
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": name,
        "geometry": {"type": "Polygon", "coordinates": [corners]},
        "bbox": [west, south, east, north],
        "properties": {
            "title": product.attrs["title"],
            **({"description": notice(mark)} if (mark := mark_of(product)) else {}),
            "datetime": None,
            "start_datetime": f"{start}Z",
            "end_datetime": f"{end}Z",
            **{f"uflux:{key}": value for key, value in properties.items()},
        },
        "links": [],
        "assets": {
            "zarr": {
                "href": href,
                "type": "application/vnd.zarr; version=3",
                "roles": ["data"],
            }
        },
    }


def write_record(store: ProductStore) -> None:
    """Write ``<name>.stac.json`` next to a finished product."""
    href = store.url.rstrip("/").rsplit("/", 1)[-1] if store.is_local else store.url
    item = stac_item(store.open(verified=False), href)
    store.write_beside(".stac.json", json.dumps(item, indent=2) + "\n")


def _bounds(product: xr.Dataset) -> tuple[float, float, float, float]:
    """Return west, south, east and north in degrees."""
    if "x" not in product.dims:
        longitude, latitude = product["longitude_bnds"], product["latitude_bnds"]
        edges = (longitude.min(), latitude.min(), longitude.max(), latitude.max())
        west, south, east, north = (float(edge) for edge in edges)
        return west, south, east, north
    from pyproj import CRS, Transformer

    x, y = (axis_edges(product[axis])[[0, -1]] for axis in ("x", "y"))
    crs = CRS.from_cf(product["crs"].attrs)
    to_degrees = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(x[0], y[0], x[1], y[1])
    return float(west), float(south), float(east), float(north)
